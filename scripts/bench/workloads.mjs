/**
 * What is measured. Each workload drives one running broker and gives figures by name:
 * `perSecond` (messages delivered), `ms`, `p50`, `p99`, `p999` (milliseconds), `cpuMicros` (the broker's, a message),
 * `calls` (reads and writes of the broker, a message), `bytesPerMessage` (written to disk), `rss` and `anonymous`
 * (bytes), `lost`, and `dropped` where QoS 0 promises nothing.
 */
import { Broker } from './brokers.mjs';
import { Generator } from './generator.mjs';

const PAIRS = 10;
const MB = 1e6;
const IS_OLDER_NODE = Number(process.versions.node.split('.')[0]) < 24;

/** What a figure should be: so many times Mosquitto's, or the value itself. */
const timesAtLeast = (of, least) => ({ of, least, isRatio: true });
const timesAtMost = (of, most) => ({ of, most, isRatio: true });
const atLeast = (of, least) => ({ of, least });
const atMost = (of, most) => ({ of, most });
const range = (count) => Array.from({ length: count }, (_, i) => i);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function subscribers({ count = PAIRS, filter, qos, clean = true, timed = false }) {
  return range(count).map((i) => ({
    clientId: `s${i}`,
    clean,
    filter: filter ?? `bench/${i}`,
    qos,
    subscribe: true,
    timed,
  }));
}

function publishers({
  count = PAIRS,
  qos,
  payload = 128,
  window = 1000,
  retain = false,
  properties = false,
}) {
  return range(count).map((i) => ({
    clientId: `p${i}`,
    topic: `bench/${i}`,
    payload,
    qos,
    window,
    retain,
    properties,
  }));
}

function targetOf(broker, transport = 'tcp', version = 4) {
  return { port: broker.ports[transport], transport, version };
}

/** Publishers as fast as they may for `ms`, once all is warm; every message must arrive at `copies` subscribers. */
async function stream(broker, options) {
  const { ms, warmMs, qos, copies = 1, readers = 1, subscribe, publish, rate } = options;
  const target = targetOf(broker, options.transport, options.version);
  const sources = new Generator();
  const sinks = range(readers).map(() => new Generator());
  try {
    const wanted = subscribers({ qos, ...subscribe });
    await Promise.all(
      sinks.map((sink, n) =>
        sink.connect({ target, subscribe: wanted.filter((_, i) => i % readers === n) }),
      ),
    );
    await sources.connect({ target, publish: publishers({ qos, ...publish }) });
    const pace = rate ? { rate: rate / (publish?.count ?? PAIRS) } : {};
    const warm = await sources.go({ ...pace, ms: warmMs });
    const earlier = await collected(sinks, warm.sent * copies);
    const before = broker.cost();
    const began = performance.timeOrigin + performance.now();
    const all = await sources.go({ ...pace, ms });
    const { cpuMs } = all;
    const expected = (all.sent - warm.sent) * copies;
    const total = (list) => list.reduce((sum, report) => sum + report.received, 0);
    const reports = await collected(sinks, expected + total(earlier));
    const received = total(reports) - total(earlier);
    const missing = all.sent * copies - total(reports);
    const seconds = (Math.max(...reports.map(({ lastAt }) => lastAt)) - began) / 1000;
    const after = broker.cost();
    return {
      perSecond: received / seconds,
      cpuMicros: ((after.cpuMs - before.cpuMs) * 1000) / received,
      calls: (after.calls - before.calls) / received,
      bytesPerMessage: (after.written - before.written) / received,
      rss: after.rss,
      anonymous: after.anonymous,
      ...(qos === 0 ? { dropped: missing, lost: 0 } : { lost: missing }),
      generatorShare:
        (cpuMs + Math.max(...reports.map((report, i) => report.cpuMs - earlier[i].cpuMs))) /
        2 /
        (seconds * 1000),
    };
  } finally {
    for (const generator of [sources, ...sinks]) generator.stop();
  }
}

