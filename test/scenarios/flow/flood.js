// A thread that publishes numbered messages at QoS 0 as fast as the socket takes them, and answers with their number.
import { createConnection } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { port, topic, ms, connect } = workerData;
const PAYLOAD_BYTES = 128;
const IN_CHUNK = 400;

const size = 2 + topic.length + PAYLOAD_BYTES;
const packet = Buffer.alloc(size + 3, ' ');
packet.set([0x30, (size & 0x7f) | 0x80, size >> 7, 0, topic.length]);
packet.write(topic, 5);
const numberAt = packet.length - PAYLOAD_BYTES;

let sent = 0;
function chunk() {
  const bytes = Buffer.concat(Array.from({ length: IN_CHUNK }, () => packet));
  for (let i = 0; i < IN_CHUNK; i++) bytes.write(`${++sent}`, i * packet.length + numberAt);
  return bytes;
}

const socket = createConnection(port, '127.0.0.1');
socket.write(connect);
await new Promise((resolve) => socket.once('data', resolve));
const end = performance.now() + ms;
while (performance.now() < end) {
  if (!socket.write(chunk())) await new Promise((resolve) => socket.once('drain', resolve));
}
socket.end(Buffer.of(0xe0, 0), () => parentPort.postMessage(sent));
