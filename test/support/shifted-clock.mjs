/**
 * Loaded before a gateway under test: its clocks are ahead by the milliseconds in the file CLOCK_FILE, which is read at the
 * start and at each SIGUSR2. So hours pass in a test without waiting, also while the gateway is down.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const file = process.env.CLOCK_FILE;
let offset = 0;
const read = () => {
  const text = readFileSync(file, 'utf8');
  offset = Number(text);
  if (isMainThread) writeFileSync(`${file}.read`, text);
};
read();
const { now: wall } = Date;
const monotonic = performance.now.bind(performance);
Date.now = () => wall() + offset;
performance.now = () => monotonic() + offset;
if (isMainThread) process.on('SIGUSR2', read);
