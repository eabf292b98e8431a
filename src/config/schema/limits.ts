import { z } from 'zod';
import { duration, size } from '../../driver-kit/units.ts';
import { queueSchema } from './queue.ts';
import { wholeNumber } from './values.ts';

const QUEUE = { messages: 100_000, bytes: '256MiB' };
const whenFull = z
  .enum(['drop-oldest', 'drop-newest'])
  .prefault('drop-oldest')
  .describe('What is dropped when the queue is full.');

/** The schema of `broker.limits`. */
export const limitsSchema = z.strictObject({
  connections: wholeNumber(1, 100_000)
    .prefault(1000)
    .describe(
      'Most clients connected at the same time. Up to 4,096 more are answered with return code 3.',
    ),
  connectionsPerAddress: wholeNumber(1, 100_000)
    .optional()
    .describe(
      'Most clients connected at the same time from one address, or from one /64 network of IPv6. Default: 100; on loopback half of `connections`, at least 100.',
    ),
  connecting: wholeNumber(1, 100_000)
    .prefault(1000)
    .describe(
      'Most connections without a CONNECT, or with an unfinished login. Beyond that, and where there is no room for a client, the oldest of them is closed.',
    ),
  packet: size('1KiB', '255MiB')
    .prefault('1MiB')
    .describe(
      'Largest payload of a message. A packet may have 65 KiB more, for its topic and properties; clients with MQTT 5 learn this sum as the Maximum Packet Size.',
    ),
  inflight: wholeNumber(1, 65_535)
    .prefault(20)
    .describe('Most messages sent to one client that it has not acknowledged yet.'),
  receiveMaximum: wholeNumber(1, 65_535)
    .prefault(1000)
    .describe(
      'Most messages above QoS 0 that one client with MQTT 5 may send before one is acknowledged.',
    ),
  overReceiveMaximum: z
    .enum(['disconnect', 'accept'])
    .prefault('disconnect')
    .describe(
      'What happens to a client with MQTT 5 that sends more than `receiveMaximum` allows. Some clients do not know this limit.',
    ),
  topicAliases: wholeNumber(0, 65_535)
    .prefault(100)
    .describe('Most topic aliases that one client with MQTT 5 may use.'),
  longestKeepalive: duration('1s', '65535s')
    .optional()
    .describe(
      'Longest keep alive of a client with MQTT 5: a client that asks for a longer one, or for none, is given this one. Default: no limit.',
    ),
  queue: queueSchema(QUEUE, whenFull).prefault({}).describe('Limits of the queue of each session.'),
  sessionExpiry: duration('1s', '3650d')
    .prefault('7d')
    .describe('How long the session of an absent client is kept.'),
  tcpKeepalive: duration('1s', '18h')
    .prefault('10m')
    .describe('Silence before TCP checks whether a client is still there (TCP keep-alive).'),
  connectTimeout: duration('100ms', '10m')
    .prefault('10s')
    .describe('Longest time from the start of a connection to its CONNECT.'),
  packetTimeout: duration('1s', '1h')
    .prefault('5m')
    .describe('Longest time for one packet to arrive, from its first byte to its last.'),
  retainedMessages: wholeNumber(1, 100_000_000)
    .prefault(100_000)
    .describe('Most retained messages.'),
  retainedMessagesPerClient: wholeNumber(1, 100_000_000)
    .prefault(50_000)
    .describe('Most retained messages that one client has published.'),
  retainedBytes: size('1KiB', '1024GiB')
    .prefault('256MiB')
    .describe('Most bytes of retained messages.'),
  retainedBytesPerClient: size('1KiB', '1024GiB')
    .prefault('128MiB')
    .describe('Most bytes of the retained messages that one client has published.'),
  sessions: wholeNumber(1, 1_000_000)
    .optional()
    .describe(
      'Most sessions of clients, connected or not. Default: 10,000, at least twice `connections`.',
    ),
  subscriptions: wholeNumber(1, 10_000_000)
    .prefault(100_000)
    .describe('Most subscriptions of all sessions together.'),
  subscriptionsPerClient: wholeNumber(1, 10_000_000)
    .prefault(10_000)
    .describe('Most subscriptions of one session.'),
  subscriptionBytes: size('1KiB', '1024GiB')
    .prefault('16MiB')
    .describe('Most bytes of the filters of all sessions together.'),
  subscriptionBytesPerClient: size('1KiB', '1024GiB')
    .prefault('4MiB')
    .describe('Most bytes of the filters of one session.'),
  unreleased: wholeNumber(1, 100_000_000)
    .prefault(200_000)
    .describe(
      'Most QoS 2 messages that clients have published and not released (PUBREL), of all sessions together. Beyond that, where no absent session has any, the client with the most of them is disconnected.',
    ),
  absentQueueBytes: size('1MiB', '1024GiB')
    .prefault('2GiB')
    .describe('Most bytes in the queues of all absent clients together.'),
  queueMemory: size('1MiB', '1024GiB')
    .prefault('64MiB')
    .describe(
      'Most memory for the queues of all clean sessions together, and the same for the wills of all absent clients.',
    ),
  queueMemoryPerClient: size('64KiB', '1024GiB')
    .prefault('16MiB')
    .describe('Most memory for the queue of one clean session.'),
  unfinishedMemory: size('1MiB', '1024GiB')
    .prefault('64MiB')
    .describe(
      'Most memory for packets that have not arrived completely, of all clients together. Beyond that, the client whose packet uses the most is disconnected.',
    ),
  unreadMemory: size('1MiB', '1024GiB')
    .prefault('128MiB')
    .describe(
      'Most memory for what clients were sent and have not read, all together. Beyond that, nothing more is sent to a client that has left 64 KiB unread.',
    ),
  unreadMemoryPerClient: size('64KiB', '1024GiB')
    .prefault('8MiB')
    .describe('Most memory for what one client was sent and has not read.'),
  controlCharacters: z
    .enum(['allow', 'refuse'])
    .prefault('refuse')
    .describe(
      'What happens at U+0001 to U+001F and U+007F to U+009F in the topics, topic filters and wills of clients: `refuse` closes the connection, as the standard permits.',
    ),
  absentSessions: z
    .enum(['end-largest', 'keep'])
    .prefault('end-largest')
    .describe(
      'What happens when `sessions`, `subscriptions`, `subscriptionBytes`, `unreleased` or `absentQueueBytes` are used up: the session of the absent client that has the most of them ends, or no session ends and the client that asks is refused.',
    ),
});

/** The limits of the broker: counts, bytes and milliseconds. */
export type Limits = Readonly<z.output<typeof limitsSchema>>;
