import type { ListenerConfig } from '../config/schema/listeners.ts';
import type { Problem } from '../config/yaml/problem.ts';

/** Rules that go by a client id which its client need not prove, with their place in the access file. */
export interface UnprovenRules extends Omit<Problem, 'message'> {
  /** What they are, e.g. `the rules of the client id panel1 (lamp/#)`. */
  readonly what: string;
  /** What gives the same rights to a client that proves its identity. */
  readonly instead: string;
}

/** One warning for each of these rules that holds on none or not all of the listeners that admit anonymous clients. */
export function unprovenRuleWarnings(
  rules: readonly UnprovenRules[],
  listeners: readonly ListenerConfig[],
): readonly Problem[] {
  const untrusting = listeners.filter(
    ({ anonymous, trustClientIds, tls }) =>
      anonymous && trustClientIds !== true && tls?.clientCert !== 'required',
  );
  if (untrusting.length === 0) return [];
  const at = untrusting.map(({ host, port }) => `${host}:${port}`).join(', ');
  return rules.map(({ what, instead, ...place }) => ({
    ...place,
    message: `warning: ${what} hold only for a client with a user or a certificate, expected ${instead}, or trustClientIds: true at the listener ${at} if no client there claims the id of another`,
  }));
}
