/**
 * A process of its own that asks the gateway with PINGREQ, and in the same moments a bare echo process, how long an
 * answer takes, and how long the gateway has worked until then: on a busy machine it waits for a processor too.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';

/** CONNECT of the client `canary`, with a clean session and without a keepalive. */
const CONNECT = Buffer.from('101200044d515454040200000006' + '63616e617279', 'hex');
const PINGREQ = Buffer.from([0xc0, 0]);

async function serveEcho() {
  const server = createServer((socket) => {
    // The one who asks has gone, and this process goes with it.
    socket.on('error', () => process.exit());
    socket.on('data', (chunk) => socket.write(chunk));
  });
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

/** Tells for how many milliseconds the main thread of a process has run. */
function runtimeOf(pid) {
  const statistics = openSync(`/proc/${pid}/task/${pid}/schedstat`, 'r');
  const text = Buffer.alloc(64);
  return () => {
    const length = readSync(statistics, text, 0, text.length, 0);
    return Number(text.toString('latin1', 0, length).split(' ')[0]) / 1e6;
  };
}

async function measure(port, pid) {
  const echo = fork(import.meta.filename, ['echo']);
  const [echoPort] = await once(echo, 'message');
  const [askGateway, askEcho] = [await open(port, CONNECT), await open(echoPort)];
  const runtime = runtimeOf(pid);
  let times = { gateway: [], echo: [], ran: [] };
  process.on('message', () => {
    process.send(times);
    times = { gateway: [], echo: [], ran: [] };
  });
  process.send('ready');
  for (;;) {
    const before = runtime();
    const [gateway, bare] = await Promise.all([askGateway(), askEcho()]);
    times.gateway.push(gateway);
    times.echo.push(bare);
    times.ran.push(runtime() - before);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

process.on('disconnect', () => process.exit());
if (process.argv[2] === 'echo') await serveEcho();
else await measure(Number(process.argv[2]), Number(process.argv[3]));
