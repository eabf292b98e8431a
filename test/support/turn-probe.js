/**
 * Loaded into the gateway before its own code, by NODE_OPTIONS: measures how much processor time its event loop takes
 * between two moments at which others can have their turn. Unlike a duration it does not grow where the machine is busy.
 * Collections of garbage do not count: they come where a turn of any length has just filled the young generation.
 * Who connects to the socket TURN_PROBE gets what was measured since the last time, as JSON.
 */
import { openSync, readSync } from 'node:fs';
import { createServer } from 'node:net';
import { PerformanceObserver, performance } from 'node:perf_hooks';
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
  let collections = [];
  const collected = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) {
      collections.push([startTime, startTime + duration]);
    }
  });
  collected.observe({ entryTypes: ['gc'] });
  let began = performance.now();
  let [ranBefore, waitedBefore] = read();
  let waitedMs = 0;
  const look = () => {
    const [ran, waited] = read();
    const ended = performance.now();
    turns.push({ ran: ran - ranBefore, began, ended });
    began = ended;
    waitedMs += waited - waitedBefore;
    [ranBefore, waitedBefore] = [ran, waited];
    setTimeout(look, EVERY_MS).unref();
  };
  look();
  const answer = (socket) => {
    socket.on('error', () => undefined);
    // The collections of the last turns are told to the observer only now.
    setImmediate(() => {
      const lengths = withoutCollections(turns, collections).map((ms) => Number(ms.toFixed(2)));
      socket.end(JSON.stringify({ turns: lengths, waitedMs }));
      [turns, collections, waitedMs] = [[], [], 0];
    });
  };
  createServer(answer).listen(process.env.TURN_PROBE).unref();
}

/** Milliseconds of each turn; both lists are in the order of time. */
function withoutCollections(turns, collections) {
  let next = 0;
  return turns.map(({ ran, began, ended }) => {
    let collecting = 0;
    for (; next < collections.length && collections[next][0] < ended; next++) {
      if (collections[next][0] >= began) collecting += collections[next][1] - collections[next][0];
    }
    return Math.max(0, ran - collecting);
  });
}
