import { z } from 'zod';
import { filterProblem, topicProblem } from '../../mqtt/topics.ts';
import { type QueueConfig, queueSchema } from './queue.ts';
import { expectation, mapSuchAs } from './values.ts';

/** Local messages that the filter matches go to the plant under the prefix `to`; with `queue` they have a separate queue. */
export interface OutRoute {
  readonly out: string;
  readonly to: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: 'keep' | 'clear';
  readonly priority: 'normal' | 'high';
  readonly queue?: QueueConfig;
}

/** Messages of the plant that the filter matches are published here without the prefix `strip`, under the prefix `to`. */
export interface InRoute {
  readonly in: string;
  readonly strip: string;
  readonly to: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: 'keep' | 'clear';
}

function prefix(description: string) {
  return z
    .string({ error: 'the beginning of a topic such as plant/line4/' })
    .refine((word) => word === '' || (word.endsWith('/') && topicProblem(word) === undefined), {
      error: 'whole levels of a topic such as plant/line4/: a / at the end, no + or #',
      params: expectation,
    })
    .describe(description);
}

function filter(description: string) {
  const error = 'a topic filter such as robotcell1/# or +/alarm/#';
  return z
    .string({ error })
    .refine((word) => filterProblem(word) === undefined && !word.startsWith('$'), {
      error,
      params: expectation,
    })
    .optional()
    .describe(description);
}

const QUEUE = { messages: 1_000_000, bytes: '1GiB' };
const whenFull = z
  .enum(['drop-oldest', 'drop-newest', 'latest-per-topic'])
  .prefault('drop-oldest')
  .describe(
    'What is dropped when the queue is full; latest-per-topic: the oldest message that has a newer one of its topic.',
  );
/** The schema of `queue`, for an uplink and for one route. */
export const uplinkQueueSchema = queueSchema(QUEUE, whenFull);

/** The schema of one route. */
export const routeSchema = z
  .strictObject(
    {
      out: filter(
        'Filter of local messages that go to the plant. If several out routes match, the narrowest one applies.',
      ),
      in: filter('Filter of messages of the plant that are published here.'),
      to: prefix('Prefix that is added to the topic.').optional(),
      strip: prefix('Prefix that is removed from the topic of a received message.').optional(),
      qos: z
        .literal([0, 1, 2], { error: '0, 1 or 2' })
        .prefault(1)
        .describe(
          'Out: the QoS of messages that came with QoS 0, such as readings, and the highest QoS of others; at 0 a message leaves the queue when it is sent. In: the highest QoS of messages from the plant.',
        ),
      retain: z
        .enum(['keep', 'clear'])
        .optional()
        .describe(
          'Whether messages stay retained on the other side. Default: keep for out, clear for in. For in with MQTT 3.1.1, see docs/uplink.md.',
        ),
      priority: z
        .enum(['normal', 'high'])
        .optional()
        .describe('high: sent before all other messages that wait; only for out.'),
      queue: uplinkQueueSchema
        .optional()
        .describe('Separate queue for this route, with its own limits; only for out.'),
    },
    mapSuchAs("{ out: '#', to: plant/line4/ }"),
  )
  .check((ctx) => {
    if (ctx.issues.length > 0) return;
    const { in: remote, out, strip, priority, queue } = ctx.value;
    const push = (path: readonly string[], message: string): void => {
      ctx.issues.push({ code: 'custom', input: ctx.value, path: [...path], message });
    };
    if ((out === undefined) === (remote === undefined)) {
      const found = out === undefined ? 'neither "out" nor "in"' : 'both "out" and "in"';
      return push([], `found ${found}, expected one of them: make two routes of it`);
    }
    if (out !== undefined && strip !== undefined) {
      push(['strip'], 'only a route with "in" strips, expected no such key beside "out"');
    }
    if (remote === undefined) return;
    if (ctx.value.qos === 2) {
      push(['qos'], 'received messages are on disk before they are acknowledged, expected 0 or 1');
    }
    if (priority !== undefined || queue !== undefined) {
      const key = priority === undefined ? 'queue' : 'priority';
      push([key], 'received messages are not queued here, expected no such key beside "in"');
    }
    if (strip !== undefined && (!remote.startsWith(strip) || remote === strip)) {
      push(['strip'], `"${strip}" is not how "${remote}" begins, expected the beginning of "in"`);
    }
  })
  // For editors and the reference; the check above has the sentence for it.
  .meta({
    id: 'route',
    if: { required: ['in'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { properties: { qos: { enum: [0, 1] } } },
  });
