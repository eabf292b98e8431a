import { afterEach, describe, expect, test } from 'vitest';
import { type OutputConfig, outputSchema } from '../../../src/config/schema/outputs.ts';
import {
  createOutputs,
  type OutputsParts,
  type ReceivedCommand,
} from '../../../src/outputs/outputs.ts';
import { fakeBuses } from '../../support/fake-buses.ts';
import { createManualClock, settle } from '../../support/manual-clock.ts';
import { type PlaybackLine, playbackLine, playbackLines } from '../../support/playback-gpio.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

type Input = Parameters<typeof outputSchema.parse>[0];

let stop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

/** One output named lamp on DO0, an interlock on DI3; what is published is noted as text. */
async function setUp(
  options: Record<string, unknown> = {},
  prepare?: (line: PlaybackLine) => void,
  parts: Partial<OutputsParts> = {},
) {
  const clock = createManualClock();
  const { log, lines } = createQuietLog();
  const line = playbackLine();
  const lock = playbackLine();
  prepare?.(line);
  const published: string[] = [];
  const receivers = new Map<string, (message: ReceivedCommand) => void>();
  const base = { name: 'lamp', driver: 'digital-output', line: 'DO0', ...options } as Input;
  const config: OutputConfig = { ...outputSchema.parse(base), payload: 'json' };
  const outputs = createOutputs({
    cell: 'cell',
    boot: () => 1,
    storedNow: () => clock.monotonic(),
    outputs: [config],
    buses: fakeBuses({
      gpio: {
        line: (name) => (name === 'DO0' ? line : lock),
        lines: () => playbackLines([]),
        chips: async () => [],
      },
    }),
    pins: { open: () => Promise.reject(new Error('no pins in this test')) },
    clock,
    log,
    publishReading(topic, payload) {
      const { value, quality, reason } = JSON.parse(Buffer.from(payload).toString());
      published.push([topic, value, quality, reason].filter((one) => one !== undefined).join(' '));
    },
    publishResult: (topic, payload) => published.push(`${topic} ${Buffer.from(payload)}`),
    subscribe(topic, receive) {
      receivers.set(topic, receive);
      return () => receivers.delete(topic);
    },
    ...parts,
  });
  stop = () => outputs.stop();
  await outputs.start();
  const send = async (text: string, topic = 'cell/lamp/set', sender?: string): Promise<void> => {
    receivers.get(topic)?.({ payload: Buffer.from(text), ...(sender && { sender }) });
    await settle();
  };
  const news = (): string[] => published.splice(0);
  return { outputs, line, lock, clock, send, news, receivers, lines };
}

const ok = 'cell/lamp/result {"ok":true}';
const refused = (reason: string): string =>
  `cell/lamp/result ${JSON.stringify({ ok: false, reason })}`;

test('is safe from the moment it is taken, follows commands, and is safe at the stop', async () => {
  const { outputs, line, send, news } = await setUp({ activeLow: true, drive: 'open-drain' });
  expect(line.taken).toEqual({ activeLow: true, drive: 'open-drain', initial: false });
  expect(news()).toEqual(['cell/lamp false good']);
  await send('on');
  expect(news()).toEqual(['cell/lamp true good', ok]);
  await send('{"value":false,"id":"7"}');
  expect(news()).toEqual(['cell/lamp false good', 'cell/lamp/result {"id":"7","ok":true}']);
  await send('on');
  news();
  await outputs.stop();
  expect(news()).toEqual(['cell/lamp false good']);
  expect(line.written).toEqual([false, true, false, true, false]);
  expect(line.taken).toBeUndefined();
});

test('safe may be on', async () => {
  const { outputs, line, send } = await setUp({ safe: 'on' });
  await send('off');
  await outputs.stop();
  expect(line.written).toEqual([true, false, true]);
});

describe('commands', () => {
  test('that are wrong are refused and change nothing', async () => {
    const { line, send, news } = await setUp();
    news();
    await send('{"value":true,"id":"a","fro":"2s"}');
    expect(news()).toEqual([expect.stringContaining('"id":"a","ok":false,"reason":"\\"fro\\"')]);
    expect(line.written).toEqual([false]);
  });

  test('that are late are refused', async () => {
    const { clock, send, news } = await setUp({ maxAge: '5s' });
    news();
    const time = (ms: number) => JSON.stringify({ value: true, time: new Date(clock.wall() - ms) });
    await send(time(5001));
    expect(news()).toEqual([refused('too late: given 5.0 s ago, at most 5 s')]);
    await send(time(5000));
    expect(news()).toEqual(['cell/lamp true good', ok]);
  });

  test('that come twice act once', async () => {
    const { clock, line, send, news } = await setUp();
    const pulse = '{"value":true,"id":"7","for":"1s"}';
    await send(pulse);
    await clock.advance(2000);
    news();
    await send(pulse);
    expect(news()).toEqual(['cell/lamp/result {"id":"7","ok":true}']);
    expect(line.written).toEqual([false, true, false]);
  });
});

