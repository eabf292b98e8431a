import { isIP } from 'node:net';
import { hostname } from 'node:os';

/**
 * Whether a request's Origin is allowed. Only browsers send one; it must be a page of this gateway or one of
 * `allowed` (`*`: any). A name that foreign DNS could point to this gateway is not accepted as its own.
 */
export function isAllowedOrigin(
  origin: string | undefined,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (origin === undefined) return true;
  if (allowed.includes('*') || allowed.includes(origin.toLowerCase())) return true;
  const page = hostnameOf(origin);
  return page !== undefined && page === hostnameOf(`http://${host}`) && isOwnName(page);
}

/** Whether a name certainly belongs to this machine: an address, or its own host name. */
export function isOwnName(name: string): boolean {
  const own = hostname().toLowerCase();
  const address = name.replace(/^\[(.*)\]$/, '$1');
  return isIP(address) !== 0 || ['localhost', own, `${own}.local`].includes(name);
}

function hostnameOf(url: string): string | undefined {
  try {
    return new URL(url).hostname.toLowerCase();
  } catch {
    return undefined;
  }
}
