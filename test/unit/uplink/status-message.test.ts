import { beforeEach, describe, expect, test } from 'vitest';
import type { PlantConnection } from '../../../src/uplink/plant-client.ts';
import { StatusMessage } from '../../../src/uplink/status-message.ts';
import { createManualClock, type ManualClock, settle } from '../../support/manual-clock.ts';

let clock: ManualClock;
let calls: string[];
let message: StatusMessage;
/** Answers the plant's next acknowledgement. */
let answer: { resolve(): void; reject(error: Error): void };
let plant: PlantConnection & { isDown: boolean };

beforeEach(() => {
  clock = createManualClock();
  calls = [];
  message = new StatusMessage({
    config: { status: 'cell/status' },
    clock,
    report: (problem, sentence) => void calls.push(`${problem}: ${sentence}`),
  });
  plant = {
    url: 'mqtt://plant',
    isDown: false,
    publish: (...sent: unknown[]) => {
      calls.push(sent.join(' '));
      return new Promise<void>((resolve, reject) => (answer = { resolve, reject }));
    },
    close: async () => void calls.push('close'),
  } as unknown as typeof plant;
});

describe('online', () => {
  test('is retained at the plant, and no problem when it is acknowledged', async () => {
    const done = message.online(plant);
    expect(calls).toEqual(['cell/status online 1 true']);
    answer.resolve();
    await done;
    expect(calls.slice(1)).toEqual(['status: false']);
  });

  test('that the plant does not take is a problem', async () => {
    const done = message.online(plant);
    answer.reject(new Error('Not authorized'));
    await done;
    expect(calls.slice(1)).toEqual([
      'status: mqtt://plant does not take cell/status: Not authorized',
    ]);
  });

  test('says nothing about a connection that has ended meanwhile', async () => {
    for (const end of [() => answer.resolve(), () => answer.reject(new Error('ended'))]) {
      plant.isDown = false;
      const done = message.online(plant);
      plant.isDown = true;
      end();
      await done;
    }
    expect(calls.filter((call) => call.startsWith('status:'))).toEqual([]);
  });
});

describe('offline', () => {
  test('closes the connection when it is acknowledged, and leaves no timer', async () => {
    const done = message.offline(plant);
    expect(calls).toEqual(['cell/status offline 1 true']);
    answer.resolve();
    await done;
    expect([calls.slice(1), clock.sleeping]).toEqual([['close'], 0]);
  });

  test('is given up after a second', async () => {
    let isDone = false;
    const done = message.offline(plant).then(() => (isDone = true));
    await clock.advance(999);
    expect(isDone).toBe(false);
    await clock.advance(1);
    await done;
    expect(calls).toHaveLength(1);
  });

  test('that can not be sent ends at once', async () => {
    const done = message.offline(plant);
    answer.reject(new Error('ended'));
    await done;
    await settle();
    expect([calls.length, clock.sleeping]).toEqual([1, 0]);
  });
});
