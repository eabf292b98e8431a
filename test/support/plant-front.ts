import { connect, createServer, type Server, type Socket } from 'node:net';

export interface PlantFrontOptions {
  /** The port of the real plant behind it. */
  readonly target: number;
  /** What a CONNECT of this protocol level gets instead of the plant: bytes, then the end. Undefined: it passes. */
  answer?(level: number): Buffer | undefined;
  /** The plant does not see that a client is a bridge, as one that ignores the bit in the protocol level. */
  readonly hidesBridge?: boolean;
  /** The side of the gateway stays open when the plant closes: a plant that does not close after DISCONNECT. */
  readonly keepsOpen?: boolean;
}

/** A front of a plant that knows CONNECT, for plants that can't be installed for a test. */
export interface PlantFront {
  readonly port: number;
  /** The protocol level of each CONNECT [MQTT 3.1.1, section 3.1.2.2]. */
  readonly levels: readonly number[];
  /** Connections of the gateway that are open. */
  readonly open: number;
  close(): Promise<void>;
}

/** Starts a front on a free loopback port. */
export async function startPlantFront(options: PlantFrontOptions): Promise<PlantFront> {
  const levels: number[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (near) => {
    sockets.add(near);
    near.on('error', () => undefined);
    near.on('close', () => sockets.delete(near));
    near.once('data', (first: Buffer) => {
      const place = levelPlace(first);
      const level = first[place] ?? 0;
      if (options.hidesBridge) first[place] = level & 0x7f;
      levels.push(level);
      const answer = options.answer?.(level);
      if (answer) return near.end(answer);
      const far = connect(options.target, '127.0.0.1');
      far.on('error', () => undefined);
      far.on('close', () => {
        if (!options.keepsOpen) near.destroy();
        else talk(near);
      });
      near.on('close', () => far.destroy());
      far.write(first);
      near.pipe(far, { end: false });
      far.pipe(near, { end: false });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    levels,
    get open() {
      return sockets.size;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

const PINGRESP = Buffer.from([0xd0, 0]);

/** Writes until the socket is closed: a peer that has closed only its own half still reads. */
function talk(socket: Socket): void {
  const timer = setInterval(() => socket.write(PINGRESP), 100);
  socket.on('close', () => clearInterval(timer));
}

/** Where the protocol level of a CONNECT is: after the fixed header and the protocol name. */
function levelPlace(connect: Buffer): number {
  let at = 1;
  while ((connect[at] ?? 0) >= 0x80) at++;
  const name = at + 1;
  return name + 2 + connect.readUInt16BE(name);
}
