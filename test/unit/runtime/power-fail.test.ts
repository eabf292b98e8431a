import { afterEach, describe, expect, test } from 'vitest';
import { powerFailSchema } from '../../../src/config/schema/power-fail.ts';
import { PowerFail } from '../../../src/runtime/power-fail.ts';
import { fakeBuses } from '../../support/fake-buses.ts';
import { createManualClock, settle } from '../../support/manual-clock.ts';
import { playbackLine, playbackLines } from '../../support/playback-gpio.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

let stop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

/** Watches LVD, which is high; what happens is noted in words. The disk takes `diskMs`. */
async function setUp({ diskMs = 0, high = true, missing = false } = {}) {
  const clock = createManualClock();
  const line = playbackLine();
  line.set(high);
  if (missing) line.fail('line LVD is in use by ed-lvd');
  const news: string[] = [];
  const power = new PowerFail({
    config: powerFailSchema.parse({ line: 'LVD' }),
    cell: 'cell',
    payload: 'json',
    boot: () => 7,
    buses: fakeBuses({
      gpio: { line: () => line, lines: () => playbackLines([]), chips: async () => [] },
    }),
    clock,
    log: createQuietLog().log,
    publish(topic, payload) {
      const { value, quality, reason, boot } = JSON.parse(Buffer.from(payload).toString());
      expect(boot).toBe(7);
      news.push([topic, value, quality, reason].filter((one) => one !== undefined).join(' '));
    },
    outputs: {
      supplyChanged: async (fails) => void news.push(fails ? 'outputs held' : 'outputs free'),
    },
    store: {
      async flushAndCheckpoint() {
        await clock.sleep(diskMs);
        news.push('on disk');
      },
    },
  });
  stop = () => power.stop();
  await power.start();
  await settle();
  return { power, line, clock, news };
}

test('a supply that is there is told, and nothing else happens', async () => {
  const { power, news } = await setUp();
  expect(news).toEqual(['cell/power/supplied true good', 'outputs free']);
  expect(power.trouble?.()).toBeUndefined();
});

test('when it fails all is made safe and put on disk, within the budget; when it is back, all goes on', async () => {
  const { power, line, clock, news } = await setUp({ diskMs: 120 });
  news.splice(0);
  line.set(false);
  await clock.advance(300);
  expect(news).toEqual([
    'cell/power/supplied false good',
    'outputs held',
    'on disk',
    'cell/power/secured 120 good',
    // So that what it took is on disk too.
    'on disk',
  ]);
  expect(power.trouble?.()).toBe('the supply has failed');
  news.splice(0);
  line.set(true);
  await clock.advance(10);
  expect(news).toEqual(['cell/power/supplied true good', 'outputs free']);
  expect(power.trouble?.()).toBeUndefined();
});

test('one that has failed already at the start is seen', async () => {
  const { news } = await setUp({ high: false });
  expect(news.slice(0, 2)).toEqual(['cell/power/supplied false good', 'outputs held']);
});

describe('a disk that is too slow', () => {
  test('is a trouble that stays', async () => {
    const { power, line, clock, news } = await setUp({ diskMs: 700 });
    line.set(false);
    await clock.advance(1500);
    const doubt = 'it took 700 ms, the budget is 500 ms';
    expect(news).toContain(`cell/power/secured 700 uncertain ${doubt}`);
    line.set(true);
    await clock.advance(10);
    expect(power.trouble?.()).toBe(`the last power failure: ${doubt}`);
  });

  test('is given up, so that the return of the supply is seen', async () => {
    const { line, clock, news } = await setUp({ diskMs: 3_600_000 });
    line.set(false);
    await clock.advance(30_000);
    expect(news.at(-1)).toMatch(
      /^cell\/power\/secured {1,2}bad not all is on disk: .* within 30 s$/,
    );
    line.set(true);
    await clock.advance(10);
    expect(news.at(-2)).toBe('cell/power/supplied true good');
  });
});

test('a line that somebody else owns is told, and tried again', async () => {
  const { power, line, clock, news } = await setUp({ missing: true });
  expect(power.trouble?.()).toBe('power failures are not seen: line LVD is in use by ed-lvd');
  expect(news).toEqual([expect.stringContaining('bad line LVD is in use by ed-lvd')]);
  line.fail(undefined);
  await clock.advance(1000);
  expect(news.at(-2)).toBe('cell/power/supplied true good');
  expect(power.trouble?.()).toBeUndefined();
});

test.each([true, false])(
  'a line that fails and works again, twice, is told each time (supply there: %s)',
  async (high) => {
    const { power, line, clock, news } = await setUp({ high });
    for (let time = 0; time < 2; time++) {
      await clock.advance(5000);
      news.splice(0);
      line.fail('line LVD: its chip was removed');
      await clock.advance(2000);
      expect(news).toEqual(['cell/power/supplied  bad line LVD: its chip was removed']);
      expect(power.trouble?.()).toBe('power failures are not seen: line LVD: its chip was removed');
      news.splice(0);
      line.fail(undefined);
      await clock.advance(2000);
      // The last that was published is what is retained.
      expect(news.filter((one) => one.includes('/supplied')).at(-1)).toBe(
        `cell/power/supplied ${high} good`,
      );
      expect(power.trouble?.()).toBe(high ? undefined : 'the supply has failed');
    }
  },
);

test('a supply that fails and is back, twice, is told each time', async () => {
  const { power, line, clock, news } = await setUp();
  for (let time = 0; time < 2; time++) {
    for (const supplied of [false, true]) {
      news.splice(0);
      line.set(supplied);
      await clock.advance(2000);
      expect(news[0]).toBe(`cell/power/supplied ${supplied} good`);
      expect(news.includes(supplied ? 'outputs free' : 'outputs held')).toBe(true);
    }
    expect(power.trouble?.()).toBeUndefined();
  }
});
