import { beforeEach, describe, expect, test } from 'vitest';
import { SignsOfLife } from '../../../../src/broker/clients/signs-of-life.ts';

let now: number;
let life: SignsOfLife;

beforeEach(() => {
  now = 1000;
  life = new SignsOfLife(() => now, 5000);
});

describe('a client is silent', () => {
  test('after the time for CONNECT, whatever else has come', () => {
    now += 4000;
    life.received(false, false);
    now += 1000;
    expect(life.silent).toBe(false);
    now += 1;
    expect([life.silent, life.activeAt]).toEqual([true, 1000]);
  });

  test('after the limit since its last bytes, also those of a packet that is not finished', () => {
    now += 4000;
    life.received(true, true);
    now += 5000;
    expect([life.silent, life.activeAt]).toEqual([false, 5000]);
    now += 1;
    expect(life.silent).toBe(true);
  });

  test('never without a limit', () => {
    life.silenceLimitMs = 0;
    now += 1e9;
    expect(life.silent).toBe(false);
  });

  test('not before the limit after it is read again', () => {
    now += 60_000;
    life.restart();
    now += 5000;
    expect(life.silent).toBe(false);
    now += 1;
    expect(life.silent).toBe(true);
  });

  test('not while the bytes of a frame come', () => {
    for (let bytes = 1; bytes <= 5; bytes++) {
      now += 4000;
      life.countFramed(bytes, true, false);
      expect(life.silent).toBe(false);
    }
    // The same bytes again are no sign of life.
    now += 5001;
    life.countFramed(5, true, false);
    expect(life.silent).toBe(true);
  });

  test('not while bytes come below TLS, once it is connected', () => {
    for (let bytes = 1; bytes <= 5; bytes++) {
      now += 4000;
      life.countEncrypted(bytes, true);
      expect(life.silent).toBe(false);
    }
    now += 5000;
    life.countEncrypted(5, true);
    expect(life.silent).toBe(false);
    now += 1;
    life.countEncrypted(6, false);
    expect(life.silent).toBe(true);
  });

  test('although a frame has ended, and although it is not connected', () => {
    life.countFramed(10, true, false);
    now += 5001;
    life.countFramed(0, true, false);
    expect(life.silent).toBe(true);
    life.countFramed(10, false, false);
    expect(life.silent).toBe(true);
  });
});

describe('a packet is slow', () => {
  test('when its end does not come in the time from its first byte', () => {
    now += 500;
    life.received(true, false);
    now += 300;
    life.received(true, true);
    now += 700;
    expect([life.isSlow(true, 1000), life.isSlow(false, 1000)]).toEqual([false, false]);
    now += 1;
    expect([life.isSlow(true, 1000), life.isSlow(false, 1000)]).toEqual([true, false]);
  });

  test('not before the time after it is read again', () => {
    life.received(true, false);
    now += 5000;
    life.restart();
    now += 1000;
    expect(life.isSlow(true, 1000)).toBe(false);
  });

  test('when a frame is not finished in time', () => {
    now += 5000;
    life.countFramed(1, true, false);
    now += 600;
    life.countFramed(2, true, false);
    now += 400;
    expect(life.isSlow(false, 1000)).toBe(false);
    now += 1;
    expect(life.isSlow(false, 1000)).toBe(true);
    life.countFramed(0, true, false);
    expect(life.isSlow(false, 1000)).toBe(false);
  });

  test('from its own beginning, if a frame of it begins later', () => {
    life.received(true, false);
    now += 800;
    life.countFramed(5, true, true);
    now += 201;
    expect(life.isSlow(true, 1000)).toBe(true);
  });
});
