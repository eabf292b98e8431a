import { describe, expect, test } from 'vitest';
import { createEdgeNode, metric, reading } from '../../../support/edge-node.ts';

const REBIRTH = { name: 'Node Control/Rebirth', type: 'Boolean', value: true } as const;

describe('a session', () => {
  test('begins with NCMD, DCMD and STATE, then the births, then data', async () => {
    const node = createEdgeNode({ waitsForHost: true });
    await node.connect();
    await node.host(true);
    expect(node.subscribed).toEqual([
      'spBv1.0/Plant1/NCMD/cell1 1',
      'spBv1.0/Plant1/DCMD/cell1/+ 1',
      'spBv1.0/STATE/scada1 1',
    ]);
    // The first of the messages is the will.
    expect(node.log[0]).toBe('subscribed before 1 messages');
    expect(node.take()).toEqual(['NDEATH', 'NBIRTH', 'DBIRTH robot']);
    expect(node.isSending).toBe(true);
  });

  test('all but the will have QoS 0, and nothing is retained', async () => {
    const node = createEdgeNode();
    await node.connect();
    node.send('cell/ambient', reading(1));
    const [will, ...others] = node.messages;
    expect([will?.qos, will?.retain]).toEqual([1, false]);
    expect(others.map(({ qos, retain }) => [qos, retain])).toEqual(others.map(() => [0, false]));
    expect(others).toHaveLength(3);
  });

  test.each([4, 5] as const)('the packets fit MQTT level %i', async (version) => {
    const node = createEdgeNode({ version });
    await node.connect();
    expect(node.take()).toEqual(['NDEATH', 'NBIRTH', 'DBIRTH robot']);
  });

  test('a certificate of birth that the plant would not take is reported, not sent', async () => {
    const metrics = Array.from({ length: 2000 }, (_, n) => metric(`robot/a-long-name-${n}`));
    const node = createEdgeNode({ metrics });
    await node.connect();
    expect(node.log).toContainEqual(expect.stringContaining('choose fewer values with routes'));
    expect(node.take()).toEqual(['NDEATH']);
  });
});

describe('bdSeq', () => {
  const numbers = ({ messages }: ReturnType<typeof createEdgeNode>) =>
    messages
      .filter(({ type }) => type === 'NDEATH' || type === 'NBIRTH')
      .map(({ payload }) => payload.metrics.find(({ name }) => name === 'bdSeq')?.value);

  test('is the same in will and births, and one more for each CONNECT, also of another run', async () => {
    const state = new Map<string, unknown>([['bdSeq', 254]]);
    for (let run = 0; run < 2; run++) {
      const node = createEdgeNode({ state });
      await node.connect();
      node.edge.down(true);
      expect(numbers(node)).toEqual(run === 0 ? [255n, 255n] : [0n, 0n]);
    }
  });

  test('begins at 0, and is on disk before CONNECT', async () => {
    const node = createEdgeNode();
    await node.edge.prepare();
    expect(node.state.get('bdSeq')).toBe(0);
  });

  test('is used again if no CONNECT was sent with it', async () => {
    const node = createEdgeNode();
    for (let attempt = 0; attempt < 3; attempt++) {
      await node.edge.prepare();
      node.edge.down(false);
    }
    await node.connect();
    expect(numbers(node)).toEqual([0n, 0n]);
    node.edge.down(true);
    await node.edge.prepare();
    node.edge.down(true);
    await node.edge.prepare();
    expect(node.state.get('bdSeq')).toBe(2);
  });

  test('what is no number on disk begins at 0', async () => {
    const node = createEdgeNode({ state: new Map([['bdSeq', 'x']]) });
    await node.edge.prepare();
    expect(node.state.get('bdSeq')).toBe(0);
  });
});

describe('seq', () => {
  test('counts all messages of the node and its devices modulo 256, and is 0 in each NBIRTH', async () => {
    const node = createEdgeNode();
    await node.connect();
    for (let n = 0; n < 600; n++) node.send(n % 2 ? 'cell/robot/j1' : 'cell/ambient', reading(n));
    const seqs = node.messages.slice(1).map(({ payload }) => payload.seq);
    expect(seqs).toEqual(Array.from({ length: 602 }, (_, n) => n % 256));
    await node.clock.advance(1000);
    await node.command('', [REBIRTH]);
    expect(node.messages.at(-2)?.payload.seq).toBe(0);
  });

  test('a reading that leaves no packet leaves no gap', async () => {
    const node = createEdgeNode();
    await node.connect();
    node.send('cell/ambient', Buffer.alloc(0));
    node.send('cell/ambient', reading(1));
    expect(node.messages.map(({ payload }) => payload.seq)).toEqual([undefined, 0, 1, 2]);
  });
});