describe('the log says by whom or why the output has changed', () => {
  const TOPIC = 'cell/lamp/set';

  test('a command that changes it, a pulse and its end, the command line, a safe state', async () => {
    const { outputs, clock, send, lines } = await setUp();
    await send('on', TOPIC, 'user "anna", client "page-1"');
    await send('on', TOPIC, 'client "plc"');
    await send('{"value":false,"id":"7"}', TOPIC, 'client "plc"');
    await send('{"value":false,"id":"8","fro":"2s"}', TOPIC, 'client "plc"');
    await send('{"value":true,"for":"2s"}', TOPIC, 'uplink plant');
    await clock.advance(2000);
    await outputs.set('lamp', Buffer.from('on'), '"root" on the command line');
    await send('off');
    await send('on');
    outputs.uplinkChanged(false);
    await outputs.stop();
    expect(lines).toEqual([
      'output lamp: switched on by user "anna", client "page-1"',
      'output lamp: switched off by client "plc"',
      'output lamp: switched on for 2 s by uplink plant',
      'output lamp: switched off, its time is over',
      'output lamp: switched on by "root" on the command line',
      'output lamp: switched off by the gateway',
      'output lamp: switched on by the gateway',
      'output lamp: switched off, the gateway stops',
    ]);
  });

  test('an alarm that it follows', async () => {
    let apply: (isActive: boolean) => void = () => undefined;
    const { lines } = await setUp({ follows: 'alarm/oven/hot' }, undefined, {
      follow(_alarm, to) {
        apply = to;
        return () => undefined;
      },
    });
    apply(true);
    await settle();
    apply(false);
    await settle();
    expect(lines).toEqual([
      'output lamp: switched on, as it follows alarm/oven/hot',
      'output lamp: switched off, as it follows alarm/oven/hot',
    ]);
  });

  test('three hundred commands have few lines, and the last of them is there soon', async () => {
    const { clock, send, lines } = await setUp();
    for (let n = 1; n <= 300; n++) await send(n % 2 ? 'on' : 'off', TOPIC, `client "${n}"`);
    expect(lines).toHaveLength(20);
    for (let second = 0; second < 11; second++) {
      await clock.advance(1000);
      await settle();
    }
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toContain('switched off by client "300"; 279 changes before it');
  });
});

describe('a pulse', () => {
  test('ends by itself', async () => {
    const { clock, send, news } = await setUp();
    await send('{"value":true,"for":"500ms"}');
    await clock.advance(499);
    expect(news().at(-1)).toBe(ok);
    await clock.advance(1);
    expect(news()).toEqual(['cell/lamp false good']);
  });

  test.each([
    ['true', 'off'],
    ['false', 'off'],
    ['true', 'on'],
    ['false', 'on'],
  ])('to %s where safe is %s does not go on over a lost line and back', async (value, safe) => {
    const { clock, line, send, news } = await setUp({ safe });
    await send(`{"value":${value},"for":"10s"}`);
    await clock.advance(3000);
    line.fail('line DO0: its chip was removed');
    await clock.advance(1000);
    line.fail(undefined);
    await clock.advance(1000);
    // It is back, and safe.
    const { length } = line.written;
    expect(line.written.at(-1)).toBe(safe === 'on');
    news();
    await clock.advance(60_000);
    expect(line.written.slice(length)).toEqual([]);
    expect(news()).toEqual([]);
  });

  test('does not begin on a line that is lost by its command', async () => {
    const { clock, line, send, news } = await setUp();
    line.fail('line DO0: its chip was removed');
    await send('{"value":false,"for":"10s"}');
    expect(news().at(-1)).toBe(refused('line DO0: its chip was removed'));
    line.fail(undefined);
    await clock.advance(60_000);
    expect(line.written).not.toContain(true);
  });

  test('is ended by the next command, whose time is its own', async () => {
    const { clock, line, send } = await setUp();
    await send('{"value":true,"for":"500ms"}');
    await clock.advance(300);
    await send('on');
    await clock.advance(10_000);
    expect(line.written).toEqual([false, true, true]);
  });

  test('is what every command is where the config says the longest time', async () => {
    const { clock, line, send } = await setUp({ longest: '2s' });
    await send('on');
    await clock.advance(2000);
    expect(line.written).toEqual([false, true, false]);
  });
});

