import { expect, test } from 'vitest';
import { createReload } from '../../../src/runtime/reload.ts';
import { settle } from '../../support/manual-clock.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

test('whoever asks while another reload runs gets one of his own, after it', async () => {
  let [underWay, most, count] = [0, 0, 0];
  const reload = createReload({
    config: {} as never,
    parts: [],
    log: createQuietLog().log,
    async load() {
      count++;
      most = Math.max(most, ++underWay);
      await settle();
      underWay--;
      return { problems: [] };
    },
  });
  await Promise.all([reload(), reload(), reload()]);
  expect([count, most]).toEqual([3, 1]);
});