describe('data', () => {
  test('have alias, value and time, without name and type', async () => {
    const node = createEdgeNode();
    node.current.set('cell/robot/j1', reading(20));
    await node.connect();
    const alias = node.messages[2]?.payload.metrics[0]?.alias;
    node.send('cell/robot/j1', reading(21.5));
    expect(node.messages.at(-1)).toMatchObject({ type: 'DDATA', device: 'robot' });
    expect(node.messages.at(-1)?.payload.metrics).toEqual([
      { alias, value: 21.5, timestamp: Date.UTC(2026, 10, 20, 20, 30) },
    ]);
  });

  test('queued before the birth are historical, those after it are not', async () => {
    const node = createEdgeNode();
    await node.clock.advance(1000);
    await node.connect();
    node.send('cell/ambient', reading(1), 999);
    node.send('cell/ambient', reading(2), 1000);
    const historical = node.messages.slice(3).map(({ payload }) => payload.metrics[0]?.historical);
    expect(historical).toEqual([true, undefined]);
  });

  test('say that a value is bad or uncertain, and that it is good again', async () => {
    const node = createEdgeNode();
    await node.connect();
    for (const [value, quality] of [
      [1, 'good'],
      [null, 'bad'],
      [2, 'uncertain'],
      [3, 'good'],
      [4, 'good'],
    ]) {
      node.send(
        'cell/ambient',
        reading(value, { quality, ...(quality === 'good' ? {} : { reason: 'wire' }) }),
      );
    }
    const told = node.messages
      .slice(3)
      .map(({ payload: { metrics } }) => metrics[0]?.properties?.map(({ value }) => value));
    // The births told that it has no value.
    expect(told).toEqual([[192, null], [0, 'wire'], [500, 'wire'], [192, null], undefined]);
  });

  test('of a payload without time have the time at which they were queued', async () => {
    const node = createEdgeNode();
    await node.connect();
    const { wall, advance } = node.clock;
    const queued = wall();
    await advance(5000);
    node.send('cell/ambient', Buffer.from('21.5'), 0);
    expect(node.messages.at(-1)?.payload.metrics[0]).toMatchObject({
      value: 21.5,
      timestamp: queued,
    });
  });

  test('of another type than the birth said bring a birth first; values of mixed types are text', async () => {
    const node = createEdgeNode();
    await node.connect();
    node.take();
    for (const value of [true, 7, 'on', 8]) node.send('cell/ambient', reading(value));
    const sent = node.messages.map(({ type, payload: { metrics } }) =>
      type === 'NBIRTH' ? metrics.at(-1)?.type : metrics[0]?.value,
    );
    expect(sent.filter((one) => one !== null && one !== undefined)).toEqual([
      ...['Boolean', true, 'String', '7', 'on', '8'],
    ]);
  });

  test('of a topic that is no metric are refused', async () => {
    const node = createEdgeNode();
    await node.connect();
    expect(node.send('cell/other', reading(1))).toMatchObject({ kind: 'refused' });
    expect(node.edge.takes('cell/other')).toBe(false);
    expect(node.edge.takes('cell/ambient')).toBe(true);
  });
});

