import type { SessionStatus } from '../../broker/stats/status.ts';
import { number, span, translate } from '../translations.ts';

/** What is special about a client; empty if nothing is. */
export function noteOf({ slow, held }: SessionStatus, isOwn: boolean): string {
  if (slow) return translate('slowReader');
  if (held.isWaiting) return translate('waitsForReader');
  return isOwn ? translate('thisPage') : '';
}

/** How long it has been connected, or when it was connected last. */
export function seenOf({ online, since }: SessionStatus, now: number): string {
  const time = span(now - since);
  return online
    ? `${translate('online')} ${translate('since', { time })}`
    : translate('ago', { time });
}

export function versionOf({ version }: SessionStatus): string {
  return version === null ? '–' : `MQTT ${version}`;
}

export function userOf({ user }: SessionStatus): string {
  return user || translate('anonymous');
}

export function heldOf({ held }: SessionStatus): string {
  return held.count === 0 && held.ms === 0 ? '–' : span(held.ms);
}

export function subscriptionsOf({ subscriptions, shares }: SessionStatus): string {
  if (shares === 0) return number(subscriptions);
  return translate('ofThemShared', { count: number(subscriptions), shares: number(shares) });
}

/** How long the session outlives its connection. */
export function expiryOf({ sessionExpiry }: SessionStatus): string {
  if (sessionExpiry === null) return translate('keptLong');
  return sessionExpiry === 0 ? translate('notKept') : span(sessionExpiry * 1000);
}

/** Aliases of the client, and of the gateway towards it; only MQTT 5 has some. */
export function aliasesOf({ version, aliases }: SessionStatus): string {
  if (version !== '5') return '–';
  return `${number(aliases.fromClient)} / ${number(aliases.toClient)}`;
}
