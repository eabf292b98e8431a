/** What happens to a gateway on one day: clients, topics, an outage of the plant, a full disk, a reload. Random, by a seed. */
import { Client, sessions } from '../scaling/clients.mjs';
import { pause } from '../scaling/gateway.mjs';

const MESSAGES = 2000;
const OUTAGE_MESSAGES = 5000;
const FULL_DISK_MESSAGES = 500;
const FULL_DISK_MS = 1000;
/** Clients that come with a new id each day and never again. */
const VISITORS = 20;
const FILTERS = ['line/+/value', 'line/+/state/#', 'news/#'];

/** A generator of numbers from 0 to 1. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The config of a day: sensors and routes change. */
export function configOf(plantUrl, random) {
  const [sensorCount, routeCount] = [10 + Math.floor(random() * 10), 1 + Math.floor(random() * 4)];
  const sensors = Array.from({ length: sensorCount }, (_, n) => ({
    ...{ name: `sensor${Math.floor(random() * 1000)}-${n}`, driver: 'simulated', signal: 'door' },
    every: '1s',
  }));
  const routes = Array.from({ length: routeCount }, () => ({
    out: `line/${Math.floor(random() * 500)}/#`,
    ...(random() < 0.5 && { queue: { messages: 1000 } }),
  }));
  const all = { out: '#', to: 'plant/' };
  const ofTopic = new Map(routes.map((route) => [route.out, { ...route, to: 'plant/' }]));
  const uplink = { name: 'plant', url: plantUrl, reconnectMax: '1s' };
  return {
    sensors,
    uplinks: [{ ...uplink, routes: [all, ...ofTopic.values()] }],
    log: { level: 'info' },
  };
}

/**
 * Lives one day, and gives what happened beside the clients. `stopPlant` ends the plant and gives a function that starts
 * it again; `disk` is absent where the disk can't be filled.
 */
export async function liveDay({ gateway, day, random, stopPlant, reload, disk }) {
  const happened = [];
  const regulars = await sessions(gateway, 5, { clean: false, filters: FILTERS, qos: 1 }, 'hmi');
  const visitors = await sessions(
    gateway,
    VISITORS,
    { clean: false, filters: FILTERS, qos: 1 },
    `visitor${day}-`,
  );
  for (const { socket } of visitors) socket.destroy();
  const publisher = await Client.open(gateway, 'plc');
  const publish = (count, retain) =>
    publisher.publish({
      count,
      retain,
      topicOf: () => `line/${Math.floor(random() * 500)}/value`,
      payload: Buffer.alloc(50 + Math.floor(random() * 200), 120),
    });
  await publish(MESSAGES, false);
  await publish(MESSAGES / 4, true);
  // A topic of today, and the deletion of yesterday's.
  const news = (of, payload) =>
    publisher.publish({ count: 1, topicOf: () => `news/${of}`, payload, retain: true });
  await news(day, Buffer.from('of today'));
  await news(day - 1, Buffer.alloc(0));
  if (random() < 0.3) {
    const startPlant = await stopPlant();
    await publish(OUTAGE_MESSAGES, false);
    await startPlant();
    happened.push('outage');
  }
  if (random() < 0.1 && disk) {
    disk.fill();
    // Acknowledged only once there is space again.
    const published = publish(FULL_DISK_MESSAGES, false);
    await pause(FULL_DISK_MS);
    disk.free();
    await published;
    happened.push('disk full');
  }
  if (random() < 0.4) {
    await reload();
    happened.push('reload');
  }
  await pause(500);
  for (const client of [...regulars, publisher]) {
    if (random() < 0.5) await client.close();
    else client.socket.destroy();
  }
  return happened;
}
