import { bytes, number, span, translate } from '../translations.ts';
import type { TopicEntry } from './topic-store.ts';

/** How long ago it has arrived; a message that was retained before may be older. */
export function ageOf({ isStored, time }: TopicEntry, now: number): string {
  if (isStored) return translate('older', { time: span(now - time) });
  return now - time < 1000 ? translate('justNow') : translate('ago', { time: span(now - time) });
}

/** The reason code of MQTT 5 in words; the message of the error where there is none. */
export function refusalOf(error: unknown, topic: string): string {
  const { code, message } = error as { readonly code?: unknown; readonly message: string };
  return code === 0x87
    ? translate('mayNotPublish', { topic })
    : translate('refused', { reason: message });
}

export function sizeOf({ size, payload }: TopicEntry): string {
  const whole = bytes(size);
  return payload.length < size
    ? translate('cutAt', { size: whole, kept: number(payload.length) })
    : whole;
}
