import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { differs } from '../../support/bench.ts';
import { REPOSITORY, startTarget, type TestGateway } from '../../support/gateway.ts';
import { run } from '../../support/run.ts';
import { needs, tools } from '../../support/tools.ts';

describe.each(['tcp', 'websockets'])('Paho 2 with MQTT 5 over %s', (transport) => {
  beforeEach(needs(tools.paho2));

  test('keeps a session with an expiry, properties and subscription options', async () => {
    const gateway = await startTarget();
    onTestFinished(() => gateway.dispose());
    const script = join(REPOSITORY, 'test/scenarios/interop/paho5_walk.py');
    const port = transport === 'tcp' ? gateway.port : gateway.wsPort;
    const args = [script, '127.0.0.1', `${port}`, transport];
    const { code, stdout, stderr } = await run(tools.paho2.path ?? '', args);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^ok: /);
    expect(code).toBe(0);
  });
});

describe.each(['tcp', 'websockets'])('Paho over %s', (transport) => {
  beforeEach(needs(tools.paho));

  const walk = async (phase: 'live' | 'leave' | 'return', gateway: TestGateway) => {
    const script = join(REPOSITORY, 'test/scenarios/interop/paho_walk.py');
    const port = transport === 'tcp' ? gateway.port : gateway.wsPort;
    const args = [script, phase, '127.0.0.1', `${port}`, transport];
    const { code, stdout, stderr } = await run(tools.paho.path ?? '', args);
    expect(`${stdout}${stderr}`).toMatch(/^ok: /);
    expect(stderr).toBe('');
    expect(code).toBe(0);
  };
  const withGateway = async (test: (gateway: TestGateway) => Promise<void>) => {
    const gateway = await startTarget();
    try {
      await test(gateway);
    } finally {
      await gateway.dispose();
    }
  };

  test('publishes, retains, and uses each QoS each way', async () => {
    await withGateway((gateway) => walk('live', gateway));
  });

  test('comes back to its session and gets what it missed', async () => {
    await withGateway(async (gateway) => {
      await walk('leave', gateway);
      await walk('return', gateway);
    });
  });

  test('comes back to its session after the gateway was stopped and started', async () => {
    await withGateway(async (gateway) => {
      await walk('leave', gateway);
      expect(await gateway.stop()).toBe(0);
      await gateway.restart();
      await walk('return', gateway);
    });
  });

  test(
    'comes back to its session after kill -9 of the gateway',
    differs('mosquitto', 'writes its database every half hour'),
    async () => {
      await withGateway(async (gateway) => {
        await walk('leave', gateway);
        await gateway.kill();
        await gateway.restart();
        await walk('return', gateway);
      });
    },
  );
});
