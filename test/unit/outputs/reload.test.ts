import { describe, expect, onTestFinished, test } from 'vitest';
import { type OutputConfig, outputSchema } from '../../../src/config/schema/outputs.ts';
import { createOutputs, type ReceivedCommand } from '../../../src/outputs/outputs.ts';
import { fakeBuses } from '../../support/fake-buses.ts';
import { createManualClock, settle } from '../../support/manual-clock.ts';
import { type PlaybackLine, playbackLine, playbackLines } from '../../support/playback-gpio.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

function output(name: string, line: string, more: Record<string, unknown> = {}): OutputConfig {
  const base = { name, driver: 'digital-output', line, ...more };
  const parsed = outputSchema.parse(base as Parameters<typeof outputSchema.parse>[0]);
  return { ...parsed, payload: 'json' };
}
const interlock = { interlock: { line: 'DI3' } };

/** Started outputs over lines that are made when they are named; a line that is open can't be opened again. */
async function setUp(...configs: OutputConfig[]) {
  const clock = createManualClock();
  const lines = new Map<string, PlaybackLine>();
  const line = (name: string): PlaybackLine => {
    const found = lines.get(name) ?? playbackLine();
    lines.set(name, found);
    return found;
  };
  const exclusive = (name: string): PlaybackLine => {
    const one = line(name);
    const free = (): void => {
      if (one.taken) throw new Error(`line ${name} is in use`);
    };
    return Object.create(one, {
      input: {
        value: async (options: Parameters<PlaybackLine['input']>[0]) => {
          free();
          return one.input(options);
        },
      },
      output: {
        value: async (options: Parameters<PlaybackLine['output']>[0]) => {
          free();
          return one.output(options);
        },
      },
    });
  };
  const receivers = new Map<string, (message: ReceivedCommand) => void>();
  const outputs = createOutputs({
    storedNow: () => clock.monotonic(),
    cell: 'cell',
    boot: () => 1,
    outputs: configs,
    buses: fakeBuses({
      gpio: { line: exclusive, lines: () => playbackLines([]), chips: async () => [] },
    }),
    pins: { open: () => Promise.reject(new Error('no pins in this test')) },
    clock,
    log: createQuietLog().log,
    publishReading: () => undefined,
    publishResult: () => undefined,
    subscribe(topic, receive) {
      receivers.set(topic, receive);
      return () => receivers.delete(topic);
    },
  });
  onTestFinished(() => outputs.stop());
  await outputs.start();
  await settle();
  const send = async (name: string, text: string): Promise<void> => {
    receivers.get(`cell/${name}/set`)?.({ payload: Buffer.from(text) });
    await settle();
  };
  const apply = async (...next: OutputConfig[]): Promise<void> => {
    await outputs.applyConfig(next);
    await settle();
  };
  const stateOf = (name: string) => outputs.status().find((one) => one.name === name)?.value;
  return { outputs, clock, line, send, apply, stateOf, receivers };
}

describe('another config', () => {
  test('leaves an output that is the same in it as it is', async () => {
    const same = output('lamp', 'DO0');
    const { line, send, apply, stateOf } = await setUp(same, output('horn', 'DO1'));
    await send('lamp', 'on');
    await send('horn', 'on');
    await apply(structuredClone(same), output('horn', 'DO1', { safe: 'on' }));
    expect(line('DO0').written).toEqual([false, true]);
    expect(stateOf('lamp')).toBe(true);
    expect(line('DO1').written).toEqual([false, true, false, true]);
  });

  test('makes an output that it does not have safe and releases its line', async () => {
    const { line, send, apply, receivers, outputs } = await setUp(output('lamp', 'DO0'));
    await send('lamp', 'on');
    await apply();
    expect(line('DO0').written).toEqual([false, true, false]);
    expect(line('DO0').taken).toBeUndefined();
    expect(receivers.size).toBe(0);
    expect(outputs.status()).toEqual([]);
  });

  test('gives a line from one output to another at once', async () => {
    const { apply, outputs, send, stateOf } = await setUp(output('lamp', 'DO0'));
    await apply(output('horn', 'DO0'));
    expect(outputs.failures?.()).toEqual([]);
    await send('horn', 'on');
    expect(stateOf('horn')).toBe(true);
  });

  test('keeps outputs that it adds read back and, at the stop, safe', async () => {
    const { clock, line, send, apply, outputs } = await setUp();
    await apply(output('lamp', 'DO0'));
    await send('lamp', 'on');
    line('DO0').short(false);
    await clock.advance(1000);
    expect(outputs.failures?.()[0]?.cause).toMatch(/^the line is off/);
    line('DO0').short(undefined);
    await outputs.stop();
    expect(line('DO0').written.at(-1)).toBe(false);
    expect(clock.sleeping).toBe(0);
  });

  test('that makes no sense changes nothing', async () => {
    const { apply, send, stateOf } = await setUp(output('lamp', 'DO0'));
    await send('lamp', 'on');
    await expect(
      apply(output('horn', 'DO1'), { ...output('siren', 'DO2'), name: 'a+b' }),
    ).rejects.toThrow(/contains/);
    expect(stateOf('lamp')).toBe(true);
  });
});

describe('an interlock line', () => {
  test('holds all its outputs, also one that another config adds', async () => {
    const [lamp, horn] = [output('lamp', 'DO0', interlock), output('horn', 'DO1', interlock)];
    const { line, send, apply, stateOf } = await setUp(lamp);
    line('DI3').set(true);
    await settle();
    await send('lamp', 'on');
    await apply(lamp, horn);
    expect(stateOf('lamp')).toBe(true);
    await send('horn', 'on');
    expect(stateOf('horn')).toBe(true);
    line('DI3').set(false);
    await settle();
    expect([stateOf('lamp'), stateOf('horn')]).toEqual([false, false]);
  });

  test('holds an output that has changed, and releases it', async () => {
    const { line, send, apply, stateOf } = await setUp(output('lamp', 'DO0', interlock));
    line('DI3').set(true);
    await settle();
    await apply(output('lamp', 'DO0', { ...interlock, longest: '1h' }));
    await send('lamp', 'on');
    expect(stateOf('lamp')).toBe(true);
    line('DI3').set(false);
    await settle();
    expect(stateOf('lamp')).toBe(false);
  });

  test('still holds one output when another config has lost the other', async () => {
    const [lamp, horn] = [output('lamp', 'DO0', interlock), output('horn', 'DO1', interlock)];
    const { line, send, apply, stateOf } = await setUp(lamp, horn);
    line('DI3').set(true);
    await settle();
    await send('lamp', 'on');
    await apply(lamp);
    expect(stateOf('lamp')).toBe(true);
    line('DI3').set(false);
    await settle();
    expect(stateOf('lamp')).toBe(false);
  });

  test('that no output needs any more is released, before an output opens it', async () => {
    const { line, apply, outputs, send } = await setUp(output('lamp', 'DO0', interlock));
    await apply(output('lamp', 'DO0'), output('horn', 'DI3'));
    expect(outputs.failures?.()).toEqual([]);
    await send('horn', 'on');
    expect(line('DI3').written).toEqual([false, true]);
  });
});
