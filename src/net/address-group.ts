/** The group of all addresses of this machine itself. */
export const LOOPBACK = 'loopback';

/** The most 16-bit groups of an IPv6 address. */
const GROUPS = 8;
/** Groups of the prefix that one subscriber has at least (RFC 6177). */
const PREFIX_GROUPS = 4;

/**
 * What connections are counted by: an IPv4 address, or the /64 prefix of an IPv6 address, in which one machine may take
 * as many addresses as it likes. All of loopback is one group.
 */
export function addressGroup(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const plain = mapped ?? address;
  if (plain === '::1' || plain.startsWith('127.')) return LOOPBACK;
  if (!plain.includes(':')) return plain;
  const [bare = '', zone] = plain.split('%');
  const [head = '', tail] = bare.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, GROUPS - first.length - last.length);
  const groups = [...first, ...Array<string>(zeros).fill('0'), ...last];
  const prefix = groups
    .slice(0, PREFIX_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
  return `${prefix}::/64${zone === undefined ? '' : `%${zone}`}`;
}
