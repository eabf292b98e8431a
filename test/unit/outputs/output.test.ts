import { expect, test } from 'vitest';
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
