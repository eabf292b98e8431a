import { z } from 'zod';
import { duration, size } from '../../driver-kit/units.ts';
import { wholeNumber } from './values.ts';

/** The schema of `broker.limits`. */
export const limitsSchema = z.strictObject({
  connections: wholeNumber(1, 100_000)
    .prefault(1000)
    .describe('Most clients connected at the same time.'),
  connectionsPerAddress: wholeNumber(1, 100_000)
    .prefault(100)
    .describe('Most clients connected at the same time from one address.'),
  packet: size('1KiB', '255MiB').prefault('1MiB').describe('Largest MQTT packet.'),
  inflight: wholeNumber(1, 65_535)
    .prefault(20)
    .describe('Most messages sent to one client that it has not acknowledged yet.'),
  queuedMessages: wholeNumber(1, 100_000_000)
    .prefault(100_000)
    .describe('Messages that wait for one session.'),
  queuedBytes: size('1KiB', '1024GiB')
    .prefault('256MiB')
    .describe('Bytes that wait for one session.'),
  queuedAge: duration('1s', '3650d')
    .prefault('7d')
    .describe('How long a message waits for a session.'),
  queueFull: z
    .enum(['drop-oldest', 'drop-newest'])
    .prefault('drop-oldest')
    .describe('What gives way when a queue is full.'),
  sessionExpiry: duration('1s', '3650d')
    .prefault('7d')
    .describe('How long the session of an absent client is kept.'),
  keepalive: duration('1s', '18h')
    .prefault('10m')
    .describe('Silence before TCP checks whether a client is still there (TCP keep-alive).'),
  connectTimeout: duration('100ms', '10m')
    .prefault('10s')
    .describe('Longest time from the start of a connection to its CONNECT.'),
  retainedMessages: wholeNumber(1, 100_000_000)
    .prefault(100_000)
    .describe('Most retained messages.'),
  retainedBytes: size('1KiB', '1024GiB')
    .prefault('256MiB')
    .describe('Most bytes of retained messages.'),
});

/** The bounds of the broker: counts, bytes and milliseconds. */
export type Limits = Readonly<z.output<typeof limitsSchema>>;
