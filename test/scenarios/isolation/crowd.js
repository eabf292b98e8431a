// Opens connections at once, on a thread of its own so that its work does not count in the times of the test.
import { createConnection } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

/** The port, and the first bytes of each connection. */
const { port, connects } = workerData;
const sockets = [];

/** The return code of the CONNACK, or how the connection ended without one, and the milliseconds until then. */
function attempt(connect) {
  return new Promise((resolve) => {
    const began = performance.now();
    const end = (outcome) => resolve({ outcome, ms: performance.now() - began });
    const socket = createConnection({ host: '127.0.0.1', port });
    sockets.push(socket);
    socket.write(connect);
    socket.once('data', (bytes) => end(bytes[3]));
    socket.on('error', () => end('reset'));
    socket.on('end', () => end('closed'));
  });
}

parentPort.postMessage(await Promise.all(connects.map(attempt)));
parentPort.once('message', () => {
  for (const socket of sockets) socket.destroy();
});
