import type { SubscriptionOptions } from '../../mqtt/codec.ts';

const NO_LOCAL = 4;
const RETAIN_AS_PUBLISHED = 8;

/** The options of a subscription that hold after the SUBSCRIBE, as one number on disk; as in the packet, without the QoS. */
export function storedOptions(options: SubscriptionOptions | undefined): number {
  if (!options) return 0;
  return (options.noLocal ? NO_LOCAL : 0) | (options.retainAsPublished ? RETAIN_AS_PUBLISHED : 0);
}

/** Reads `storedOptions`; undefined for a subscription that is as in MQTT 3.1.1. */
export function restoredOptions(
  stored: number,
  identifier: number,
): SubscriptionOptions | undefined {
  if (stored === 0 && identifier === 0) return undefined;
  const noLocal = (stored & NO_LOCAL) !== 0;
  const retainAsPublished = (stored & RETAIN_AS_PUBLISHED) !== 0;
  return { noLocal, retainAsPublished, retainHandling: 0, identifier };
}
