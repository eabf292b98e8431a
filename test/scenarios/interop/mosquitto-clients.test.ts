import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { unique } from '../../support/bench.ts';
import { startTarget, type TestGateway } from '../../support/gateway.ts';
import { run } from '../../support/run.ts';
import { needs, tools } from '../../support/tools.ts';

beforeEach(needs(tools.mosquittoPub, tools.mosquittoSub));

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTarget();
});
afterAll(async () => {
  await gateway?.dispose();
});

const server = () => ['-h', '127.0.0.1', '-p', `${gateway.port}`];

const pub = async (args: readonly string[], input?: string) => {
  const options = input === undefined ? {} : { input };
  const { code, stderr } = await run('mosquitto_pub', [...server(), ...args], options);
  expect(stderr).toBe('');
  expect(code).toBe(0);
};

/** Prints retain flag, QoS, topic and payload of each message. */
const sub = async (args: readonly string[]) => {
  const { code, stdout, stderr } = await run('mosquitto_sub', [
    ...server(),
    ...['-F', '%r %q %t %p'],
    ...args,
  ]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout.trimEnd().split('\n');
};

/** A subscriber that is there before `act` begins; resolves with its messages once it has `count`. */
const subscribedDuring = async (
  count: number,
  args: readonly string[],
  act: () => Promise<void>,
): Promise<string[]> => {
  let acting: Promise<void> | undefined;
  const command = ['-oL', 'mosquitto_sub', ...server(), '-d', '-F', '%r %q %t %p'];
  const { code, stdout } = await run('stdbuf', [...command, '-C', `${count}`, ...args], {
    onOutput: (output) => {
      if (output.includes('Subscribed (mid')) acting ??= act();
    },
  });
  await acting;
  expect(code).toBe(0);
  return stdout.split('\n').filter((line) => /^[01] [012] /.test(line));
};

describe.concurrent('mosquitto_pub and mosquitto_sub', () => {
  test.each([
    [0, 0],
    [0, 1],
    [0, 2],
    [1, 0],
    [1, 1],
    [1, 2],
    [2, 0],
    [2, 1],
    [2, 2],
  ])('published at QoS %i, subscribed at QoS %i: it comes at the lower', async (out, granted) => {
    const topic = unique('t');
    const got = await subscribedDuring(1, ['-t', topic, '-q', `${granted}`], () =>
      pub(['-t', topic, '-m', '25', '-q', `${out}`]),
    );
    expect(got).toEqual([`0 ${Math.min(out, granted)} ${topic} 25`]);
  });

  test('25 is not retained, 666 is', async () => {
    const cell = unique('cell');
    const topic = `${cell}/temperature`;
    const live = await subscribedDuring(2, ['-t', topic], async () => {
      await pub(['-t', topic, '-m', '25']);
      await pub(['-t', topic, '-m', '666', '-r']);
    });
    expect(live).toEqual([`0 0 ${topic} 25`, `0 0 ${topic} 666`]);
    expect(await sub(['-t', topic, '-C', '1'])).toEqual([`1 0 ${topic} 666`]);
    await pub(['-t', topic, '-r', '-n']);
    await pub(['-t', `${cell}/end`, '-m', 'end', '-r']);
    expect(await sub(['-t', `${cell}/#`, '-C', '1'])).toEqual([`1 0 ${cell}/end end`]);
  });

  test.each(['mqttv31', 'mqttv311'])('%s: a session gets what it missed', async (version) => {
    const [id, topic] = [unique('s'), unique('t')];
    const session = ['-V', version, '-i', id, '-c', '-t', topic, '-q', '2'];
    await sub([...session, '-E']);
    for (const qos of ['1', '2']) await pub(['-t', topic, '-m', `missed ${qos}`, '-q', qos]);
    expect(await sub([...session, '-C', '2'])).toEqual([
      `0 1 ${topic} missed 1`,
      `0 2 ${topic} missed 2`,
    ]);
  });

  test('five hundred lines from standard input come in order', async () => {
    const topic = unique('t');
    const lines = Array.from({ length: 500 }, (_, n) => `line ${n}`);
    const got = await subscribedDuring(lines.length, ['-t', topic, '-q', '2'], () =>
      pub(['-t', topic, '-l', '-q', '2'], `${lines.join('\n')}\n`),
    );
    expect(got).toEqual(lines.map((line) => `0 2 ${topic} ${line}`));
  });

  test('the will of a subscriber that is killed comes', async () => {
    const topic = unique('t');
    const will = ['--will-topic', topic, '--will-payload', 'gone', '--will-qos', '1'];
    const got = await subscribedDuring(1, ['-t', topic, '-q', '1'], async () => {
      const command = ['-oL', 'mosquitto_sub', ...server(), '-d', '-t', unique('t'), ...will];
      const abort = new AbortController();
      const victim = run('stdbuf', command, {
        onOutput: (output) => {
          if (output.includes('Subscribed (mid')) abort.abort();
        },
        signal: abort.signal,
      });
      await victim;
    });
    expect(got).toEqual([`0 1 ${topic} gone`]);
  });

  test('MQTT 5: a session with an expiry gets what it missed with its properties, and nothing that has expired', async () => {
    const [id, topic] = [unique('s'), unique('t')];
    const session = ['-V', '5', '-i', id, '-c', '-x', '3600', '-t', topic, '-q', '2'];
    const format = ['-F', '%r %q %t %p %C %R %D %P'];
    await sub([...session, '-E']);
    const properties = ['content-type text/plain', 'response-topic answers', 'correlation-data 7']
      .flatMap((property) => ['-D', 'publish', ...property.split(' ')])
      .concat(
        '-D',
        'publish',
        'user-property',
        'a',
        'b',
        '-D',
        'publish',
        'user-property',
        'c',
        'd',
      );
    const expiry = (seconds: string) => ['-D', 'publish', 'message-expiry-interval', seconds];
    await pub(['-V', '5', '-t', topic, '-m', 'old', '-q', '1', ...expiry('1')]);
    await pub(['-V', '5', '-t', topic, '-m', 'new', '-q', '2', ...expiry('600'), ...properties]);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect(await sub([...session, ...format, '-C', '1'])).toEqual([
      `0 2 ${topic} new text/plain answers 7 a:b c:d`,
    ]);
  });

  test('MQTT 5: a session without an expiry ends with its connection', async () => {
    const [id, topic] = [unique('s'), unique('t')];
    const session = ['-V', '5', '-i', id, '-c', '-x', '0', '-t', topic, '-q', '1'];
    await sub([...session, '-E']);
    await pub(['-V', '5', '-t', topic, '-m', 'missed', '-q', '1']);
    await pub(['-V', '5', '-t', topic, '-m', 'kept', '-q', '1', '-r']);
    expect(await sub([...session, '-C', '1'])).toEqual([`1 1 ${topic} kept`]);
  });
});
