import { isIP } from 'node:net';
import { hostname } from 'node:os';

/**
 * Whether a request may come from where it says. Only browsers send an Origin; theirs must be a page of this gateway
 * or one of `allowed` (`*`: any). Names that somebody else's DNS could point here are no names of this gateway.
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

/** Whether a name can't be anybody else's: an address, or what this machine calls itself. */
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
