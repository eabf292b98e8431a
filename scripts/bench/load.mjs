/**
 * One process of the load generator: MQTT clients on bare sockets with frames encoded beforehand, which count
 * instead of decoding. Driven over IPC: {connect} → ready, {go} → done with counts and this process's CPU time.
 */
import net from 'node:net';
import tls from 'node:tls';
import { createWebSocketStream, WebSocket } from 'ws';

const PUBACK = 0x40;
const PUBREC = 0x50;
const PUBREL = 0x62;
const PUBCOMP = 0x70;
const PINGRESP = 0xd0;
const NOTHING = Buffer.alloc(0);
const HIGH_WATER = 256 * 1024;
/** Bytes of acknowledgements that go out in one write. */
const ACKS = 4096;

function lengthBytes(length) {
  const bytes = [];
  do {
    const low = length & 0x7f;
    length >>>= 7;
    bytes.push(length > 0 ? low | 0x80 : low);
  } while (length > 0);
  return bytes;
}

function packet(header, body) {
  return Buffer.concat([Buffer.from([header, ...lengthBytes(body.length)]), body]);
}

function field(text) {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

function connectPacket({ version = 4 }, clientId, clean) {
  const head = Buffer.from([0, 4, 77, 81, 84, 84, version, clean ? 2 : 0, 0, 0]);
  return packet(0x10, Buffer.concat([head, propertiesOf(version), field(clientId)]));
}

function subscribePacket({ version }, filter, qos) {
  const options = Buffer.from([qos]);
  return packet(
    0x82,
    Buffer.concat([Buffer.from([0, 1]), propertiesOf(version), field(filter), options]),
  );
}

/** The properties of a packet with their length, which only MQTT 5 has. */
function propertiesOf(version, properties = NOTHING) {
  if (version !== 5) return NOTHING;
  return Buffer.concat([Buffer.from(lengthBytes(properties.length)), properties]);
}

/** A client's message number `n`, which decides about the packet identifier. */
function publishPacket({ topic, payload, qos, retain, n = 0, properties = NOTHING }) {
  const number = (n % 65535) + 1;
  const id = Buffer.from(qos > 0 ? [number >> 8, number & 255] : []);
  return packet(
    0x30 | (qos << 1) | (retain ? 1 : 0),
    Buffer.concat([field(topic), id, properties, payload]),
  );
}

/** Two user properties, and alias 1 for the topic. */
const USER_PROPERTIES = Buffer.concat(
  [
    ['line', 'press 4'],
    ['shift', 'early'],
  ].flatMap(([name, value]) => [Buffer.from([0x26]), field(name), field(value)]),
);
const TOPIC_ALIAS = Buffer.from([0x23, 0, 1]);
const RECEIVE_MAXIMUM = 0x21;
/** Bytes of the properties that a CONNACK may have, by identifier; those with a text are measured. */
const CONNACK_PROPERTIES = { 17: 4, 19: 2, 33: 2, 34: 2, 36: 1, 37: 1, 39: 4, 40: 1, 41: 1, 42: 1 };

/** How many messages the broker takes before it has acknowledged the first. */
function receiveMaximumOf(source, properties, end) {
  for (let at = properties; at < end; ) {
    const id = source[at++];
    if (id === RECEIVE_MAXIMUM) return source.readUInt16BE(at);
    at += CONNACK_PROPERTIES[id] ?? 2 + source.readUInt16BE(at);
  }
  return 65535;
}

function open(target) {
  if (target.transport === 'ws') {
    const ws = new WebSocket(`ws://127.0.0.1:${target.port}`, 'mqtt', { perMessageDeflate: false });
    return createWebSocketStream(ws, { highWaterMark: HIGH_WATER });
  }
  const options = { host: '127.0.0.1', port: target.port, noDelay: true };
  return target.transport === 'tls'
    ? tls.connect({ ...options, rejectUnauthorized: false })
    : net.connect(options);
}

/** A client: hands each packet of the broker to `on(header, source, body, end)`. */
class Client {
  constructor(target, clientId, clean) {
    this.stream = open(target);
    this.rest = null;
    this.acksLength = 0;
    this.onPacket = () => undefined;
    this.stream.on('error', (error) => this.fail?.(error));
    this.stream.on('data', (chunk) => this.data(chunk));
    this.ready = new Promise((resolve, reject) => {
      this.fail = reject;
      this.first = (_header, source, body, end) => {
        if (target.version === 5) this.receiveMaximum = receiveMaximumOf(source, body + 3, end);
        if (source[body + 1] === 0) resolve();
        else reject(new Error(`CONNACK ${source[body + 1]}`));
      };
    });
    this.stream.write(connectPacket(target, clientId, clean));
  }

  data(incoming) {
    let chunk = incoming;
    if (this.rest) {
      chunk = Buffer.concat([this.rest, incoming]);
      this.rest = null;
    }
    let at = 0;
    const size = chunk.length;
    while (size - at >= 2) {
      if (this.run) {
        at = this.run(chunk, at, size);
        if (size - at < 2) break;
      }
      let length = 0;
      let shift = 0;
      let body = at + 1;
      let byte = 0x80;
      while (byte & 0x80 && body < size) {
        byte = chunk[body++];
        length |= (byte & 0x7f) << shift;
        shift += 7;
      }
      if (byte & 0x80 || body + length > size) break;
      if (this.first) {
        this.first(chunk[at], chunk, body, body + length);
        this.first = null;
      } else this.onPacket(chunk[at], chunk, body, body + length, at);
      at = body + length;
    }
    if (at < size) this.rest = Buffer.from(chunk.subarray(at));
    this.flush();
    this.onChunk?.();
  }

  /** Acknowledgements gathered while a chunk is read go out in one write. */
  acknowledge(header, source, at) {
    this.acks ??= Buffer.allocUnsafe(ACKS);
    const n = this.acksLength;
    this.acks[n] = header;
    this.acks[n + 1] = 2;
    this.acks[n + 2] = source[at];
    this.acks[n + 3] = source[at + 1];
    this.acksLength = n + 4;
    if (this.acksLength === this.acks.length) this.flush();
  }

  flush() {
    if (!this.acksLength) return;
    this.stream.write(this.acks.subarray(0, this.acksLength));
    this.acks = undefined;
    this.acksLength = 0;
  }

  /** Resolves once the broker has taken all acknowledgements, which stand before PINGREQ, and the end is on its way. */
  end() {
    this.stream.on('error', () => undefined);
    return new Promise((resolve) => {
      this.onPacket = (header) => {
        if (header !== PINGRESP) return;
        this.stream.end(Buffer.from([0xe0, 0]), resolve);
      };
      this.stream.once('close', resolve);
      this.stream.write(Buffer.from([0xc0, 0]));
    });
  }
}

/** Counts what arrives, acknowledges at its QoS, and measures latency where the payload has a time. */
class Subscriber {
  constructor(target, { clientId, clean, filter, qos, subscribe, timed, reads }) {
    this.count = 0;
    this.retained = 0;
    this.latencies = timed ? [] : null;
    this.lastAt = 0;
    this.client = new Client(target, clientId, clean);
    this.client.onPacket = (header, source, body, end, start) =>
      this.packet(header, source, body, end, start);
    this.client.onChunk = () => {
      this.lastAt = performance.now();
    };
    this.ready = this.client.ready.then(() => {
      if (!subscribe) return undefined;
      this.client.stream.write(subscribePacket(target, filter, qos));
      return new Promise((resolve) => {
        this.subscribed = resolve;
      });
    });
    if (reads !== undefined) this.ready = this.ready.then(() => this.slowDown(reads));
  }

  /** From here on it reads nothing, or acknowledges so many messages a second. */
  slowDown(perSecond) {
    if (perSecond === 0) {
      this.client.stream.pause();
      return;
    }
    const due = [];
    this.client.onPacket = (header, source, body) => {
      if (header >> 4 !== 3) return;
      const id = body + 2 + ((source[body] << 8) | source[body + 1]);
      due.push(Buffer.from([PUBACK, 2, source[id], source[id + 1]]));
      this.count++;
    };
    setInterval(() => {
      const packet = due.shift();
      if (packet) this.client.stream.write(packet);
    }, 1000 / perSecond);
  }

  packet(header, source, body, end, start) {
    const type = header >> 4;
    if (type === 3) {
      this.count++;
      if (!this.latencies) this.client.run = this.runOf(source, body, end, start);
      if (header & 1) this.retained++;
      const qos = (header >> 1) & 3;
      const topicLength = (source[body] << 8) | source[body + 1];
      const id = body + 2 + topicLength;
      if (qos === 1) this.client.acknowledge(PUBACK, source, id);
      else if (qos === 2) this.client.acknowledge(PUBREC, source, id);
      if (this.latencies) {
        const sentAt = source.readDoubleLE(qos > 0 ? id + 2 : id);
        this.latencies.push(performance.now() - sentAt);
      }
    } else if (type === 6) this.client.acknowledge(PUBCOMP, source, body);
    else if (type === 9) this.subscribed?.();
  }

  /** Counts packets that begin like this one and are as long: only their fixed header is read. */
  runOf(source, body, end, start) {
    const [header, first, second] = source.subarray(start, start + 3);
    const long = body - start === 3;
    if (!long && body - start !== 2) return undefined;
    const qos = (header >> 1) & 3;
    const answer = qos === 1 ? PUBACK : PUBREC;
    const length = end - start;
    const id = body + 2 + ((source[body] << 8) | source[body + 1]) - start;
    return (chunk, from, size) => {
      let at = from;
      while (at + length <= size) {
        if (chunk[at] !== header || chunk[at + 1] !== first) break;
        if (long && chunk[at + 2] !== second) break;
        if (qos > 0) this.client.acknowledge(answer, chunk, at + id);
        this.count++;
        if (header & 1) this.retained++;
        at += length;
      }
      return at;
    };
  }
}

/** Sends frames as fast as its window and the socket allow, or at a rate. */
class Publisher {
  constructor(target, { clientId, topic, payload, qos, window, retain, topics, properties }) {
    this.qos = qos;
    this.sent = 0;
    this.acked = 0;
    this.client = new Client(target, clientId, true);
    this.ready = this.client.ready.then(() => {
      this.window = Math.min(window, this.client.receiveMaximum ?? window);
    });
    const { version } = target;
    const own = properties ? Buffer.concat([TOPIC_ALIAS, USER_PROPERTIES]) : NOTHING;
    this.message = {
      payload: Buffer.alloc(payload, 120),
      qos,
      retain,
      properties: propertiesOf(version, own),
    };
    // The alias stands for the topic once it was sent with it.
    if (properties) this.first = publishPacket({ ...this.message, topic });
    this.frame = publishPacket({ ...this.message, topic: properties ? '' : topic });
    this.payloadAt = this.frame.length - payload;
    this.idAt = this.payloadAt - this.message.properties.length - 2;
    this.topics = topics;
    this.topic = topic;
    this.client.onPacket = (header, source, body) => {
      if (header === PUBREC) this.client.acknowledge(PUBREL, source, body);
      else if (header === PUBACK || header === PUBCOMP) {
        this.acked++;
        this.lastAckAt = performance.now();
      }
    };
    const data = this.client.data.bind(this.client);
    this.client.data = (chunk) => {
      data(chunk);
      if (this.running) this.pump();
    };
    this.client.stream.on('drain', () => this.running && this.pump());
    this.client.stream.on('close', () => this.lost?.(new Error('the broker closed a connection')));
  }

  /** Encodes up to `count` frames into one buffer and writes it. */
  write(count, stamp) {
    const { frame, qos } = this;
    if (this.topics) {
      for (let i = 0; i < count; i++) {
        const topic = `${this.topic}/${this.sent}`;
        this.client.stream.write(publishPacket({ ...this.message, topic, n: this.sent++ }));
      }
      return;
    }
    if (this.first) {
      this.client.stream.write(this.first);
      this.first = undefined;
      this.sent++;
      return;
    }
    const bytes = Buffer.allocUnsafe(count * frame.length);
    for (let i = 0, at = 0; i < count; i++, at += frame.length) {
      frame.copy(bytes, at);
      if (qos > 0) {
        const id = (this.sent % 65535) + 1;
        bytes[at + this.idAt] = id >> 8;
        bytes[at + this.idAt + 1] = id;
      }
      if (stamp) bytes.writeDoubleLE(performance.now(), at + this.payloadAt);
      this.sent++;
    }
    this.client.stream.write(bytes);
  }

  pump() {
    const { stream } = this.client;
    for (;;) {
      const left = this.limit - this.sent;
      const room = this.qos > 0 ? this.window - (this.sent - this.acked) : Number.POSITIVE_INFINITY;
      const most = Math.max(1, Math.floor(HIGH_WATER / 4 / this.frame.length));
      const count = Math.min(left, room, most);
      if (count <= 0) break;
      this.write(count, false);
      if (stream.writableLength > HIGH_WATER) return;
      if (performance.now() > this.until) {
        this.limit = this.sent;
        break;
      }
      if (this.qos === 0) return void setImmediate(() => this.running && this.pump());
    }
    if (this.sent >= this.limit && (this.qos === 0 || this.acked >= this.sent)) this.finish();
  }

  /** Resolves when all is sent and, above QoS 0, acknowledged. */
  run({ messages, ms, rate }) {
    this.limit = this.sent + (messages ?? Number.POSITIVE_INFINITY);
    this.until = performance.now() + (ms ?? 1e9);
    this.running = true;
    return new Promise((resolve, reject) => {
      this.finish = () => {
        this.running = false;
        resolve();
      };
      this.lost = reject;
      if (rate) this.pace(rate);
      else this.pump();
    });
  }

  pace(rate) {
    const began = performance.now();
    const first = this.sent;
    this.running = false;
    const tick = () => {
      const now = performance.now();
      const due = Math.min(first + Math.floor(((now - began) / 1000) * rate), this.limit);
      while (this.sent < due) this.write(1, true);
      if (now < this.until && this.sent < this.limit) setTimeout(tick, 0);
      else {
        this.running = true;
        this.limit = this.sent;
        if (this.qos === 0 || this.acked >= this.sent) this.finish();
      }
    };
    tick();
  }
}

let publishers = [];
let subscribers = [];

async function connect({ target, publish = [], subscribe = [] }) {
  subscribers = subscribe.map((options) => new Subscriber(target, options));
  await Promise.all(subscribers.map(({ ready }) => ready));
  publishers = publish.map((options) => new Publisher(target, options));
  await Promise.all(publishers.map(({ ready }) => ready));
}

const received = () => subscribers.reduce((sum, { count }) => sum + count, 0);

async function go(job) {
  const cpu = process.cpuUsage();
  const began = performance.now();
  await Promise.all(publishers.map((publisher) => publisher.run(job)));
  const published = performance.now();
  const used = process.cpuUsage(cpu);
  process.send({
    kind: 'done',
    sent: publishers.reduce((sum, { sent }) => sum + sent, 0),
    publishedMs: published - began,
    cpuMs: (used.user + used.system) / 1000,
  });
}

function report() {
  const used = process.cpuUsage();
  process.send({
    kind: 'report',
    received: received(),
    retained: subscribers.reduce((sum, { retained }) => sum + retained, 0),
    lastAt: performance.timeOrigin + Math.max(0, ...subscribers.map(({ lastAt }) => lastAt)),
    latencies: subscribers.flatMap(({ latencies }) => latencies ?? []),
    cpuMs: (used.user + used.system) / 1000,
  });
}

process.on('message', async (message) => {
  try {
    if (message.kind === 'connect') {
      await connect(message);
      process.send({ kind: 'ready' });
    } else if (message.kind === 'go') await go(message);
    else if (message.kind === 'report') report();
    else if (message.kind === 'close') {
      await Promise.all([...publishers, ...subscribers].map(({ client }) => client.end()));
      publishers = [];
      subscribers = [];
      process.send({ kind: 'closed' });
    } else if (message.kind === 'exit') process.exit(0);
  } catch (error) {
    process.send({ kind: 'failed', message: error.message });
  }
});
