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
      return { problems: [], warnings: [] };
    },
  });
  await Promise.all([reload(), reload(), reload()]);
  expect([count, most]).toEqual([3, 1]);
});

test('each reload logs the warnings about the config, whether it is applied or refused', async () => {
  const { log, lines } = createQuietLog();
  const warnings = [
    { file: 'c.yaml', line: 3, column: 5, path: 'broker.limits.keepalive', message: 'renamed' },
  ];
  const problems = [{ file: 'c.yaml', line: 4, column: 1, path: 'cel', message: 'unknown key' }];
  const config = { sensors: [], uplinks: [] } as never;
  let result: object = { config, problems: [], warnings };
  const reload = createReload({ config, parts: [], log, load: async () => result as never });
  expect(await reload()).toMatchObject({ applied: true, changes: [] });
  result = { problems, warnings };
  expect(await reload()).toMatchObject({ applied: false });
  const warning = 'c.yaml:3:5: broker.limits.keepalive: renamed';
  expect(lines.filter((line) => line === warning)).toHaveLength(2);
});
