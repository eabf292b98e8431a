import { expect, test } from 'vitest';
import { IdleMemory, ownUse } from '../../../src/runtime/idle-memory.ts';

const MIB = 1024 ** 2;
const POLL_MS = 5000;

/** A process whose time passes by `pass`: so many polls, each with this share of a processor. */
function someProcess() {
  let [now, cpuMs] = [0, 0];
  const state = { rss: 100 * MIB, afterwards: 80 * MIB, collections: 0 };
  const memory = new IdleMemory({
    now: () => now,
    cpuMs: () => cpuMs,
    rss: () => state.rss,
    collect() {
      state.collections++;
      state.rss = state.afterwards;
    },
  });
  const pass = (polls: number, share: number): void => {
    for (let poll = 0; poll < polls; poll++) {
      now += POLL_MS;
      cpuMs += POLL_MS * share;
      memory.poll();
    }
  };
  return { state, pass };
}

test('half a minute after the start there is a collection, and none after it while nothing grows', () => {
  const { state, pass } = someProcess();
  pass(5, 0.01);
  expect(state.collections).toBe(0);
  pass(1, 0.01);
  expect(state.collections).toBe(1);
  state.rss += 3 * MIB;
  pass(100, 0.01);
  expect(state.collections).toBe(1);
});

test('there is none under load, however much grows, and one half a minute after the load', () => {
  const { state, pass } = someProcess();
  pass(6, 0.01);
  state.rss = 300 * MIB;
  pass(100, 0.1);
  expect(state.collections).toBe(1);
  pass(5, 0.01);
  pass(1, 0.1);
  pass(5, 0.01);
  expect(state.collections).toBe(1);
  pass(1, 0.01);
  expect(state.collections).toBe(2);
});

test('what can not be given back is not tried again', () => {
  const { state, pass } = someProcess();
  state.afterwards = 150 * MIB;
  pass(6, 0.01);
  pass(100, 0.01);
  expect(state.collections).toBe(1);
});

test('in this version of Node the process can collect its garbage', () => {
  let isCollected = false;
  const registry = new FinalizationRegistry(() => {
    isCollected = true;
  });
  (() => registry.register({ some: 'object' }, ''))();
  ownUse.collect();
  return expect.poll(() => isCollected).toBe(true);
});
