import { createConnection } from 'node:net';

const PORTS: Readonly<Record<string, number>> = {
  'mqtt:': 1883,
  'mqtts:': 8883,
  'ws:': 80,
  'wss:': 443,
};
const TIMEOUT_MS = 5000;

/** Resolves with whether the address of a broker accepts a TCP connection within 5 s. */
export function isReachable(url: string): Promise<boolean> {
  const { protocol, hostname, port } = new URL(url);
  const socket = createConnection({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (PORTS[protocol] ?? 1883),
    timeout: TIMEOUT_MS,
  });
  return new Promise((resolve) => {
    const end = (reachable: boolean): void => {
      socket.destroy();
      resolve(reachable);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
