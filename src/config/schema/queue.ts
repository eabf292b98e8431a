import { z } from 'zod';
import { duration, size } from '../../driver-kit/units.ts';
import { mapSuchAs, wholeNumber } from './values.ts';

/** The limits of one queue: messages, bytes, milliseconds, and what is dropped when it is full. */
export interface QueueConfig {
  readonly messages: number;
  readonly bytes: number;
  readonly age: number;
  readonly full: 'drop-oldest' | 'drop-newest' | 'latest-per-topic';
}

/** The schema of `queue`: the same keys for sessions, uplinks and routes, each with its own defaults and policies. */
export function queueSchema<Full extends z.ZodType<QueueConfig['full']>>(
  { messages, bytes }: { readonly messages: number; readonly bytes: string },
  full: Full,
) {
  return z.strictObject(
    {
      messages: wholeNumber(1, 100_000_000)
        .prefault(messages)
        .describe('Most messages in the queue.'),
      bytes: size('1KiB', '1024GiB').prefault(bytes).describe('Most bytes in the queue.'),
      age: duration('1s', '3650d')
        .prefault('7d')
        .describe('Longest time that a message waits in the queue.'),
      full,
    },
    mapSuchAs(`{ messages: ${messages}, full: drop-oldest }`),
  );
}
