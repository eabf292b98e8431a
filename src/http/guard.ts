import type { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isOwnName } from '../net/origin.ts';

/** Only the gateway's own scripts, styles and connections; no frame around the page. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/**
 * Whether a Host header names this machine. A page of another site can make its own name point to our address
 * (DNS rebinding), but can't make the browser send an address, our name or the name of our certificate.
 */
export function isOwnHost(
  header: string | undefined,
  certificate: X509Certificate | undefined,
): boolean {
  const host = hostOf(header);
  if (host === undefined) return false;
  return isOwnName(host) || certificate?.checkHost(host) !== undefined;
}

/** Whether a request that a browser sends for a page comes from a page of this gateway; other programs send no origin. */
export function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  return URL.canParse(origin) && host !== undefined && new URL(origin).host === host.toLowerCase();
}

/**
 * Whether a request with the cookie of a login comes from a page of this gateway. A browser names the origin of each
 * request that may change something: one without it is from another program, which has no business with a cookie.
 */
export function isFromOwnPage(
  method: string | undefined,
  { origin, host, upgrade }: IncomingHttpHeaders,
): boolean {
  const changes = method === 'POST' || upgrade !== undefined;
  return origin === undefined ? !changes : isOwnOrigin(origin, host);
}

/** The name or address in a Host header, in lower case and without its port. */
function hostOf(header: string | undefined): string | undefined {
  if (header === undefined || !/^[\w.:[\]-]{1,255}$/.test(header)) return undefined;
  const url = `http://${header}/`;
  return URL.canParse(url) ? new URL(url).hostname.toLowerCase() : undefined;
}