describe('the data of one turn', () => {
  const metrics = ['robot/j1', 'robot/j2', 'press/force', 'ambient', 'humidity'].map((path) =>
    metric(path),
  );
  const valuesOf = ({ payload }: { payload: { metrics: readonly { value: unknown }[] } }) =>
    payload.metrics.map(({ value }) => value);

  test('are one message for each device, with the metrics in the order of their readings', async () => {
    const node = createEdgeNode({ metrics });
    await node.connect();
    node.messages.length = 0;
    const topics = ['robot/j1', 'ambient', 'press/force', 'robot/j2', 'humidity'];
    node.sendTogether(topics.map((topic, n) => [`cell/${topic}`, reading(n)]));
    expect(node.messages.map(valuesOf)).toEqual([[0, 3], [1, 4], [2]]);
    const seqs = node.messages.map(({ payload }) => payload.seq);
    expect([node.take(), seqs]).toEqual([
      ['DDATA robot', 'NDATA', 'DDATA press'],
      [3, 4, 5],
    ]);
    expect(node.pings).toBe(1);
  });

  test('have each metric once: later values of it are in later messages', async () => {
    const node = createEdgeNode({ metrics });
    await node.connect();
    node.messages.length = 0;
    node.sendTogether([
      ['cell/robot/j1', reading(1)],
      ['cell/robot/j2', reading(2)],
      ['cell/robot/j1', reading(3)],
      ['cell/robot/j1', reading(4)],
      ['cell/robot/j2', reading(5)],
    ]);
    expect(node.messages.map(valuesOf)).toEqual([[1, 2], [3], [4, 5]]);
  });

  test('stay before the births of a device that lives again, and of another type', async () => {
    const node = createEdgeNode({ metrics });
    await node.connect();
    node.take();
    node.sendTogether([
      ['cell/robot/j1', reading(1)],
      ['cell/robot/j2', reading('text')],
      ['cell/robot/j1', reading(2)],
    ]);
    const seqs = node.messages.map(({ payload }) => payload.seq);
    expect(seqs).toEqual([3, 0, 1, 2, 3]);
    expect(node.take()).toEqual([
      'DDATA robot',
      'NBIRTH',
      'DBIRTH robot',
      'DBIRTH press',
      'DDATA robot',
    ]);
  });

  test('are several messages where one would get too large', async () => {
    const many = Array.from({ length: 400 }, (_, n) => metric(`robot/m${n}`));
    const node = createEdgeNode({ metrics: many });
    await node.connect();
    node.messages.length = 0;
    const text = 'x'.repeat(300);
    node.sendTogether(
      many.map(({ topic }) => [topic, reading(1, { quality: 'bad', reason: text })]),
    );
    const counts = node.messages.map(({ payload }) => payload.metrics.length);
    expect(counts.length).toBeGreaterThan(3);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(400);
    const sizes = node.messages.map(({ payload: { metrics: sent } }) =>
      sent.reduce((sum, { properties }) => sum + JSON.stringify(properties).length, 0),
    );
    expect(Math.max(...sizes)).toBeLessThan(60_000);
  });
});

describe('what proves that the plant has them', () => {
  test('a ping behind each batch, one at a time; its answer acknowledges what was sent before it', async () => {
    const node = createEdgeNode();
    await node.connect();
    expect(node.pings).toBe(1);
    node.send('cell/ambient', reading(1));
    node.send('cell/ambient', reading(2));
    expect(node.pings).toBe(1);
    node.edge.answered();
    expect(node.acknowledged).toEqual([0]);
    expect(node.pings).toBe(2);
    node.send('cell/ambient', reading(3));
    node.edge.answered();
    expect(node.acknowledged).toEqual([0, 1, 2]);
    expect(node.pings).toBe(3);
    node.edge.answered();
    expect(node.acknowledged).toEqual([0, 1, 2, 3]);
    expect(node.pings).toBe(3);
    expect(node.log.filter((one) => one === 'proven')).toHaveLength(1);
  });

  test('the births alone are proven, too', async () => {
    const node = createEdgeNode();
    await node.connect();
    expect(node.log).not.toContain('proven');
    node.edge.answered();
    expect(node.log).toContain('proven');
  });
});