async function collected(sinks, expected) {
  let reports = [];
  let before = -1;
  for (let quiet = 0; quiet < 10; ) {
    reports = await Promise.all(sinks.map((sink) => sink.report()));
    const received = reports.reduce((sum, report) => sum + report.received, 0);
    if (received >= expected) break;
    quiet = received === before ? quiet + 1 : 0;
    before = received;
    await wait(100);
  }
  return reports;
}

function percentile(sorted, part) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

/** Messages at a steady rate; publishers and subscribers share a process, so that one clock times both. */
async function latency(broker, { ms, warmMs, qos, rate }) {
  const target = targetOf(broker);
  const generator = new Generator();
  try {
    await generator.connect({
      target,
      subscribe: subscribers({ count: 1, filter: 'bench/0', qos, timed: true }),
      publish: publishers({ count: 1, qos }),
    });
    const warm = await generator.go({ ms: warmMs, rate });
    await collected([generator], warm.sent);
    const before = broker.cost();
    const { sent } = await generator.go({ ms, rate });
    const [report] = await collected([generator], sent);
    const after = broker.cost();
    const times = report.latencies.slice(warm.sent).sort((a, b) => a - b);
    return {
      p50: percentile(times, 0.5),
      p99: percentile(times, 0.99),
      p999: percentile(times, 0.999),
      max: times.at(-1),
      cpuMicros: ((after.cpuMs - before.cpuMs) * 1000) / (sent - warm.sent),
      calls: (after.calls - before.calls) / (sent - warm.sent),
      lost: sent - report.received,
    };
  } finally {
    generator.stop();
  }
}

async function once(broker, job) {
  const generator = new Generator();
  try {
    await generator.connect({ target: targetOf(broker), ...job });
    return await generator.report();
  } finally {
    await generator.close();
    generator.stop();
  }
}

/** Has `run` work with a persistent session that is away: `fill` publishes to it, `drain` has it come for what it missed. */
async function withAbsent(broker, run) {
  const session = { clientId: 'away', clean: false, filter: 'bench/#', qos: 1 };
  await once(broker, { subscribe: [{ ...session, subscribe: true }] });
  const sources = new Generator();
  const sink = new Generator();
  try {
    await sources.connect({ target: targetOf(broker), publish: publishers({ qos: 1 }) });
    return await run({
      fill: (messages, pace) => sources.go({ messages: messages / PAIRS, ...pace }),
      drain: (wanted) => drained(broker, sink, session, wanted),
    });
  } finally {
    sources.stop();
    sink.stop();
  }
}

/** What is queued for an absent session, or what it comes back to; once unmeasured, so that all is warm. */
function absent(broker, { messages, drain: ofDrain, rate }) {
  return withAbsent(broker, async ({ fill, drain }) => {
    const pace = rate ? { rate: rate / PAIRS } : {};
    const warm = await fill(rate ? messages / 5 : messages, pace);
    await drain(warm.sent);
    const before = broker.cost();
    const all = await fill(messages, pace);
    const after = broker.cost();
    const sent = all.sent - warm.sent;
    const { perSecond, lost } = await drain(sent);
    if (ofDrain) return { perSecond, rss: broker.cost().rss, lost };
    return {
      perSecond: sent / (all.publishedMs / 1000),
      cpuMicros: ((after.cpuMs - before.cpuMs) * 1000) / sent,
      bytesPerMessage: (after.written - before.written) / sent,
      rss: after.rss,
      lost,
    };
  });
}

/** The session comes, takes what it missed and goes. */
async function drained(broker, sink, session, wanted) {
  const began = performance.timeOrigin + performance.now();
  await sink.connect({ target: targetOf(broker), subscribe: [{ ...session, subscribe: false }] });
  const [report] = await collected([sink], wanted);
  await sink.close();
  const seconds = (report.lastAt - began) / 1000;
  return { perSecond: report.received / seconds, lost: wanted - report.received };
}

