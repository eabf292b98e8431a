/**
 * Loaded into the gateway before its own code, by NODE_OPTIONS: measures how much processor time its event loop takes
 * between two moments at which others can have their turn. Unlike a duration it does not grow where the machine is busy.
 * Who connects to the socket TURN_PROBE gets what was measured since the last time, as JSON.
 */
import { openSync, readSync } from 'node:fs';
import { createServer } from 'node:net';
import { isMainThread } from 'node:worker_threads';

/** A turn that is longer than this is measured alone; shorter ones may be several. */
const EVERY_MS = 1;

if (isMainThread && process.env.TURN_PROBE && process.argv[1]?.endsWith('cli.js')) measure();

function measure() {
  const statistics = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const text = Buffer.alloc(64);
  /** Milliseconds that the main thread was running, and was waiting for a processor. */
  const read = () => {
    const [ran, waited] = text
      .toString('latin1', 0, readSync(statistics, text, 0, 64, 0))
      .split(' ');
    return [ran / 1e6, waited / 1e6];
  };
  let turns = [];
  let [ranBefore, waitedBefore] = read();
  let waitedMs = 0;
  const look = () => {
    const [ran, waited] = read();
    turns.push(ran - ranBefore);
    waitedMs += waited - waitedBefore;
    [ranBefore, waitedBefore] = [ran, waited];
    setTimeout(look, EVERY_MS).unref();
  };
  look();
  const answer = (socket) => {
    socket.on('error', () => undefined);
    socket.end(JSON.stringify({ turns: turns.map((ms) => Number(ms.toFixed(2))), waitedMs }));
    [turns, waitedMs] = [[], 0];
  };
  createServer(answer).listen(process.env.TURN_PROBE).unref();
}