describe('the primary host', () => {
  test('is waited for, for ten minutes too; then the births follow on the same connection', async () => {
    const node = createEdgeNode({ waitsForHost: true });
    await node.connect();
    await node.host(false);
    await node.clock.advance(600_000);
    expect(node.take()).toEqual(['NDEATH']);
    expect(node.isSending).toBe(false);
    expect(node.log).toContainEqual(expect.stringContaining('waits for the primary host scada1'));
    await node.host(true);
    expect(node.take()).toEqual(['NBIRTH', 'DBIRTH robot']);
    node.send('cell/ambient', reading(1), 5);
    expect(node.messages[0]?.payload.metrics[0]?.historical).toBe(true);
  });

  test('that goes offline ends the session: NDEATH, then nothing', async () => {
    const node = createEdgeNode({ waitsForHost: true });
    await node.connect();
    await node.host(true);
    node.take();
    await node.host(false);
    expect(node.take()).toEqual(['NDEATH']);
    expect(node.isSending).toBe(false);
    expect(node.log).toContain('closed: the primary host scada1 is offline');
    node.edge.down(true);
    expect(node.edge.leftForHost).toBe(true);
    await node.clock.advance(60_000);
    expect(node.take()).toEqual([]);
  });

  test.each([
    ['an older time', 0, 'scada1'],
    ['no time', 'soon', 'scada1'],
    ['another host', Date.UTC(2030, 0), 'scada2'],
  ])('a STATE with %s does not count', async (_, timestamp, name) => {
    const node = createEdgeNode({ waitsForHost: true });
    await node.connect();
    await node.host(true);
    node.take();
    await node.host(false, timestamp, name);
    await node.edge.receive('spBv1.0/STATE/scada1', Buffer.from('OFFLINE'), true);
    expect(node.take()).toEqual([]);
    expect(node.isSending).toBe(true);
  });

  test('that says at one of several addresses that it is offline is looked for at the next, at once', async () => {
    const node = createEdgeNode({ waitsForHost: true, urls: ['mqtt://a', 'mqtt://b'] });
    await node.connect();
    await node.host(false);
    node.edge.down(true);
    expect(node.edge.leftForHost).toBe(true);
    expect(node.take()).toEqual(['NDEATH', 'NDEATH']);
  });

  test('that says nothing at one of several addresses is looked for at the next after 10 s', async () => {
    const node = createEdgeNode({ waitsForHost: true, urls: ['mqtt://a', 'mqtt://b'] });
    await node.connect();
    await node.clock.advance(9000);
    expect(node.log).not.toContain('closed: the primary host scada1 is offline');
    await node.clock.advance(2000);
    expect(node.log).toContain('closed: the primary host scada1 is offline');
  });
});

describe('a rebirth', () => {
  test('is answered at once with the same bdSeq, and at most once a second however often it is asked for', async () => {
    const node = createEdgeNode();
    await node.connect();
    await node.clock.advance(1000);
    const before = node.take().length;
    expect(before).toBe(3);
    await node.command('', [REBIRTH]);
    expect(node.take()).toEqual(['NBIRTH', 'DBIRTH robot']);
    for (let asked = 0; asked < 300; asked++) {
      await node.command('', [REBIRTH]);
      await node.clock.advance(10);
    }
    await node.clock.advance(5000);
    expect(node.take().filter((type) => type === 'NBIRTH')).toHaveLength(3);
  });

  test('does not stop data for longer than the births take', async () => {
    const node = createEdgeNode();
    await node.connect();
    node.take();
    for (let n = 0; n < 10; n++) {
      await node.command('', [REBIRTH]);
      node.send('cell/ambient', reading(n));
    }
    expect(node.take()).toEqual(Array.from({ length: 10 }, () => 'NDATA'));
  });

  test.each([
    ['false', { ...REBIRTH, value: false }],
    ['a number', { ...REBIRTH, type: 'Int32', value: 1 }],
  ] as const)('is not asked for with %s', async (_, asked) => {
    const node = createEdgeNode();
    await node.connect();
    await node.clock.advance(2000);
    node.take();
    await node.command('', [asked]);
    await node.clock.advance(2000);
    expect(node.take()).toEqual([]);
  });
});