async function retained(broker, { messages }) {
  const target = targetOf(broker);
  const sources = new Generator();
  const sink = new Generator();
  try {
    const publish = publishers({ count: 1, qos: 1, retain: true }).map((one) => ({
      ...one,
      topics: true,
    }));
    await sources.connect({ target, publish });
    await sources.go({ messages });
    const began = performance.timeOrigin + performance.now();
    await sink.connect({
      target,
      subscribe: subscribers({ count: 1, filter: 'bench/#', qos: 0 }),
    });
    const [report] = await collected([sink], messages);
    return { ms: report.lastAt - began, lost: messages - report.received };
  } finally {
    sources.stop();
    sink.stop();
  }
}

/** What a long queue takes, and what is left of that a minute after it was drained. */
function queueMemory(broker, { messages, ms }) {
  return withAbsent(broker, async ({ fill, drain }) => {
    const { sent } = await fill(messages);
    const { rss } = broker.cost();
    const { lost } = await drain(sent);
    const afterDrain = broker.cost().rss;
    await wait(ms);
    const { rss: later, anonymous } = broker.cost();
    return { rss, afterDrain, later, anonymous, lost };
  });
}

/** What the broker takes while nobody is there. */
async function alone(broker, { ms }) {
  await wait(ms / 2);
  const before = broker.cost();
  await wait(ms / 2);
  const { cpuMs, rss, anonymous } = broker.cost();
  return { rss, anonymous, coreShare: (cpuMs - before.cpuMs) / (ms / 2), lost: 0 };
}

/** What the broker takes for clients that do nothing. */
async function idle(broker, { connections, ms }) {
  const generator = new Generator();
  await wait(ms);
  const before = broker.cost().rss;
  try {
    await generator.connect({
      target: targetOf(broker),
      subscribe: subscribers({ count: connections, qos: 0 }),
    });
    await wait(ms);
    const { rss, anonymous } = broker.cost();
    return { rss, anonymous, more: rss - before, lost: 0 };
  } finally {
    generator.stop();
  }
}

/** Measures while a publisher has messages stored for an absent session, so that the disk is never idle. */
async function besideStoring(broker, measure) {
  const session = { clientId: 'away', clean: false, filter: 'stored/#', qos: 1 };
  await once(broker, { subscribe: [{ ...session, subscribe: true }] });
  const storing = new Generator();
  try {
    const [one] = publishers({ count: 1, qos: 1 });
    const publish = [{ ...one, clientId: 'storing', topic: 'stored/x' }];
    await storing.connect({ target: targetOf(broker), publish });
    const ended = storing.go({ ms: 3_600_000, rate: 200 });
    // It ends with its process, unanswered.
    ended.catch(() => undefined);
    const before = broker.cost();
    const figures = await measure();
    return { ...figures, bytesWritten: broker.cost().written - before.written };
  } finally {
    storing.stop();
  }
}

/** A start on data that holds many messages, queued for one client or retained, against a start on none. */
async function startStored(broker, { messages, kind, isRetained = false }) {
  if (isRetained) {
    const sources = new Generator();
    const [one] = publishers({ count: 1, qos: 1, retain: true });
    await sources.connect({ target: targetOf(broker), publish: [{ ...one, topics: true }] });
    await sources.go({ messages });
    sources.stop();
  } else {
    const session = { clientId: 'away', clean: false, filter: 'bench/#', qos: 1 };
    await once(broker, { subscribe: [{ ...session, subscribe: true }] });
    const sources = new Generator();
    await sources.connect({ target: targetOf(broker), publish: publishers({ qos: 1 }) });
    await sources.go({ messages: messages / PAIRS });
    sources.stop();
  }
  const empty = broker.startMs;
  await broker.stop({ keepData: true });
  const again = await Broker.start(kind, broker);
  Object.assign(broker, again);
  return {
    ms: again.startMs,
    moreThanEmpty: again.startMs - empty,
    rss: again.cost().rss,
    lost: 0,
  };
}

/** The gateway's own work: what it costs to read and publish 200 sensors ten times a second. */
async function ownSensors(broker, { ms, warmMs }) {
  await wait(warmMs);
  const before = broker.cost();
  await wait(ms);
  const after = broker.cost();
  return {
    coreShare: (after.cpuMs - before.cpuMs) / ms,
    bytesPerMessage: (after.written - before.written) / ((ms / 1000) * 2000),
    rss: after.rss,
    lost: 0,
  };
}

