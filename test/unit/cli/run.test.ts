import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunParts, run } from '../../../src/cli/run.ts';
import type { Gateway } from '../../../src/runtime/gateway.ts';
import { fakeDrivers } from '../../support/fake-drivers.ts';
import { fakeIo } from '../../support/fake-io.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'cellgate-run-'));
  writeFileSync(path.join(folder, 'good.yaml'), 'cell: robotcell1\nlog: { level: info }\n');
  writeFileSync(path.join(folder, 'debug.yaml'), 'cell: robotcell1\nlog: { level: debug }\n');
  writeFileSync(path.join(folder, 'bad.yaml'), 'cel: robotcell1\n');
  writeFileSync(
    path.join(folder, 'old.yaml'),
    'cell: robotcell1\nbroker:\n  limits: { keepalive: 5m, queuedAge: 1h }\n',
  );
});
afterEach(() => rmSync(folder, { recursive: true }));

function deferred<Value>() {
  let resolve!: (value: Value) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/** A gateway whose start and stop the test decides. */
function fakeGateway() {
  const started = deferred<Gateway>();
  const stopped = deferred<void>();
  const asked = { start: deferred<void>(), stop: deferred<void>() };
  const gateway: Gateway = {
    urls: [],
    reload: () => Promise.resolve({ applied: true, changes: [] }),
    stop() {
      asked.stop.resolve();
      return stopped.promise;
    },
  };
  const parts: RunParts = {
    drivers: fakeDrivers,
    start() {
      asked.start.resolve();
      return started.promise;
    },
  };
  return { parts, gateway, started, stopped, asked };
}

function running(config = 'good.yaml') {
  const io = fakeIo({}, folder);
  const fake = fakeGateway();
  return { io, ...fake, code: run({ config }, io, fake.parts) };
}

describe('run', () => {
  it.each(['SIGTERM', 'SIGINT'])(
    'stops cleanly on %s with 0 and leaves no listener behind',
    async (signal) => {
      const { io, code, asked, started, stopped, gateway } = running();
      await asked.start.promise;
      started.resolve(gateway);
      io.events.emit(signal, signal);
      await asked.stop.promise;
      stopped.resolve();
      expect(await code).toBe(0);
      expect(io.exits).toEqual([]);
      expect(io.events.eventNames()).toEqual([]);
      expect(io.err()).toBe('');
    },
  );

  it('logs each old name of a key once, as a warning with its line', async () => {
    const { io, code, asked, started, stopped, gateway } = running('old.yaml');
    await asked.start.promise;
    started.resolve(gateway);
    io.events.emit('SIGTERM', 'SIGTERM');
    stopped.resolve();
    expect(await code).toBe(0);
    const warnings = io
      .out()
      .split('\n')
      .filter((line) => line.includes('renamed to'))
      .map((line) => JSON.parse(line));
    expect(warnings).toEqual([
      expect.objectContaining({
        level: 'warn',
        msg: 'old.yaml:3:13: broker.limits.keepalive: warning: renamed to broker.limits.tcpKeepalive, write tcpKeepalive: 5m instead; the next version may refuse the old name',
      }),
      expect.objectContaining({
        level: 'warn',
        msg: 'old.yaml:3:28: broker.limits.queuedAge: warning: renamed to broker.limits.queue.age, write queue: { age: 1h } instead; the next version may refuse the old name',
      }),
    ]);
    expect(io.err()).toBe('');
  });

  it('stops after the start when the signal comes in the middle of it', async () => {
    const { io, code, asked, started, stopped, gateway } = running();
    await asked.start.promise;
    io.events.emit('SIGTERM', 'SIGTERM');
    stopped.resolve();
    started.resolve(gateway);
    expect(await code).toBe(0);
  });

  it('reloads after the start when SIGHUP comes in the middle of it', async () => {
    const { io, code, asked, started, stopped, gateway } = running();
    let reloads = 0;
    const counted: Gateway = {
      ...gateway,
      async reload() {
        reloads++;
        return { applied: true, changes: [] };
      },
    };
    await asked.start.promise;
    io.events.emit('SIGHUP', 'SIGHUP');
    expect(reloads).toBe(0);
    started.resolve(counted);
    await expect.poll(() => reloads).toBe(1);
    io.events.emit('SIGHUP', 'SIGHUP');
    expect(reloads).toBe(2);
    io.events.emit('SIGTERM', 'SIGTERM');
    await asked.stop.promise;
    stopped.resolve();
    expect(await code).toBe(0);
    expect(io.events.eventNames()).toEqual([]);
  });

  it('ends at once with 1 on a second signal', async () => {
    const { io, code, asked, started, stopped, gateway } = running();
    await asked.start.promise;
    started.resolve(gateway);
    io.events.emit('SIGINT', 'SIGINT');
    expect(io.exits).toEqual([]);
    io.events.emit('SIGTERM', 'SIGTERM');
    expect(io.exits).toEqual([1]);
    stopped.resolve();
    await code;
  });

  it('says in one line why it could not start, without a stack', async () => {
    const { io, code, asked, started } = running();
    await asked.start.promise;
    started.reject(new Error('broker: port 1883 on 127.0.0.1\nis taken'));
    expect(await code).toBe(1);
    expect(io.err()).toBe('cellgate: could not start: broker: port 1883 on 127.0.0.1 is taken\n');
    expect(io.out()).not.toContain('run.test.ts');
    expect(io.events.eventNames()).toEqual([]);
  });

  it('logs the stack of a failed start at debug level', async () => {
    const { io, code, asked, started } = running('debug.yaml');
    await asked.start.promise;
    started.reject(new Error('no'));
    expect(await code).toBe(1);
    expect(io.out()).toContain('run.test.ts');
  });

  it('ends with 1 when it could not stop cleanly', async () => {
    const { io, code, asked, started, stopped, gateway } = running();
    await asked.start.promise;
    started.resolve(gateway);
    io.events.emit('SIGTERM', 'SIGTERM');
    await asked.stop.promise;
    stopped.reject(new Error('store: disk is full'));
    expect(await code).toBe(1);
    expect(io.err()).toBe('cellgate: could not stop cleanly: store: disk is full\n');
  });

  it.each(['uncaughtException', 'unhandledRejection'])(
    'logs %s as fatal and ends with 70',
    async (event) => {
      const { io, code, asked, started, stopped, gateway } = running();
      await asked.start.promise;
      started.resolve(gateway);
      io.events.emit(event, new Error('a bug'));
      expect(io.exits).toEqual([70]);
      expect(io.out()).toMatch(/"level":"fatal".*a bug/);
      io.events.emit('SIGTERM', 'SIGTERM');
      stopped.resolve();
      await code;
    },
  );

  it('prints the problems of a config to standard error, starts nothing and ends with 1', async () => {
    const { io, code } = running('bad.yaml');
    expect(await code).toBe(1);
    expect(io.out()).toBe('');
    expect(io.err()).toMatch(/^bad\.yaml:1:1: cel: unknown key \(did you mean cell\?\)$/m);
  });
});
