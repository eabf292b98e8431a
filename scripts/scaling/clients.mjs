/** Clients of a measurement: sessions on bare sockets, and a publisher that waits for its acknowledgements. */
import { once } from 'node:events';
import { connect } from 'node:net';

function lengthBytes(length) {
  const bytes = [];
  let left = length;
  do {
    const low = left & 0x7f;
    left >>>= 7;
    bytes.push(left > 0 ? low | 0x80 : low);
  } while (left > 0);
  return bytes;
}

const packet = (header, ...parts) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([header, ...lengthBytes(body.length)]), body]);
};
const field = (value) => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};
const number = (value) => Buffer.from([value >> 8, value & 255]);

function publishPacket(topic, payload, qos, id, retain) {
  return packet(
    0x30 | (qos << 1) | (retain ? 1 : 0),
    field(topic),
    qos > 0 ? number(id) : Buffer.alloc(0),
    payload,
  );
}

/** A connected session; packets that come are counted, and not acknowledged. */
export class Client {
  #waiting = [];
  received = 0;

  static async open({ port }, clientId, { clean = true, filters = [], qos = 0 } = {}) {
    const client = new Client();
    client.socket = connect({ host: '127.0.0.1', port, noDelay: true });
    client.socket.on('error', () => undefined);
    client.closed = once(client.socket, 'close');
    client.socket.on('data', (bytes) => client.#take(bytes));
    const head = Buffer.from([0, 4, 77, 81, 84, 84, 4, clean ? 2 : 0, 0, 0]);
    client.socket.write(packet(0x10, head, field(clientId)));
    await client.answer(0x20);
    if (filters.length > 0) await client.subscribe(filters, qos);
    return client;
  }

  async subscribe(filters, qos = 0) {
    const all = filters.flatMap((filter) => [field(filter), Buffer.from([qos])]);
    this.socket.write(packet(0x82, number(1), ...all));
    await this.answer(0x90);
  }

  /** Resolves with the next packet of this type. */
  answer(header) {
    return new Promise((resolve) => this.#waiting.push({ header, resolve }));
  }

  #rest = Buffer.alloc(0);
  #take(bytes) {
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    let at = 0;
    while (all.length - at >= 2) {
      let [length, shift, body] = [0, 0, at + 1];
      let byte = 0x80;
      while (byte & 0x80 && body < all.length) {
        byte = all[body++];
        length |= (byte & 0x7f) << shift;
        shift += 7;
      }
      if (byte & 0x80 || body + length > all.length) break;
      this.#packet(all[at]);
      at = body + length;
    }
    this.#rest = Buffer.from(all.subarray(at));
  }

  #packet(header) {
    if (header >> 4 === 3) this.received++;
    if (header === 0x40) this.acknowledged?.();
    const index = this.#waiting.findIndex((one) => one.header === header);
    if (index >= 0) this.#waiting.splice(index, 1)[0].resolve();
  }

  /** The round trip of a PINGREQ in milliseconds. */
  async ping() {
    const began = performance.now();
    this.socket.write(Buffer.from([0xc0, 0]));
    await this.answer(0xd0);
    return performance.now() - began;
  }

  /** Publishes `count` messages, `topicOf(n)` and `payloadOf(n)` each; resolves when all are acknowledged, or written with QoS 0. */
  async publish({ count, topicOf, payload, payloadOf, qos = 1, retain = false }) {
    const body = payload ?? Buffer.alloc(100, 120);
    const window = 1000;
    let [sent, acked] = [0, 0];
    await new Promise((resolve) => {
      const more = () => {
        const parts = [];
        while (sent < count && (qos === 0 || sent - acked < window) && parts.length < 200) {
          const bytes = payloadOf?.(sent) ?? body;
          parts.push(publishPacket(topicOf(sent), bytes, qos, (sent % 65_535) + 1, retain));
          sent++;
        }
        if (parts.length > 0 && !this.socket.write(Buffer.concat(parts)) && qos === 0) {
          return void this.socket.once('drain', more);
        }
        if (qos === 0 && sent < count) setImmediate(more);
        else if (qos === 0 || acked === count) resolve();
      };
      this.acknowledged = () => {
        acked++;
        if (sent - acked < window / 2 || acked === count) more();
      };
      more();
    });
    if (qos === 0) await this.ping();
  }

  /** Ends the connection with DISCONNECT. */
  async close() {
    if (this.socket.destroyed) return;
    this.socket.end(Buffer.from([0xe0, 0]));
    await this.closed;
  }
}

/** Sessions of this number, some at a time: `use` gets each client. */
export async function sessions(target, count, options, prefix = 's') {
  const clients = [];
  for (let n = 0; n < count; n += 50) {
    const some = Array.from({ length: Math.min(50, count - n) }, (_, i) =>
      Client.open(target, `${prefix}${n + i}`, options),
    );
    clients.push(...(await Promise.all(some)));
  }
  return clients;
}