/** How long and how much. `QUICK` only shows that all complete and that nothing is lost. */
export const FULL = {
  ms: 2000,
  outrunMs: 10_000,
  slowMs: 4000,
  lateMs: 60_000,
  warmMs: 2000,
  messages: 100_000,
  clients: 1000,
};
export const QUICK = {
  ms: 100,
  outrunMs: 500,
  slowMs: 250,
  lateMs: 250,
  warmMs: 100,
  messages: 1000,
  clients: 50,
};

const FLOW_SHAPES = { '1to1': [1, 1], '10to10': [10, 10], '1to10': [1, 10] };

/** Publishers faster than their subscribers, with the limits that users have by default: what is delivered, and lost. */
function flowWorkloads({ ms, outrunMs, warmMs }) {
  const cells = {};
  for (const qos of [0, 1, 2]) {
    cells[`flow-neighbours-qos${qos}`] = {
      better: 'higher',
      of: 'share',
      defaults: true,
      aims: [atLeast('share', 0.9)],
      only: ['cellgate'],
      run: (b) => beside(b, { ms: 2 * ms, warmMs, qos, rate: 5000 }),
    };
  }
  for (const frozen of [false, true]) {
    cells[`flow-outrun-qos0${frozen ? '-frozen' : ''}`] = {
      better: 'higher',
      of: 'perSecond',
      defaults: true,
      only: ['cellgate'],
      run: (b) => outrun(b, { ms: outrunMs, warmMs, frozen }),
    };
  }
  for (const qos of [0, 1, 2]) {
    for (const window of qos === 0 ? [0] : [20, 100, 1000]) {
      for (const clean of qos === 0 ? [true] : [true, false]) {
        for (const [shape, [sources, sinks]] of Object.entries(FLOW_SHAPES)) {
          const filter = sources < sinks ? { filter: 'bench/0' } : {};
          const name = `flow-qos${qos}-w${window}-${clean ? 'clean' : 'persistent'}-${shape}`;
          const isAimed = shape === '10to10' && window >= 100;
          const times = clean || qos === 2 ? 8 : 4;
          cells[name] = {
            better: 'higher',
            of: 'perSecond',
            defaults: true,
            aims: isAimed ? [timesAtLeast('perSecond', times)] : [],
            run: (b) =>
              stream(b, {
                ms,
                warmMs,
                qos,
                copies: sources < sinks ? sinks : 1,
                subscribe: { count: sinks, clean, ...filter },
                publish: { count: sources, window },
              }),
          };
        }
      }
    }
  }
  return cells;
}

/** A group of ten that shares what ten publish: each message goes to one of them. */
function sharedWorkloads({ ms, warmMs }) {
  const cells = {};
  for (const qos of [0, 1, 2]) {
    cells[`shared-qos${qos}-10to10`] = {
      better: 'higher',
      of: 'perSecond',
      aims: [timesAtLeast('perSecond', 8)],
      run: (b) => stream(b, { ms, warmMs, qos, subscribe: { filter: '$share/group/bench/#' } }),
    };
  }
  return cells;
}

/** Large messages from one client to one, and to ten. */
function largePayloads({ ms, warmMs }) {
  const cells = {};
  for (const [name, payload, window] of [
    ['64KiB', 64 * 1024, 20],
    ['1MiB', 1024 * 1024, 4],
  ]) {
    for (const count of [1, PAIRS]) {
      cells[`payload-${name}-1to${count}`] = {
        better: 'higher',
        of: 'perSecond',
        aims: [timesAtLeast('perSecond', 1)],
        run: (b) =>
          stream(b, {
            ...{ ms, warmMs, qos: 1, copies: count },
            subscribe: { count, filter: 'bench/0' },
            publish: { count: 1, payload, window },
          }),
      };
    }
  }
  return cells;
}