describe('reading back', () => {
  test('a line that does not follow is told', async () => {
    const { line, send, news, outputs } = await setUp();
    news();
    line.short(false);
    await send('on');
    const reason = 'the line is off although on was written';
    expect(news()).toEqual([`cell/lamp false uncertain ${reason}`, refused(reason)]);
    expect(outputs.failures?.()).toMatchObject([{ name: 'lamp', cause: reason }]);
  });

  test('a short circuit that comes later is seen', async () => {
    const { clock, line, send, news } = await setUp();
    await send('on');
    news();
    line.short(false);
    await clock.advance(1000);
    expect(news()).toEqual(['cell/lamp false uncertain the line is off although on was written']);
    line.short(undefined);
    await clock.advance(1000);
    expect(news()).toEqual(['cell/lamp true good']);
  });
});

describe('hardware', () => {
  test('that is not there is told, tried again and then taken, safe', async () => {
    const { clock, line, send, news, outputs } = await setUp({}, (one) =>
      one.fail('line DO0 is in use by "ed-lvd"'),
    );
    expect(news()).toEqual(['cell/lamp  bad line DO0 is in use by "ed-lvd"']);
    await send('on');
    expect(news()).toEqual([refused('line DO0 is in use by "ed-lvd"')]);
    expect(outputs.failures?.()[0]?.cause).toContain('ed-lvd');
    line.fail(undefined);
    await clock.advance(1000);
    expect(news()).toEqual(['cell/lamp false good']);
    expect(outputs.failures?.()).toEqual([]);
  });

  test('that goes away is bad, and is safe when it comes back', async () => {
    const { clock, line, send, news } = await setUp();
    await send('on');
    news();
    line.fail('line DO0: its chip was removed');
    await clock.advance(1000);
    expect(news()).toEqual(['cell/lamp  bad line DO0: its chip was removed']);
    line.fail(undefined);
    await clock.advance(1000);
    expect(news()).toEqual(['cell/lamp false good']);
    expect(line.written.at(-1)).toBe(false);
  });
});

test('a line that is lost and comes back twice is good again each time', async () => {
  const { clock, line, news } = await setUp();
  for (let time = 0; time < 2; time++) {
    news();
    line.fail('line DO0: its chip was removed');
    await clock.advance(1000);
    expect(news()).toEqual(['cell/lamp  bad line DO0: its chip was removed']);
    line.fail(undefined);
    await clock.advance(1000);
    expect(news()).toEqual(['cell/lamp false good']);
  }
});

describe('an interlock', () => {
  const locked = refused('interlocked: DI3 is not on');

  test('holds the output safe from the start until its line allows more', async () => {
    const { lock, line, send, news } = await setUp({ interlock: { line: 'DI3' } });
    await settle();
    news();
    await send('on');
    expect(news()).toEqual([locked]);
    lock.set(true);
    await settle();
    await send('on');
    expect(news()).toEqual(['cell/lamp true good', ok]);
    lock.set(false);
    await settle();
    expect(news()).toEqual(['cell/lamp false good']);
    lock.set(true);
    await settle();
    expect(news()).toEqual([]);
    expect(line.written).toEqual([false, true, false]);
    await send('off');
    expect(news()).toEqual([ok]);
  });

  test('of which nobody knows the line holds too', async () => {
    const { clock, lock, send, news } = await setUp({ interlock: { line: 'DI3', is: 'off' } });
    await settle();
    await send('on');
    expect(news().at(-1)).toBe(ok);
    lock.fail('line DI3: its chip was removed');
    await settle();
    expect(news()).toEqual(['cell/lamp false good']);
    lock.fail(undefined);
    await clock.advance(1000);
    await send('on');
    expect(news()).toEqual(['cell/lamp true good', ok]);
  });

  test('ends a pulse, and takes none that would end unsafe', async () => {
    const { clock, lock, line, send, news } = await setUp({ interlock: { line: 'DI3' } });
    await settle();
    lock.set(true);
    await settle();
    await send('{"value":true,"for":"10s"}');
    lock.set(false);
    await settle();
    news();
    await send('{"value":false,"for":"1s"}');
    expect(news()).toEqual([locked]);
    lock.set(true);
    await clock.advance(20_000);
    expect(line.written).toEqual([false, true, false]);
  });
});

describe('a controller', () => {
  const options = { controller: { topic: 'plc/alive', within: '2s' } };
  const silent = refused('no message on plc/alive for 2 s');

  test('must be heard', async () => {
    const { clock, send, news } = await setUp(options);
    news();
    await send('on');
    expect(news()).toEqual([silent]);
    await send('x', 'plc/alive');
    await send('on');
    expect(news()).toEqual(['cell/lamp true good', ok]);
    await clock.advance(1500);
    await send('x', 'plc/alive');
    await clock.advance(1999);
    expect(news()).toEqual([]);
    await clock.advance(1);
    expect(news()).toEqual(['cell/lamp false good']);
    await send('on');
    expect(news()).toEqual([silent]);
  });
});

