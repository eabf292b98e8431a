import { chmodSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import * as packets from '../../support/packets.ts';
import { RawClient } from '../../support/raw-client.ts';
import { run } from '../../support/run.ts';
import { until } from '../../support/until.ts';

const [hmi, plc] = await Promise.all([hashPassword('hmi-secret'), hashPassword('plc-secret')]);

const RULES = `
users:
  - name: hmi
    password: ${hmi}
    rules:
      - { topic: 'robotcell1/#', allow: read }
      - { topic: 'hmi/%c/#', allow: readwrite }
  - { name: plc, password: ${plc} }
clients:
  - { id: panel1, rules: [ { topic: lamp, allow: write } ] }
anonymous: { rules: [ { topic: public/#, allow: read } ] }
`;

async function start(rules = RULES) {
  const folder = await mkdtemp(join(tmpdir(), 'cellgate-access-'));
  const file = join(folder, 'access.yaml');
  writeFileSync(file, rules, { mode: 0o600 });
  const put = (text: string): void => {
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  const gateway = await startGateway({ access: file });
  onTestFinished(async () => {
    await gateway.dispose();
    await rm(folder, { recursive: true });
  });
  return { gateway, put };
}

type Login = { clientId?: string; username?: string; password?: string; clean?: boolean };

async function connect(gateway: Pick<TestGateway, 'port'>, login: Login = {}) {
  const client = await RawClient.open('tcp', gateway.port);
  return client.connect(login);
}

/** The return code of a CONNECT that is refused. */
async function refusal(gateway: Pick<TestGateway, 'port'>, login: Login): Promise<number> {
  const client = await RawClient.open('tcp', gateway.port);
  client.send(packets.connect(login));
  return (await client.take('connack')).code;
}

const HMI = { username: 'hmi', password: 'hmi-secret' };
const PLC = { username: 'plc', password: 'plc-secret' };

describe('an access file', () => {
  test('lets in who is in it, and nobody else', async () => {
    const { gateway } = await start();
    await (await connect(gateway, HMI)).disconnect();
    expect(await refusal(gateway, { ...HMI, password: 'wrong' })).toBe(4);
    expect(await refusal(gateway, { username: 'hmi' })).toBe(4);
    expect(await refusal(gateway, { username: 'nobody', password: 'x' })).toBe(4);
    expect(await refusal(gateway, { username: '', password: '' })).toBe(4);
  });

  test('says what may be read and written', async () => {
    const { gateway } = await start();
    const all = await connect(gateway, { ...PLC, clientId: 'plc' });
    await all.subscribe(['robotcell1/x', 1], ['hmi/#', 1], ['lamp', 1]);
    const panel = await connect(gateway, { ...HMI, clientId: 'panel1' });
    const wishes = ['robotcell1/#', '#', 'hmi/panel1/a', 'hmi/+/a', '$SYS/#', 'public/#'];
    const codes = await panel.subscribe(...wishes.map((filter) => [filter, 1] as const));
    expect(codes).toEqual([1, 0x80, 1, 0x80, 0x80, 0x80]);
    // Acknowledged, for MQTT 3.1.1 has no other answer, and gone nowhere.
    await panel.publish('robotcell1/x', 'no', { qos: 1 });
    await panel.publish('hmi/panel2/x', 'no', { qos: 2 });
    await panel.publish('robotcell1/x', 'no', { qos: 0, retain: true });
    await panel.publish('hmi/panel1/x', 'yes', { qos: 1 });
    await panel.publish('lamp', 'yes', { qos: 1 });
    const seen = [await all.next('publish'), await all.next('publish')];
    expect(seen.map(({ topic, payload }) => [topic, payload])).toEqual([
      ['hmi/panel1/x', 'yes'],
      ['lamp', 'yes'],
    ]);
    const anonymous = await connect(gateway);
    expect(await anonymous.subscribe(['public/a', 0], ['robotcell1/x', 0])).toEqual([0, 0x80]);
    await until('the drops are told', () => /not-authorised/.test(gateway.stdout()));
  });

  test('keeps a session from other users, also over a restart, and a will from foreign topics', async () => {
    const { gateway } = await start();
    const mine = await connect(gateway, { ...PLC, clientId: 'mine', clean: false });
    await mine.subscribe(['jobs/#', 1]);
    await mine.disconnect();
    expect(await refusal(gateway, { ...HMI, clientId: 'mine' })).toBe(2);
    await gateway.kill();
    await gateway.restart();
    expect(await refusal(gateway, { ...HMI, clientId: 'mine' })).toBe(2);
    expect(await refusal(gateway, { clientId: 'mine' })).toBe(2);
    const again = await connect(gateway, { ...PLC, clientId: 'mine', clean: false });
    expect(again.connack.sessionPresent).toBe(true);
    const will = { topic: 'robotcell1/door', payload: 'open', qos: 1, retain: true } as const;
    const client = await RawClient.open('tcp', gateway.port);
    client.send(packets.connect({ ...HMI, clientId: 'w', will }));
    expect((await client.take('connack')).code).toBe(5);
  });

  test('takes effect at once when it changes, also on open sessions; a broken one changes nothing', async () => {
    const { gateway, put } = await start();
    const panel = await connect(gateway, { ...HMI, clientId: 'panel1' });
    await panel.subscribe(['robotcell1/#', 0], ['hmi/panel1/#', 0]);
    expect((await panel.next('publish')).payload).toBe('online');
    const other = await connect(gateway, { ...PLC, clientId: 'plc' });

    put('users: [ { nam: hmi } ]\n');
    await until('the broken file is told', () => /rules from before stay/.test(gateway.stdout()));
    await panel.publish('hmi/panel1/x', 'still');
    expect((await panel.next('publish')).payload).toBe('still');

    put(RULES.replace("'robotcell1/#'", "'robotcell1/status'").replace(/.*name: plc.*\n/, ''));
    await until('the user who is gone is cut off', () => other.state !== 'open');
    const sensor = await connect(gateway, { ...HMI, clientId: 'panel1b' });
    expect(await sensor.subscribe(['robotcell1/#', 0])).toEqual([0x80]);
    await panel.publish('hmi/panel1/x', 'me');
    expect((await panel.next('publish')).payload).toBe('me');
    expect(await refusal(gateway, PLC)).toBe(4);
  });

  test('closes the connections of a user whose password has changed, and no other', async () => {
    const { gateway, put } = await start();
    const panel = await connect(gateway, { ...HMI, clientId: 'panel1', clean: false });
    const other = await connect(gateway, { ...PLC, clientId: 'plc' });
    put(RULES.replace(hmi, plc));
    await until('the old password is cut off', () => panel.state !== 'open');
    expect(await refusal(gateway, { ...HMI, clientId: 'panel1' })).toBe(4);
    const login = { username: 'hmi', password: 'plc-secret', clientId: 'panel1', clean: false };
    expect((await connect(gateway, login)).connack.sessionPresent).toBe(true);
    await other.quiet();
    expect(other.state).toBe('open');
  });

  test('slows down who guesses 10,000 times, and harms nobody by it', {
    timeout: 180_000,
  }, async () => {
    const { gateway } = await start();
    const good = await connect(gateway, { ...PLC, clientId: 'good' });
    let tries = 0;
    const began = performance.now();
    const guess = async (): Promise<void> => {
      while (tries < 10_000) {
        const password = String(tries++);
        expect(await refusal(gateway, { username: 'hmi', password })).toBe(4);
      }
    };
    const guessing = Promise.all(Array.from({ length: 8 }, guess));
    const times: number[] = [];
    while (tries < 10_000) {
      const sent = performance.now();
      good.send(packets.pingreq);
      await good.take('pingresp');
      times.push(performance.now() - sent);
    }
    await guessing;
    const rate = Math.round(10_000 / ((performance.now() - began) / 1000));
    const p99 = times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
    console.log(`guessing: ${rate} tries/s, p99 of another client's ping ${p99.toFixed(1)} ms`);
    expect(times.length).toBeGreaterThan(100);
    // Even the right one has to wait now, from this address.
    expect(await refusal(gateway, HMI)).toBe(4);
    expect(gateway.stdout()).toMatch(/too many wrong passwords for \\"hmi\\"/);
    expect(gateway.stdout()).not.toContain('hmi-secret');
  });
});

describe('an access file that can not be trusted', () => {
  const cli = join(REPOSITORY, 'dist/program/cli.js');

  async function check(prepare: (file: string) => void): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'cellgate-access-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const [config, file] = [join(folder, 'config.yaml'), join(folder, 'access.yaml')];
    writeFileSync(config, 'cell: c\nbroker: { access: access.yaml }\n');
    writeFileSync(file, RULES, { mode: 0o600 });
    prepare(file);
    const { stdout, code } = await run(process.execPath, [cli, 'check', '--config', config]);
    expect(code).toBe(1);
    return stdout;
  }

  test.each<[string, RegExp, (file: string) => void]>([
    ['is writable by others', /can be written by others/, (file) => chmodSync(file, 0o666)],
    [
      'is a link',
      /is a symbolic link/,
      (file) => {
        renameSync(file, `${file}.real`);
        symlinkSync(`${file}.real`, file);
      },
    ],
    ['is missing', /no such file/, (file) => renameSync(file, `${file}.x`)],
    [
      'holds a password',
      /:2:\d+: users\[0\]\.password: .*expected a hash/,
      (file) => writeFileSync(file, 'users:\n  - { name: a, password: open-sesame }\n'),
    ],
    [
      'has keys for SCRAM in another form',
      /:2:\d+: users\[0\]\.scram: .*expected keys made by "cellgate user add NAME"/,
      (file) => writeFileSync(file, 'users:\n  - { name: a, scram: SCRAM-SHA-256 }\n'),
    ],
    [
      'has an unknown key',
      /users\[0\]\.pasword: unknown key \(did you mean password\?\)/,
      (file) => writeFileSync(file, 'users:\n  - { name: a, pasword: x }\n'),
    ],
    [
      'names a user twice',
      /:3:\d+: users\[1\]\.name: a is in this file twice/,
      (file) => writeFileSync(file, 'users:\n  - { name: a }\n  - { name: a }\n'),
    ],
  ])('since it %s', async (_, sentence, prepare) => {
    expect(await check(prepare)).toMatch(sentence);
  });

  test('is made and changed by the user verb, which keeps comments, mode and secrets', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cellgate-access-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const [config, file] = [join(folder, 'config.yaml'), join(folder, 'access.yaml')];
    writeFileSync(config, 'cell: c\nbroker: { access: access.yaml }\n', { mode: 0o644 });
    const user = (action: string, name: string, input: string) =>
      run(process.execPath, [cli, 'user', action, ...(name ? [name] : []), '-c', config], {
        input,
      });
    expect((await user('add', 'hmi', 'hmi-secret\n')).code).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(readFileSync(file, 'utf8')).not.toContain('hmi-secret');
    writeFileSync(file, readFileSync(file, 'utf8').replace('users:', '# ours\nusers:'));
    chmodSync(file, 0o600);
    expect((await user('add', 'plc', 'plc-secret\n')).stdout).toMatch(/plc may connect/);
    expect((await user('add', 'hmi', 'another-one\n')).stdout).toMatch(
      /password of hmi was changed/,
    );
    expect((await user('add', 'x', 'short\n')).stderr).toMatch(/at least 8 characters/);
    expect((await user('list', '', '')).stdout).toBe(
      'hmi  password, SCRAM\nplc  password, SCRAM\n',
    );
    expect((await user('remove', 'plc', '')).code).toBe(0);
    expect((await user('remove', 'plc', '')).stderr).toMatch(/has no user plc/);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('# ours');
    expect(text.match(/scrypt\$14\$8\$1\$/g)).toHaveLength(1);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await run(process.execPath, [cli, 'check', '-c', config])).code).toBe(0);
  });
});
