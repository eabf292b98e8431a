import type { Qos } from '../../mqtt/codec.ts';
import type { Retained, RetainedMessages } from './retained.ts';
import type { Session } from './session.ts';

/** Messages that are queued in one turn of the event loop. */
const STEP = 500;

export interface RetainedDeliveryParts {
  readonly session: Session;
  readonly retained: RetainedMessages;
  /** Those that the filter matches. */
  readonly matching: readonly Retained[];
  /** What the subscription was granted. */
  readonly qos: Qos;
  /** They may not be sent before they are on disk. */
  readonly held: boolean;
}

/**
 * Queues the retained messages of QoS 1 and 2 that a subscription asked for, some in each turn, and calls `done`: in
 * this turn where there are few. Left out are those that wait already and those that were replaced meanwhile: the
 * session was sent what replaced them.
 */
export function enqueueRetained(parts: RetainedDeliveryParts, done: () => void): void {
  const { session, retained, matching, qos, held } = parts;
  if (qos === 0 || matching.length === 0) return done();
  let next = 0;
  const step = (): void => {
    if (session.ended) return done();
    if (!session.copies.find(retained, step)) return;
    const end = Math.min(next + STEP, matching.length);
    for (; next < end; next++) {
      const each = matching[next]!;
      const granted = Math.min(qos, each.qos) as Qos;
      if (granted > 0 && each.current) session.deliverRetained(each, granted as 1 | 2, held);
    }
    if (next < matching.length) setImmediate(step);
    else done();
  };
  step();
}

/** Sends the retained messages of QoS 0, without those that were replaced since the subscription. */
export function feedRetained(session: Session, matching: readonly Retained[], qos: Qos): void {
  const atMostOnce = matching.filter((each) => each.current && Math.min(qos, each.qos) === 0);
  if (atMostOnce.length > 0) session.feed(atMostOnce);
}
