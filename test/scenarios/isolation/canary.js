/**
 * A process of its own that asks the gateway with PINGREQ, and in the same moments a bare echo process, how long an
 * answer takes. What both wait for is the machine; the difference is the gateway's part.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';

/** CONNECT of the client `canary`, with a clean session and without a keepalive. */
const CONNECT = Buffer.from('101200044d515454040200000006' + '63616e617279', 'hex');
const PINGREQ = Buffer.from([0xc0, 0]);

async function serveEcho() {
  const server = createServer((socket) => socket.on('data', (chunk) => socket.write(chunk)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.send(server.address().port);
}

async function open(port, first) {
  const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  if (first) {
    socket.write(first);
    await once(socket, 'data');
  }
  return async () => {
    const began = performance.now();
    socket.write(PINGREQ);
    await once(socket, 'data');
    return performance.now() - began;
  };
}

async function measure(port) {
  const echo = fork(import.meta.filename, ['echo']);
  const [echoPort] = await once(echo, 'message');
  const [askGateway, askEcho] = [await open(port, CONNECT), await open(echoPort)];
  let times = { gateway: [], echo: [] };
  process.on('message', () => {
    process.send(times);
    times = { gateway: [], echo: [] };
  });
  process.send('ready');
  for (;;) {
    const [gateway, bare] = await Promise.all([askGateway(), askEcho()]);
    times.gateway.push(gateway);
    times.echo.push(bare);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

process.on('disconnect', () => process.exit());
if (process.argv[2] === 'echo') await serveEcho();
else await measure(Number(process.argv[2]));
