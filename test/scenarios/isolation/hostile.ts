import { createConnection, type Socket } from 'node:net';
import * as packets from '../../support/packets.ts';

/** What one bad client, or a crowd of them, does until the returned function is called. */
export type Hostile = (port: number) => () => void;

/** A raw connection; what it is sent is thrown away unless `reads` is false. */
function open(port: number, reads = true, first?: Uint8Array): Socket {
  const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
  socket.on('error', () => undefined);
  if (reads) socket.resume();
  else socket.pause();
  if (first) socket.write(first);
  return socket;
}

function every(ms: number, action: (round: number) => void): () => void {
  let round = 0;
  const timer = setInterval(() => action(round++), ms);
  return () => clearInterval(timer);
}

const subscribeAll = (qos: number): Buffer => packets.subscribe(1, [['#', qos]]);
const LARGE = Buffer.alloc(200_000);

/** Someone who does not read, and someone else who sends it more than fits anywhere. */
function unread(port: number, options: packets.ConnectOptions, qos: number, slowly: boolean) {
  const first = Buffer.concat([packets.connect(options), subscribeAll(qos)]);
  const frozen = open(port, false, first);
  const read = slowly ? every(1000, () => frozen.read(1)) : () => undefined;
  const feeder = open(port, true, packets.connect({ clientId: `feeder-${options.clientId}` }));
  const feed = every(50, (round) => {
    const id = (round % 65_535) + 1;
    feeder.write(packets.publish('flood', LARGE, qos > 0 ? { qos, id } : {}));
  });
  return () => {
    feed();
    read();
    frozen.destroy();
    feeder.destroy();
  };
}

export const hostiles: Readonly<Record<string, Hostile>> = {
  'a client that stops reading': (port) => unread(port, { clientId: 'frozen' }, 0, false),
  'a client that reads a byte a second': (port) => unread(port, { clientId: 'slow' }, 0, true),
  'clients that never acknowledge': (port) => {
    const stops = [true, false].map((clean) => {
      const clientId = `deaf-${clean}`;
      const first = Buffer.concat([packets.connect({ clientId, clean }), subscribeAll(1)]);
      return open(port, true, first);
    });
    return () => {
      for (const socket of stops) socket.destroy();
    };
  },
  'a client that subscribes 10,000 filters': (port) => {
    const socket = open(port, true, packets.connect({ clientId: 'collector' }));
    const stop = every(20, (round) => {
      const wishes = Array.from({ length: 100 }, (_, i) => {
        const filter = i % 2 === 0 ? `+/${i}/x${round % 100}` : `x/${i}/${round % 100}/#`;
        return [filter, 1] as const;
      });
      socket.write(packets.subscribe((round % 65_535) + 1, wishes));
    });
    return () => {
      stop();
      socket.destroy();
    };
  },
  'a flood of QoS 2 without PUBREL': (port) => {
    const first = packets.connect({ clientId: 'flooder', clean: false });
    const socket = open(port, true, first);
    let id = 0;
    const stop = every(10, () => {
      const burst = Array.from({ length: 50 }, () => {
        id = (id % 65_535) + 1;
        return packets.publish('flood', 'x', { qos: 2, id });
      });
      socket.write(Buffer.concat(burst));
    });
    return () => {
      stop();
      socket.destroy();
    };
  },
  '1,000 connections a second': (port) =>
    every(10, (round) => {
      for (let i = 0; i < 10; i++) {
        const socket = open(port, true, packets.connect({ clientId: `flock-${round}-${i}` }));
        socket.once('data', () => socket.destroy());
      }
    }),
  'a client id that is taken over in a loop': (port) => {
    const first = packets.connect({
      clientId: 'contested',
      clean: false,
      will: { topic: 'will/contested', payload: 'gone' },
    });
    const sockets = new Set<Socket>();
    const stop = every(5, () => {
      const socket = open(port, true, first);
      sockets.add(socket);
      // Who is taken over is closed by the gateway.
      socket.once('close', () => sockets.delete(socket));
    });
    return () => {
      stop();
      for (const socket of sockets) socket.destroy();
    };
  },
  'a flood of new retained topics': (port) => {
    const socket = open(port, true, packets.connect({ clientId: 'litter' }));
    const stop = every(10, (round) => {
      const burst = Array.from({ length: 50 }, (_, i) =>
        packets.publish(`litter/${round}/${i}`, 'x', { retain: true }),
      );
      socket.write(Buffer.concat(burst));
    });
    return () => {
      stop();
      socket.destroy();
    };
  },
  'clients that send half a packet and stop': (port) => {
    const half = packets.publish('half', Buffer.alloc(1_000_000)).subarray(0, 500_000);
    const sockets = Array.from({ length: 100 }, (_, i) =>
      open(port, true, Buffer.concat([packets.connect({ clientId: `half-${i}` }), half])),
    );
    return () => {
      for (const socket of sockets) socket.destroy();
    };
  },
  'connections that say nothing': (port) => {
    const sockets = Array.from({ length: 500 }, () => open(port));
    return () => {
      for (const socket of sockets) socket.destroy();
    };
  },
};
