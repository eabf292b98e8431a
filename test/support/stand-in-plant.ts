import { createServer, type Server, type Socket } from 'node:net';

/** A PUBLISH as the stand-in plant received it. */
export interface Received {
  readonly topic: string;
  readonly payload: string;
  /** Bytes of the whole packet. */
  readonly bytes: number;
  readonly qos: number;
  readonly dup: boolean;
  /** Counts the connections from 1. */
  readonly connection: number;
  /** When, on performance.now(). */
  readonly at: number;
}

/** What the plant does with a PUBLISH; a number is the reason code of MQTT 5 in a DISCONNECT or an acknowledgement. */
export type Verdict =
  | 'take'
  | 'close'
  | 'ignore'
  | { readonly after: number }
  | { readonly disconnect: number }
  | { readonly refuse: number };

export interface StandInPlant {
  readonly port: number;
  /** Messages that were taken. */
  readonly taken: readonly Received[];
  /** Each PUBLISH that arrived whole, also those at which the plant closed. */
  readonly received: readonly Received[];
  readonly connections: number;
  /** Changes what it does with messages. */
  judge(verdict: (message: Received) => Verdict): void;
  /** How it answers CONNECT from now on: with a code, or not at all. */
  greet(answer: number | 'silent'): void;
  /** Sends DISCONNECT with a reason code to every client of MQTT 5, and closes. */
  disconnect(reason: number): void;
  /** Closes every connection. */
  cut(): void;
  close(): Promise<void>;
}

/**
 * A plant that closes where it likes, written from the standard (3.1.1 and 5): it has one session for each client id,
 * acknowledges, and sends each client its own messages on the exact topics that it has subscribed.
 */
export async function startStandInPlant(
  verdict: (message: Received) => Verdict = () => 'take',
): Promise<StandInPlant> {
  let judge = verdict;
  let greeting: number | 'silent' = 0;
  let connections = 0;
  const taken: Received[] = [];
  const received: Received[] = [];
  const sessions = new Set<string>();
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    const connection = ++connections;
    serve(socket, sessions, {
      greeting: () => greeting,
      judge(message) {
        const one = { ...message, connection, at: performance.now() };
        received.push(one);
        const is = judge(one);
        if (is === 'take' || (typeof is === 'object' && 'after' in is)) taken.push(one);
        return is;
      },
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    taken,
    received,
    get connections() {
      return connections;
    },
    judge(next) {
      judge = next;
    },
    greet(answer) {
      greeting = answer;
    },
    disconnect(reason) {
      for (const socket of sockets) socket.end(Buffer.from([0xe0, 2, reason, 0]));
    },
    cut,
    close: () =>
      new Promise((resolve) => {
        cut();
        server.close(() => resolve());
      }),
  };
}

interface Answers {
  greeting(): number | 'silent';
  judge(message: Omit<Received, 'connection' | 'at'>): Verdict;
}

/** Answers the packets of one connection. */
function serve(socket: Socket, sessions: Set<string>, { greeting, judge }: Answers): void {
  let rest: Buffer = Buffer.alloc(0);
  let five = false;
  const filters = new Set<string>();
  const send = (...bytes: number[]): void => {
    if (!socket.destroyed) socket.write(Buffer.from(bytes));
  };

  const publish = (first: number, body: Buffer, bytes: number): boolean => {
    const qos = (first >> 1) & 3;
    const topicEnd = 2 + body.readUInt16BE(0);
    const topic = body.toString('utf8', 2, topicEnd);
    const id = qos > 0 ? body.subarray(topicEnd, topicEnd + 2) : Buffer.alloc(0);
    let start = topicEnd + id.length;
    if (five) start += 1 + (body[start] ?? 0);
    const payload = body.toString('utf8', start);
    if (filters.has(topic)) {
      const properties = five ? [0] : [];
      const text = Buffer.concat([
        body.subarray(0, topicEnd),
        Buffer.from(properties),
        body.subarray(start),
      ]);
      socket.write(Buffer.concat([Buffer.from([0x30, text.length]), text]));
      return true;
    }
    const is = judge({ topic, payload, bytes, qos, dup: (first & 8) !== 0 });
    if (is === 'close') {
      socket.end();
      return false;
    }
    if (typeof is === 'object' && 'disconnect' in is) {
      send(0xe0, 2, is.disconnect, 0);
      socket.end();
      return false;
    }
    if (is === 'ignore' || qos === 0) return true;
    const code = typeof is === 'object' && 'refuse' in is ? [is.refuse] : [];
    const acknowledge = () => send(qos === 1 ? 0x40 : 0x50, 2 + code.length, ...id, ...code);
    if (typeof is === 'object' && 'after' in is) setTimeout(acknowledge, is.after);
    else acknowledge();
    return true;
  };

  const answer = (first: number, body: Buffer, bytes: number): boolean => {
    switch (first >> 4) {
      case 1: {
        five = body[6] === 5;
        const at = 10 + (five ? 1 + (body[10] ?? 0) : 0);
        const clientId = body.toString('utf8', at + 2, at + 2 + body.readUInt16BE(at));
        const code = greeting();
        if (code === 'silent') return true;
        if (code > 0) {
          if (five) send(0x20, 3, 0, code, 0);
          else send(0x20, 2, 0, code);
          socket.end();
          return false;
        }
        const present = sessions.has(clientId) ? 1 : 0;
        sessions.add(clientId);
        if (five) send(0x20, 3, present, 0, 0);
        else send(0x20, 2, present, 0);
        return true;
      }
      case 3:
        return publish(first, body, bytes);
      case 6:
        send(0x70, 2, body[0]!, body[1]!);
        return true;
      case 8: {
        const codes: number[] = [];
        for (let at = 2 + (five ? 1 + (body[2] ?? 0) : 0); at < body.length; ) {
          const end = at + 2 + body.readUInt16BE(at);
          filters.add(body.toString('utf8', at + 2, end));
          codes.push(body[end]! & 3);
          at = end + 1;
        }
        const head = five ? [0] : [];
        send(0x90, 2 + head.length + codes.length, body[0]!, body[1]!, ...head, ...codes);
        return true;
      }
      case 10:
        send(0xb0, five ? 4 : 2, body[0]!, body[1]!, ...(five ? [0, 0] : []));
        return true;
      case 12:
        send(0xd0, 0);
        return true;
      default:
        socket.end();
        return false;
    }
  };

  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      let [length, at] = [0, 1];
      for (; at < rest.length && at < 5; at++) {
        length += (rest[at]! & 127) * 128 ** (at - 1);
        if (rest[at]! < 128) break;
      }
      if (rest[at] === undefined || rest.length < at + 1 + length) return;
      const end = at + 1 + length;
      const [first, body] = [rest[0]!, rest.subarray(at + 1, end)];
      rest = rest.subarray(end);
      if (!answer(first, body, end)) {
        socket.removeAllListeners('data');
        return;
      }
    }
  });
}
