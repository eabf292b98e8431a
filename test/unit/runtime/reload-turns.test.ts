import { expect, test } from 'vitest';
import { Services } from '../../../src/base/lifecycle.ts';
import { Reload } from '../../../src/runtime/reload.ts';
import { settle } from '../../support/manual-clock.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

test('a reload that is asked for while another runs begins after it', async () => {
  let [underWay, most, count] = [0, 0, 0];
  const reload = new Reload({
    config: {} as never,
    services: new Services(),
    log: createQuietLog().log,
    async load() {
      count++;
      most = Math.max(most, ++underWay);
      await settle();
      underWay--;
      return { problems: [] };
    },
  });
  await Promise.all([reload.run(), reload.run(), reload.run()]);
  expect([count, most]).toEqual([3, 1]);
});
