import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { startGateway } from '../../support/gateway.ts';

/** On Node 20 some 80, of which Node itself and its second thread take 51. */
const IDLE_MIB = 92;

test('a gateway that has just started takes little memory', async () => {
  const gateway = await startGateway();
  onTestFinished(() => gateway.dispose());
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8');
  const mib = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  expect(mib).toBeGreaterThan(20);
  expect(mib).toBeLessThan(IDLE_MIB);
});
