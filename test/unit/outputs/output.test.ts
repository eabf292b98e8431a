import { describe, expect, test } from 'vitest';
import { Sequence } from '../../../src/base/sequence.ts';
import { outputSchema } from '../../../src/config/schema/outputs.ts';
import { Output } from '../../../src/outputs/output.ts';
import { createManualClock, settle } from '../../support/manual-clock.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

test('a pulse whose time ends while the next command waits for the line does not undo it', async () => {
  const clock = createManualClock();
  const written: boolean[] = [];
  let reading = Promise.resolve();
  const config = outputSchema.parse({ name: 'lamp', driver: 'digital-output', line: 'DO0' });
  const output = new Output(
    { ...config, payload: 'json' },
    {
      ...{ topic: 'cell/lamp', boot: () => 1, sequence: new Sequence(), clock },
      log: createQuietLog().log,
      open: async () => ({
        write: async (value) => void written.push(value),
        async read() {
          await reading;
          return written.at(-1) ?? false;
        },
        close: async () => undefined,
      }),
      publishReading: () => undefined,
      publishResult: () => undefined,
    },
  );
  await output.check();
  await output.command({ value: true, forMs: 500 });
  await clock.advance(499);
  let release = (): void => undefined;
  reading = new Promise((resolve) => {
    release = resolve;
  });
  const check = output.check();
  const next = output.command({ value: true });
  await clock.advance(1);
  release();
  await Promise.all([check, next]);
  await settle();
  expect(written).toEqual([true, true]);
});

/** An output whose line does what is written; `results` are in short. */
async function setUp(keys: Readonly<Record<string, unknown>> = {}) {
  const clock = createManualClock();
  const written: boolean[] = [];
  const results: string[] = [];
  const config = outputSchema.parse({
    name: 'lamp',
    driver: 'digital-output',
    line: 'DO0',
    ...keys,
  });
  const output = new Output(
    { ...config, payload: 'json' },
    {
      ...{ topic: 'cell/lamp', boot: () => 1, sequence: new Sequence(), clock },
      log: createQuietLog().log,
      open: async ({ initial }) => {
        let level = initial ?? false;
        return {
          async write(value) {
            written.push(value);
            level = value;
          },
          read: async () => level,
          close: async () => undefined,
        };
      },
      publishReading: () => undefined,
      publishResult(topic, payload) {
        const { ok, reason } = JSON.parse(`${Buffer.from(payload)}`);
        results.push(`${topic} ${ok ? 'ok' : reason}`);
      },
    },
  );
  await output.check();
  const command = async (value: boolean, forMs?: number): Promise<string | undefined> => {
    await output.command({ value, ...(forMs === undefined ? {} : { forMs }) });
    return results.at(-1)?.replace('cell/lamp/result ', '');
  };
  const pass = async (ms: number): Promise<boolean | null> => {
    await clock.advance(ms);
    await settle();
    return output.status().value;
  };
  return { output, written, command, pass };
}

test('the status has when and by whom or why the output was switched last', async () => {
  const { output, command, pass } = await setUp({ longest: '2s' });
  expect(output.status()).not.toHaveProperty('changed');
  await command(true);
  const { at, what } = output.status().changed!;
  expect([what, new Date(at).toISOString()]).toEqual(['switched on by the gateway', at]);
  // It changes nothing.
  await command(true);
  expect(output.status().changed).toEqual({ at, what });
  await pass(2000);
  const last = output.status().changed!;
  expect(last.what).toBe('switched off, it was so for too long');
  expect(Date.parse(last.at) - Date.parse(at)).toBe(2000);
});

describe.each([
  ['off', false],
  ['on', true],
])('an output that is safe %s', (safe, isSafe) => {
  test('while it is held: only what leaves it safe is carried out', async () => {
    const { output, written, command, pass } = await setUp({ safe });
    await output.hold('interlocked', true);
    expect(await command(!isSafe)).toBe('interlocked');
    expect(await command(!isSafe, 500)).toBe('interlocked');
    // Safe at first, but not at the end of its time.
    expect(await command(isSafe, 500)).toBe('interlocked');
    expect(await command(isSafe)).toBe('ok');
    expect(await pass(10_000)).toBe(isSafe);
    expect(written).not.toContain(!isSafe);
    await output.hold('interlocked', false);
    expect(await command(!isSafe)).toBe('ok');
    expect(output.status().value).toBe(!isSafe);
  });

  test('a pulse to safe ends with the other value, unless the output is held meanwhile', async () => {
    const { output, command, pass } = await setUp({ safe });
    expect(await command(isSafe, 500)).toBe('ok');
    expect([await pass(499), await pass(1)]).toEqual([isSafe, !isSafe]);
    expect(await command(isSafe, 500)).toBe('ok');
    await output.hold('interlocked', true);
    expect(await pass(10_000)).toBe(isSafe);
  });

  test('it is the other value for `longest` at most, and safe for any time', async () => {
    const { command, pass, written } = await setUp({ safe, longest: '2s' });
    expect(await command(!isSafe)).toBe('ok');
    expect([await pass(1999), await pass(1)]).toEqual([!isSafe, isSafe]);
    const before = written.length;
    expect(await command(isSafe)).toBe('ok');
    expect(await pass(10_000)).toBe(isSafe);
    expect(written.length).toBe(before + 1);
  });

  test('after the stop no command is carried out', async () => {
    const { output, written, command } = await setUp({ safe });
    await command(!isSafe);
    await output.close();
    expect(written.at(-1)).toBe(isSafe);
    expect(await command(!isSafe)).toBe('the gateway stops');
    expect(written.at(-1)).toBe(isSafe);
  });
});

describe('a command of MQTT 5', () => {
  const context = (isExpired: () => boolean = () => false) => {
    const answers: string[] = [];
    const answer = (payload: Uint8Array) => void answers.push(`${Buffer.from(payload)}`);
    return { answers, isExpired, answer };
  };

  test('that expires while it waits for its turn is not carried out', async () => {
    const { output, written } = await setUp();
    let isExpired = false;
    const [first, late] = [context(), context(() => isExpired)];
    const before = written.length;
    const both = [output.command({ value: true }, first), output.command({ value: false }, late)];
    isExpired = true;
    await Promise.all(both);
    expect(written.slice(before)).toEqual([true]);
    expect(first.answers).toEqual(['{"ok":true}']);
    expect(late.answers).toEqual(['{"ok":false,"reason":"too late: the command has expired"}']);
  });

  test('that is repeated after its expiry gets the result of the first one', async () => {
    const { output } = await setUp();
    await output.command({ value: true, id: '1' });
    const repeated = context(() => true);
    await output.command({ value: true, id: '1' }, repeated);
    expect(repeated.answers).toEqual(['{"id":"1","ok":true}']);
  });

  test('is refused while a hundred wait for their answer; later ones are carried out', async () => {
    const { output } = await setUp();
    const all = Array.from({ length: 102 }, () => context());
    const done = all.map((one) => output.command({ value: true, id: 'x' }, one));
    await Promise.all(done);
    const ok = '{"id":"x","ok":true}';
    const refused = '{"id":"x","ok":false,"reason":"too many commands wait for their answer"}';
    expect(all.map(({ answers }) => answers)).toEqual([
      ...Array.from({ length: 100 }, () => [ok]),
      ...[[refused], [refused]],
    ]);
    const later = context();
    await output.command({ value: true, id: 'x' }, later);
    expect(later.answers).toEqual([ok]);
  });
});