test.each([
  ['keep', []],
  ['safe', ['cell/lamp false good']],
])('a lost uplink with %s', async (whenUplinkLost, told) => {
  const { outputs, send, news } = await setUp({ whenUplinkLost });
  await send('on');
  news();
  outputs.uplinkChanged(true);
  outputs.uplinkChanged(false);
  await settle();
  expect(news()).toEqual(told);
  await send('on');
  expect(news().at(-1)).toBe(ok);
});

test('the stop leaves nobody listening and nobody sleeping', async () => {
  const { outputs, clock, lock, receivers, send } = await setUp({
    interlock: { line: 'DI3', is: 'off' },
    controller: { topic: 'plc/alive', within: '1h' },
  });
  await send('x', 'plc/alive');
  await send('{"value":true,"for":"1h"}');
  await outputs.stop();
  await settle();
  expect(receivers.size).toBe(0);
  expect(clock.sleeping).toBe(0);
  expect(lock.taken).toBeUndefined();
});

test('a message that only deletes the retained command is no command; an empty one is refused', async () => {
  const { send, news, receivers } = await setUp();
  await send('on');
  news();
  receivers.get('cell/lamp/set')?.({ payload: new Uint8Array(), isDeletion: true });
  await settle();
  expect(news()).toEqual([]);
  await send('');
  expect(news()).toEqual([
    refused('expected on, off or JSON such as {"value":true,"id":"7","for":"2s"}'),
  ]);
});

describe('an output that follows an alarm', () => {
  const following = async (options: Record<string, unknown> = {}) => {
    let apply: (isActive: boolean) => void = () => undefined;
    let ended = 0;
    const set = await setUp({ follows: 'alarm/hot', ...options }, undefined, {
      follow(alarm, receive) {
        expect(alarm).toBe('alarm/hot');
        apply = receive;
        receive(false);
        return () => {
          ended += 1;
        };
      },
    });
    await settle();
    const alarm = async (isActive: boolean): Promise<void> => {
      apply(isActive);
      await settle();
    };
    return { ...set, alarm, ended: () => ended };
  };

  test('is on while it is active, and takes no commands', async () => {
    const { outputs, alarm, send, news, ended } = await following();
    news();
    await alarm(true);
    expect(news()).toEqual(['cell/lamp true good']);
    await send('off');
    expect(news()).toEqual([refused('it follows alarm/hot and takes no commands')]);
    await alarm(false);
    expect(news()).toEqual(['cell/lamp false good']);
    await outputs.stop();
    expect(ended()).toBe(1);
  });

  test('is safe while the supply fails, and follows again after that', async () => {
    const { outputs, alarm, clock, news } = await following();
    await alarm(true);
    await outputs.supplyChanged(true);
    expect(news().at(-1)).toBe('cell/lamp false good');
    await clock.advance(3000);
    expect(news()).toEqual([]);
    await outputs.supplyChanged(false);
    await clock.advance(1000);
    expect(news()).toEqual(['cell/lamp true good']);
  });
});

describe('start: last', () => {
  const kept = new Map<string, boolean>();
  const last = {
    get: (name: string) => kept.get(name),
    keep: (name: string, value: boolean) => void kept.set(name, value),
  };

  test('the value of the last command comes back; a stop and a power failure do not change it', async () => {
    const first = await setUp({ start: 'last' }, undefined, { last });
    await first.send('on');
    await first.outputs.supplyChanged(true);
    await first.outputs.stop();
    expect(kept.get('lamp')).toBe(true);
    const second = await setUp({ start: 'last' }, undefined, { last });
    expect(second.line.taken).toMatchObject({ initial: false });
    expect(second.news()).toEqual(['cell/lamp false good', 'cell/lamp true good']);
    await second.send('{"value":true,"for":"1s"}');
    await second.clock.advance(1000);
    expect(kept.get('lamp')).toBe(false);
    await second.outputs.stop();
  });

  test('without the option the output begins safe', async () => {
    kept.set('lamp', true);
    const { news, clock } = await setUp({}, undefined, { last });
    await clock.advance(3000);
    expect(news()).toEqual(['cell/lamp false good']);
  });

  test.each([
    { interlock: { line: 'DI3' } },
    { controller: { topic: 'plc/alive', within: '5s' } },
    { follows: 'alarm/hot' },
  ])('is refused with %j', (other) => {
    const base = { name: 'lamp', driver: 'digital-output', line: 'DO0', start: 'last', ...other };
    expect(() => outputSchema.parse(base)).toThrow('safe, as the output has');
  });
});