/** MQTT 5 without properties, and with two user properties and a topic alias. */
function workloadsOfMqtt5(times) {
  const cell = (options, least) => ({
    better: 'higher',
    of: 'perSecond',
    aims: least ? [timesAtLeast('perSecond', least)] : [],
    run: (b) => stream(b, { ...times, version: 5, ...options }),
  });
  const publish = { properties: true };
  return {
    'v5-qos0-10to10': cell({ qos: 0 }, 8),
    'v5-qos1-10to10': cell({ qos: 1 }, 8),
    'v5-qos2-10to10': cell({ qos: 2 }, 8),
    'v5-qos1-one-in-flight': cell({ qos: 1, publish: { window: 1 } }, 1),
    'v5-fanout-wildcard-10to10': cell(
      { qos: 0, copies: PAIRS, readers: 2, subscribe: { filter: 'bench/#' } },
      12,
    ),
    'v5-properties-qos0-10to10': cell({ qos: 0, publish }),
    'v5-properties-qos1-10to10': cell({ qos: 1, publish }),
  };
}

/** Subscribers to what a flooding client publishes: one reads nothing, one acknowledges ten messages a second. */
const NEIGHBOURS = {
  frozen: {
    clientId: 'frozen',
    clean: true,
    filter: 'beside/#',
    qos: 1,
    subscribe: true,
    reads: 0,
  },
  slow: { clientId: 'slow', clean: true, filter: 'beside/#', qos: 1, subscribe: true, reads: 10 },
};

/**
 * Ten pairs at a rate that the broker delivers with ease, first alone, then beside a frozen, a slow and a flooding
 * neighbour: `share` is the part of the rate alone that is delivered beside them.
 */
async function beside(broker, { ms, warmMs, qos, rate }) {
  const target = targetOf(broker);
  const [sources, sink, neighbours, flood] = range(4).map(() => new Generator());
  try {
    await sink.connect({ target, subscribe: subscribers({ qos }) });
    await sources.connect({ target, publish: publishers({ qos, window: 100 }) });
    const pace = { rate: rate / PAIRS };
    let [sent, received] = [0, 0];
    const measure = async (time) => {
      const began = performance.timeOrigin + performance.now();
      const all = await sources.go({ ms: time, ...pace });
      const [report] = await collected([sink], received + all.sent - sent);
      const count = report.received - received;
      const figures = {
        lost: all.sent - sent - count,
        perSecond: count / ((report.lastAt - began) / 1000),
      };
      [sent, received] = [all.sent, report.received];
      return figures;
    };
    await measure(warmMs);
    const alone = await measure(ms);
    await neighbours.connect({
      target,
      subscribe: [NEIGHBOURS.frozen, NEIGHBOURS.slow],
    });
    const [flooding] = publishers({ count: 1, qos: 1, window: 1000 });
    await flood.connect({
      target,
      publish: [{ ...flooding, clientId: 'flood', topic: 'beside/0' }],
    });
    const flooded = flood.go({ ms: 3_600_000 });
    // It ends with its process, unanswered.
    flooded.catch(() => undefined);
    await wait(warmMs);
    const besideThem = await measure(ms);
    return {
      perSecond: besideThem.perSecond,
      alone: alone.perSecond,
      share: besideThem.perSecond / alone.perSecond,
      rss: broker.cost().rss,
      lost: alone.lost + besideThem.lost,
    };
  } finally {
    for (const generator of [sources, sink, neighbours, flood]) generator.stop();
  }
}

