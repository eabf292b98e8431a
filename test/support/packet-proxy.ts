import { connect, createServer, type Socket } from 'node:net';

/** Packet types [MQTT, table 2.1]. */
export const PACKETS = {
  1: 'connect',
  2: 'connack',
  3: 'publish',
  4: 'puback',
  5: 'pubrec',
  6: 'pubrel',
  7: 'pubcomp',
  8: 'subscribe',
  9: 'suback',
  10: 'unsubscribe',
  11: 'unsuback',
  12: 'pingreq',
  13: 'pingresp',
  14: 'disconnect',
} as const;
export type PacketType = (typeof PACKETS)[keyof typeof PACKETS];

export interface SeenPacket {
  readonly type: PacketType;
  readonly towards: 'plant' | 'gateway';
  readonly bytes: Buffer;
  /** When it arrived at the proxy, on performance.now(). */
  readonly at: number;
}

/** A connection to a plant whose packets a test sees, and that it ends before one of them. */
export interface PacketProxy {
  readonly port: number;
  readonly packets: SeenPacket[];
  /** Ends the connection instead of passing the next packet for which it is true, and refuses others until `open`. */
  cutAt(condition: (packet: SeenPacket) => boolean): Promise<void>;
  /** Ends all connections and refuses others until `open`. */
  shut(): void;
  open(): void;
  /** Packets towards the gateway are lost from now on, in this direction only, until `open`. */
  silence(): void;
  close(): Promise<void>;
}

/** The packet identifier of an acknowledgement, or of a PUBLISH with QoS 1 or 2. */
export function packetIdOf({ type, bytes }: SeenPacket): number {
  const head = bytes.findIndex((byte, index) => index > 0 && byte < 128) + 1;
  if (type !== 'publish') return bytes.readUInt16BE(head);
  return bytes.readUInt16BE(head + 2 + bytes.readUInt16BE(head));
}

/** A proxy on a free loopback port in front of another one. */
export async function startPacketProxy(target: number): Promise<PacketProxy> {
  const sockets = new Set<Socket>();
  const packets: SeenPacket[] = [];
  let [refused, silent] = [false, false];
  let cut: { condition(packet: SeenPacket): boolean; done(): void } | undefined;
  const shut = (): void => {
    refused = true;
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const pass = (from: Socket, to: Socket, towards: SeenPacket['towards']): void => {
    let rest: Buffer = Buffer.alloc(0);
    from.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (let length = lengthOf(rest); length > 0; length = lengthOf(rest)) {
        const bytes = rest.subarray(0, length);
        rest = rest.subarray(length);
        const type = PACKETS[(bytes[0]! >> 4) as keyof typeof PACKETS];
        const packet = { type, towards, bytes, at: performance.now() };
        if (cut?.condition(packet)) {
          cut.done();
          cut = undefined;
          return shut();
        }
        packets.push(packet);
        if (!(silent && towards === 'gateway')) to.write(bytes);
      }
    });
  };
  const server = createServer((near) => {
    if (refused) return void near.resetAndDestroy();
    const far = connect(target, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      const end = (): void => {
        for (const each of [near, far]) {
          sockets.delete(each);
          each.destroy();
        }
      };
      socket.on('error', end);
      socket.on('close', end);
    }
    pass(near, far, 'plant');
    pass(far, near, 'gateway');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    packets,
    cutAt: (condition) =>
      new Promise((done) => {
        cut = { condition, done };
      }),
    shut,
    open() {
      refused = false;
      silent = false;
    },
    silence() {
      silent = true;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** The bytes of the first packet; 0 while it is not complete. */
function lengthOf(bytes: Buffer): number {
  let [remaining, at] = [0, 1];
  for (; at < 5; at++) {
    if (at >= bytes.length) return 0;
    remaining += (bytes[at]! & 127) << (7 * (at - 1));
    if (bytes[at]! < 128) break;
  }
  const length = at + 1 + remaining;
  return bytes.length < length ? 0 : length;
}
