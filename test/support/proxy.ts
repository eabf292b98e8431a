import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP connection between two programs that a test can disturb. */
export interface TestProxy {
  readonly port: number;
  /** Connections that exist. */
  readonly open: number;
  /** Resets every connection; new ones get through. */
  cut(): void;
  /** Bytes stop in both directions until `resume`; sockets stay open. */
  stall(): void;
  resume(): void;
  /** Bytes towards the gateway are lost from now on, those to the plant pass: the connection is half open. */
  halfOpen(): void;
  /** At most so many bytes a second get to the plant; undefined for no limit. */
  limit(bytesPerSecond: number | undefined): void;
  /** Every piece arrives so much later. */
  delay(ms: number): void;
  /** TurnBudget one bit of the next piece in each direction. */
  corrupt(): void;
  /** Refuses connections until called with false. */
  refuse(refused: boolean): void;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** A proxy on a free loopback port in front of another one. */
export async function startProxy(target: number): Promise<TestProxy> {
  const pairs = new Set<Pair>();
  let [stalled, halfOpen, refused] = [false, false, false];
  let delayMs = 0;
  let limit: number | undefined;
  let corrupt = 0;
  const held: (() => void)[] = [];

  const pass = (from: Socket, to: Socket, towardsGateway: boolean): void => {
    from.on('data', (chunk: Buffer) => {
      if (halfOpen && towardsGateway) return;
      const bytes = Buffer.from(chunk);
      if (corrupt > 0) {
        corrupt--;
        // The first byte is a packet's type: nobody can take it for something else that is right.
        bytes[0] = 0xff;
      }
      const send = (): void => {
        if (to.destroyed) return;
        if (limit !== undefined && !towardsGateway) {
          from.pause();
          drip(bytes, to, () => from.resume());
        } else if (!to.write(bytes)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      };
      const arrive = (): void => {
        if (stalled) held.push(send);
        else send();
      };
      if (delayMs > 0) setTimeout(arrive, delayMs);
      else arrive();
    });
  };

  /** Writes the bytes at the limit, in ten pieces a second. */
  const drip = (bytes: Buffer, to: Socket, done: () => void): void => {
    const piece = limit === undefined ? bytes.length : Math.max(1, Math.round(limit / 10));
    if (to.destroyed) return;
    if (!stalled) to.write(bytes.subarray(0, piece));
    const rest = stalled ? bytes : bytes.subarray(piece);
    const ms = (1000 * Math.min(piece, bytes.length)) / (limit ?? Number.POSITIVE_INFINITY);
    setTimeout(() => (rest.length > 0 ? drip(rest, to, done) : done()), stalled ? 100 : ms);
  };

  const server: Server = createServer((near) => {
    if (refused) return near.resetAndDestroy();
    const far = connect(target, '127.0.0.1');
    const pair = { near, far };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    pass(near, far, false);
    pass(far, near, true);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    get open() {
      return pairs.size;
    },
    cut() {
      halfOpen = false;
      for (const { near, far } of pairs) {
        near.resetAndDestroy();
        far.resetAndDestroy();
      }
    },
    stall() {
      stalled = true;
    },
    resume() {
      stalled = false;
      halfOpen = false;
      for (const send of held.splice(0)) send();
    },
    halfOpen() {
      halfOpen = true;
    },
    limit(bytesPerSecond) {
      limit = bytesPerSecond;
    },
    delay(ms) {
      delayMs = ms;
    },
    corrupt() {
      corrupt = 2;
    },
    refuse(value) {
      refused = value;
    },
    close: () =>
      new Promise((resolve) => {
        for (const { near, far } of pairs) {
          near.destroy();
          far.destroy();
        }
        server.close(() => resolve());
      }),
  };
}