/** A publisher at QoS 0 that outruns ten readers, beside one that reads nothing if `frozen`. */
async function outrun(broker, { ms, warmMs, frozen }) {
  const target = targetOf(broker);
  const [sources, beside, ...sinks] = range(4).map(() => new Generator());
  try {
    const wanted = subscribers({ filter: 'bench/0', qos: 0 });
    await Promise.all(
      sinks.map((sink, n) =>
        sink.connect({ target, subscribe: wanted.filter((_, i) => i % sinks.length === n) }),
      ),
    );
    if (frozen) {
      await beside.connect({
        target,
        subscribe: [{ ...NEIGHBOURS.frozen, filter: 'bench/0', qos: 0 }],
      });
    }
    await sources.connect({ target, publish: publishers({ count: 1, qos: 0 }) });
    const warm = await sources.go({ ms: warmMs });
    const total = (list) => list.reduce((sum, { received }) => sum + received, 0);
    const earlier = total(await collected(sinks, warm.sent * PAIRS));
    const before = broker.cost();
    const began = performance.timeOrigin + performance.now();
    let rss = 0;
    const looking = setInterval(() => {
      rss = Math.max(rss, broker.cost().rss);
    }, 250);
    const all = await sources.go({ ms });
    const reports = await collected(sinks, all.sent * PAIRS);
    clearInterval(looking);
    const received = total(reports) - earlier;
    const seconds = (Math.max(...reports.map(({ lastAt }) => lastAt)) - began) / 1000;
    return {
      perSecond: received / seconds,
      cpuMicros: ((broker.cost().cpuMs - before.cpuMs) * 1000) / received,
      rss: Math.max(rss, broker.cost().rss),
      lost: all.sent * PAIRS - total(reports),
    };
  } finally {
    for (const generator of [sources, beside, ...sinks]) generator.stop();
  }
}

/**
 * Name → what it measures, how it compares (`higher` or `lower` is better, `theirs` where not with Mosquitto as it is),
 * what is told with it (`also`), what it should reach (`aims`), and its run.
 */