describe('commands', () => {
  const metrics = [
    metric('lamp', { isWritable: true, isOutput: true, type: 'Boolean', unit: '' }),
    metric('press/valve', { isWritable: true, isOutput: true, type: 'Boolean', unit: '' }),
    metric('press/count', { isWritable: true }),
    metric('press/force'),
  ];

  test('are published here by name or alias, for the node and its devices', async () => {
    const node = createEdgeNode({ metrics });
    await node.connect();
    const alias = node.messages.at(-1)?.payload.metrics[0]?.alias ?? -1;
    await node.command('', [{ name: 'lamp', type: 'Boolean', value: true }]);
    await node.command('press', [
      { alias, type: 'Boolean', omitType: true, value: false },
      { name: 'count', type: 'Int64', value: 12_345n },
    ]);
    expect(node.commands).toEqual([
      ['cell/lamp/set', '{"value":true}'],
      ['cell/press/valve/set', '{"value":false}'],
      ['cell/press/count/set', '{"value":12345}'],
    ]);
    expect(node.refused).toEqual([]);
  });

  test.each([
    [
      'of a metric that can only be read',
      'press',
      { name: 'force', value: 1 },
      'DCMD to press: force can only be read',
    ],
    [
      'of another type',
      'press',
      { name: 'valve', value: 1 },
      'DCMD to press: valve takes true or false',
    ],
    [
      'of no number',
      'press',
      { name: 'count', value: Number.NaN },
      'DCMD to press: count takes a number',
    ],
    [
      'without a value',
      'press',
      { name: 'valve', value: null },
      'DCMD to press: valve takes true or false',
    ],
    [
      'to another device',
      'robot',
      { name: 'valve', value: 1 },
      'DCMD to robot: valve is no metric of it',
    ],
    ['by an unknown alias', '', { alias: 99, value: 1 }, 'NCMD: alias 99 is no metric of it'],
  ] as const)('%s are refused with the reason', async (_, device, sent, sentence) => {
    const node = createEdgeNode({ metrics });
    await node.connect();
    await node.command(device, [{ type: 'Double', ...sent }]);
    expect(node.refused).toEqual([sentence]);
    expect(node.commands).toEqual([]);
  });

  test('that are no payload are refused', async () => {
    const node = createEdgeNode({ metrics });
    await node.connect();
    await node.edge.receive('spBv1.0/Plant1/NCMD/cell1', Buffer.from('on'), false);
    expect(node.refused).toEqual([expect.stringContaining('not Protocol Buffers')]);
  });

  test('that are retained, or come before the births, are not carried out', async () => {
    const node = createEdgeNode({ metrics, waitsForHost: true });
    await node.connect();
    const lamp = [{ name: 'lamp', type: 'Boolean', value: true }] as const;
    await node.command('', lamp);
    await node.host(true);
    await node.command('', lamp, true);
    expect(node.commands).toEqual([]);
    await node.command('', lamp);
    expect(node.commands).toHaveLength(1);
  });
});

describe('a device', () => {
  const metrics = [metric('robot/j1'), metric('robot/j2'), metric('ambient')];

  test('dies when all its sensors have been bad for 30 s, and is born again with the first value', async () => {
    const node = createEdgeNode({ metrics });
    node.current.set('cell/robot/j1', reading(null));
    node.current.set('cell/robot/j2', reading(1));
    await node.connect();
    node.take();
    await node.clock.advance(60_000);
    expect(node.take()).toEqual([]);
    node.current.set('cell/robot/j2', reading(null));
    await node.clock.advance(29_000);
    expect(node.take()).toEqual([]);
    await node.clock.advance(10_000);
    expect(node.take()).toEqual(['DDEATH robot']);
    node.send('cell/robot/j1', reading(null));
    await node.clock.advance(1000);
    await node.command('', [REBIRTH]);
    expect(node.take()).toEqual(['NBIRTH']);
    node.send('cell/robot/j2', reading(5));
    expect(node.take()).toEqual(['DBIRTH robot', 'DDATA robot']);
  });

  test('lives again also without data, and stays dead over a connection', async () => {
    const node = createEdgeNode({ metrics });
    node.current.set('cell/robot/j1', reading(null));
    node.current.set('cell/robot/j2', reading(null));
    await node.connect();
    await node.clock.advance(40_000);
    node.edge.down(true);
    node.take();
    await node.connect();
    expect(node.take()).toEqual(['NDEATH', 'NBIRTH']);
    node.current.set('cell/robot/j1', reading(1));
    await node.clock.advance(5000);
    expect(node.take()).toEqual(['DBIRTH robot']);
  });

  test('with outputs alone does not die', async () => {
    const lamp = metric('light/red', { isOutput: true, isWritable: true, type: 'Boolean' });
    const node = createEdgeNode({ metrics: [lamp] });
    node.current.set('cell/light/red', reading(null));
    await node.connect();
    node.take();
    await node.clock.advance(120_000);
    expect(node.take()).toEqual([]);
  });
});

describe('another config', () => {
  test('has other births at once, with the death of devices that are gone; what stays keeps its alias', async () => {
    const node = createEdgeNode();
    await node.connect();
    const aliases = () =>
      Object.fromEntries(
        node.messages.flatMap(({ payload }) =>
          payload.metrics.map(({ name, alias }) => [name, alias]),
        ),
      );
    const before = aliases();
    node.take();
    node.redefine([metric('ambient'), metric('press/force')]);
    const after = aliases();
    expect(node.take()).toEqual(['DDEATH robot', 'NBIRTH', 'DBIRTH press']);
    expect(after.ambient).toBe(before.ambient);
    expect(after.force).toBeGreaterThan(Math.max(before.j1 ?? 0, before.ambient ?? 0));
    node.redefine([metric('ambient'), metric('press/force')]);
    expect(node.take()).toEqual([]);
  });
});
