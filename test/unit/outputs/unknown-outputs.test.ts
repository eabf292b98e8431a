import { expect, test } from 'vitest';
import type { ReceivedCommand } from '../../../src/outputs/outputs.ts';
import {
  answerUnknownOutputs,
  type UnknownOutputsParts,
} from '../../../src/outputs/unknown-outputs.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

/** Outputs `lamp` and `stacklight/red` of the cell `cell`; what is subscribed by name is in `named`. */
function setUp(named: readonly string[] = []) {
  const clock = createManualClock();
  const { log, lines } = createQuietLog();
  const published: string[] = [];
  const receivers = new Map<string, (message: ReceivedCommand) => void>();
  const life = new AbortController();
  const parts: UnknownOutputsParts = {
    cell: 'cell',
    clock,
    log,
    isNamed: (topic) => named.includes(topic),
    names: () => ['lamp', 'stacklight/red'],
    publishResult: (topic, payload) => published.push(`${topic} ${Buffer.from(payload)}`),
    subscribe(filter, receive) {
      receivers.set(filter, receive as (message: ReceivedCommand) => void);
      return () => receivers.delete(filter);
    },
  };
  answerUnknownOutputs(parts, life.signal);
  const stop = (): void => life.abort();
  const send = (topic: string, text = 'on', more: Partial<ReceivedCommand> = {}): void => {
    const filter = `cell${'/+'.repeat(topic.split('/').length - 2)}/set`;
    receivers.get(filter)?.({ topic, payload: Buffer.from(text), ...more });
  };
  return { send, stop, clock, published, receivers, lines };
}

test('a command to an output that does not exist is answered with what was meant', () => {
  const { send, published } = setUp();
  send('cell/lmap/set', '{"value":true,"id":"7"}');
  send('cell/stacklight/rde/set');
  send('cell/pump/left/a/set');
  send('cell/alarm/boiler/hot/set', 'acknowledge');
  expect(published).toEqual([
    'cell/lmap/result {"id":"7","ok":false,"reason":"there is no output lmap (did you mean lamp?)"}',
    'cell/stacklight/rde/result {"ok":false,"reason":"there is no output stacklight/rde (did you mean stacklight/red?)"}',
    'cell/pump/left/a/result {"ok":false,"reason":"there is no output pump/left/a"}',
    'cell/alarm/boiler/hot/result {"ok":false,"reason":"there is no alarm boiler/hot"}',
  ]);
});

test('a sender that asks for an answer of its own gets the same', () => {
  const answers: string[] = [];
  const { send } = setUp();
  send('cell/lmap/set', 'on', { answer: (bytes) => answers.push(`${Buffer.from(bytes)}`) });
  expect(answers).toEqual(['{"ok":false,"reason":"there is no output lmap (did you mean lamp?)"}']);
});

test('what a client or a part of the gateway has subscribed to by name, and a deletion, get no answer', () => {
  const { send, published } = setUp(['cell/press/recipe/set']);
  send('cell/press/recipe/set');
  send('cell/lmap/set', '', { isDeletion: true });
  expect(published).toEqual([]);
});

test('answers are at most 20 in a second, and a topic has one line in the log, of at most 100 topics', async () => {
  const { send, published, clock, lines } = setUp();
  for (let i = 0; i < 500; i++) send('cell/lmap/set');
  expect(published).toHaveLength(20);
  expect(lines).toHaveLength(1);
  for (let i = 0; i < 300; i++) {
    if (i % 20 === 0) await clock.advance(1000);
    send(`cell/unknown${i}/set`);
  }
  expect(published).toHaveLength(320);
  expect(lines).toHaveLength(100);
});

test('nothing is received any more when it has ended', () => {
  const { stop, receivers } = setUp();
  expect(receivers.size).toBeGreaterThan(3);
  stop();
  expect(receivers.size).toBe(0);
});