export const workloadsOf = ({ ms, outrunMs, slowMs, lateMs, warmMs, messages, clients }) => ({
  'qos0-10to10': {
    better: 'higher',
    of: 'perSecond',
    run: (b) => stream(b, { ms, warmMs, qos: 0 }),
  },
  'qos1-10to10': {
    better: 'higher',
    of: 'perSecond',
    run: (b) => stream(b, { ms, warmMs, qos: 1 }),
  },
  'qos1-one-in-flight': {
    better: 'higher',
    of: 'perSecond',
    aims: [timesAtLeast('perSecond', 1.05)],
    run: (b) => stream(b, { ms, warmMs, qos: 1, publish: { window: 1 } }),
  },
  'qos2-10to10': {
    better: 'higher',
    of: 'perSecond',
    run: (b) => stream(b, { ms, warmMs, qos: 2 }),
  },
  'fanout-wildcard-10to10': {
    better: 'higher',
    of: 'perSecond',
    run: (b) =>
      stream(b, {
        ms,
        warmMs,
        qos: 0,
        copies: PAIRS,
        readers: 2,
        subscribe: { filter: 'bench/#' },
      }),
  },
  'fanout-1to100': {
    better: 'higher',
    of: 'perSecond',
    run: (b) =>
      stream(b, {
        ms,
        warmMs,
        qos: 0,
        copies: 100,
        readers: 2,
        subscribe: { count: 100, filter: 'bench/#' },
        publish: { count: 1 },
      }),
  },
  ...sharedWorkloads({ ms, warmMs }),
  ...workloadsOfMqtt5({ ms, warmMs }),
  'qos1-online-persistent': {
    better: 'higher',
    of: 'perSecond',
    run: (b) => stream(b, { ms, warmMs, qos: 1, subscribe: { clean: false } }),
  },
  'qos1-online-persistent-1k': {
    better: 'lower',
    of: 'bytesPerMessage',
    run: (b) => stream(b, { ms: slowMs, warmMs, qos: 1, rate: 1000, subscribe: { clean: false } }),
  },
  'qos1-absent': {
    better: 'higher',
    of: 'perSecond',
    run: (b) => absent(b, { messages }),
  },
  'qos1-absent-1k': {
    better: 'lower',
    of: 'bytesPerMessage',
    run: (b) => absent(b, { messages: messages / 20, rate: 1000 }),
  },
  'drain-100k': {
    better: 'higher',
    of: 'perSecond',
    aims: [timesAtLeast('perSecond', 1.5)],
    run: (b) => absent(b, { messages, drain: true }),
  },
  'retained-10k': {
    better: 'lower',
    of: 'ms',
    run: (b) => retained(b, { messages: messages / 10 }),
  },
  'latency-qos0-1k': {
    better: 'lower',
    of: 'p99',
    run: (b) => latency(b, { ms: slowMs, warmMs, qos: 0, rate: 1000 }),
  },
  'latency-qos1-1k': {
    better: 'lower',
    of: 'p99',
    aims: [timesAtMost('p99', 1.2), timesAtMost('cpuMicros', 1.4)],
    run: (b) => latency(b, { ms: slowMs, warmMs, qos: 1, rate: 1000 }),
  },
  'latency-qos1-20k': {
    better: 'lower',
    of: 'p99',
    aims: [timesAtMost('cpuMicros', 0.45)],
    run: (b) => latency(b, { ms: slowMs, warmMs, qos: 1, rate: 20_000 }),
  },
  idle: {
    better: 'lower',
    of: 'rss',
    only: ['cellgate'],
    also: { anonymous: 'of that anonymous' },
    aims: IS_OLDER_NODE
      ? [atMost('rss', 62 * MB), atMost('anonymous', 28 * MB)]
      : [atMost('rss', 60 * MB), atMost('anonymous', 25 * MB)],
    run: (b) => alone(b, { ms: lateMs }),
  },
  'memory-100k': {
    better: 'lower',
    of: 'rss',
    only: ['cellgate'],
    also: { later: 'a minute after the drain', anonymous: 'of that anonymous' },
    aims: [atMost('later', 85 * MB)],
    run: (b) => queueMemory(b, { messages, ms: lateMs }),
  },
  'idle-1000': {
    better: 'lower',
    of: 'rss',
    only: ['cellgate'],
    also: { more: 'more than without them' },
    aims: [atMost('more', 15 * MB)],
    run: (b) => idle(b, { connections: clients, ms: lateMs }),
  },
  'start-new': {
    better: 'lower',
    of: 'ms',
    aims: [atMost('ms', IS_OLDER_NODE ? 500 : 350)],
    run: async ({ startMs }) => ({ ms: startMs, lost: 0 }),
  },
  'start-100k-retained': {
    better: 'lower',
    of: 'ms',
    also: { moreThanEmpty: 'more than with none' },
    aims: [atMost('moreThanEmpty', 100)],
    theirs: 'mosquitto-stored',
    run: (b, kind) => startStored(b, { messages, kind, isRetained: true }),
  },
  'start-100k': {
    better: 'lower',
    of: 'ms',
    // Without persistence Mosquitto has nothing stored to start with.
    theirs: 'mosquitto-stored',
    also: { moreThanEmpty: 'more than with none' },
    run: (b, kind) => startStored(b, { messages, kind }),
  },
  'payload-64B': {
    better: 'higher',
    of: 'perSecond',
    run: (b) => stream(b, { ms, warmMs, qos: 1, publish: { payload: 64 } }),
  },
  'payload-1KiB': {
    better: 'higher',
    of: 'perSecond',
    run: (b) => stream(b, { ms, warmMs, qos: 1, publish: { payload: 1024 } }),
  },
  'payload-64KiB': {
    better: 'higher',
    of: 'perSecond',
    run: (b) => stream(b, { ms, warmMs, qos: 1, publish: { payload: 65_536, window: 20 } }),
  },
  ...largePayloads({ ms, warmMs }),
  'tls-qos1-10to10': {
    better: 'higher',
    of: 'perSecond',
    transport: 'tls',
    run: (b) => stream(b, { ms, warmMs, qos: 1, transport: 'tls' }),
  },
  'websocket-qos1-10to10': {
    better: 'higher',
    of: 'perSecond',
    transport: 'ws',
    run: (b) => stream(b, { ms, warmMs, qos: 1, transport: 'ws' }),
  },
  'slow-disk-qos0': {
    better: 'lower',
    of: 'p99',
    slowSyncMs: 20,
    only: ['cellgate'],
    run: (b) => besideStoring(b, () => latency(b, { ms: slowMs, warmMs, qos: 0, rate: 1000 })),
  },
  'sensors-200-10hz': {
    better: 'lower',
    of: 'coreShare',
    sensors: 200,
    aims: [atMost('coreShare', 0.05)],
    only: ['cellgate'],
    run: (b) => ownSensors(b, { ms: slowMs, warmMs }),
  },
  ...flowWorkloads({ ms, outrunMs, warmMs }),
});
