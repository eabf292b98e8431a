import { readingTopic } from '../../driver-kit/cell-topics.ts';
import { FilterTree } from '../../mqtt/filter-tree.ts';
import { covers, matches, overlaps } from '../../mqtt/topics.ts';
import type { SparkplugConfig } from '../schema/sparkplug.ts';
import type { InRoute, OutRoute } from '../schema/uplink-routes.ts';
import type { PartialUplink } from '../schema/uplinks.ts';
import type { Finding, Path } from '../yaml/problem.ts';
import { commandsInstead, localFilter } from './in-route-checks.ts';
import { type Parts, publishedChannels, type ValidElement } from './parts.ts';

/** A route with its place in the file and its filters here and at the plant. */
interface Placement {
  readonly uplink: string;
  readonly index: number;
  readonly urls: readonly string[];
  readonly path: Path;
  readonly line: number;
  /** Topics here. */
  readonly local: string;
  /** Topics at the plant. */
  readonly remote: string;
  /** For the end of a refusal: how commands come in. */
  readonly instead: string;
}

/**
 * Routes that would loop, send twice or contradict each other; each finding names the line of the other route.
 * A broad out route beside a narrow in route is fine: received messages are not sent out again.
 */
export function* uplinkChecks(parts: Parts): Iterable<Finding> {
  yield* sameNames(parts);
  yield* sameNodes(parts);
  yield* namesOfNodes(parts);
  const outs = parts.uplinks.flatMap((one) => placements(one, 'out', parts));
  const ins = parts.uplinks.flatMap((one) => placements(one, 'in', parts));
  const [outsHere, outsAtPlant] = [new OverlappingRoutes('local'), new OverlappingRoutes('remote')];
  for (const route of outs) {
    yield* sentTwice(route, outsHere.of(route.local));
    outsHere.add(route);
    outsAtPlant.add(route);
  }
  const insAtPlant = new OverlappingRoutes('remote');
  const readings = ins.length > 0 ? readingTopics(parts) : new FilterTree<Reading>();
  for (const route of ins) {
    yield* receivedTwice(route, insAtPlant.of(route.remote));
    insAtPlant.add(route);
    const near = new Set([...outsAtPlant.of(route.remote), ...outsHere.of(route.local)]);
    yield* comesBack(
      route,
      outs.filter((out) => near.has(out)),
    );
    yield* bringsOwnTopic(route, readings, parts);
  }
}

/** Routes by one of their filters: a thousand of them are not compared with each other. */
class OverlappingRoutes {
  readonly #by: 'local' | 'remote';
  readonly #tree = new FilterTree<{ readonly place: number; readonly route: Placement }>();
  #count = 0;

  constructor(by: 'local' | 'remote') {
    this.#by = by;
  }

  add(route: Placement): void {
    this.#tree.add(route[this.#by], { place: this.#count++, route });
  }

  /** Those that overlap the filter, in the order in which they were added. */
  of(filter: string): Placement[] {
    const found = this.#tree.overlapping(filter).sort((a, b) => a.place - b.place);
    return found.map(({ route }) => route);
  }
}

function* sameNames({ uplinks, lineOf }: Parts): Iterable<Finding> {
  const names = new Map<string, number>();
  const ids = new Map<string, number>();
  for (const { index, element } of uplinks) {
    const first = names.get(element.name);
    if (first === undefined) names.set(element.name, index);
    else {
      const line = lineOf(['uplinks', first, 'name']);
      const message = `the uplink in line ${line} is named "${element.name}" already, expected another name`;
      yield { path: ['uplinks', index, 'name'], at: 'value', message };
    }
    for (const url of element.urls) {
      const key = JSON.stringify([endpoint(url), element.clientId ?? element.name]);
      const other = ids.get(key);
      if (other === undefined) ids.set(key, index);
      else if (other !== index && element.clientId !== undefined) {
        const line = lineOf(['uplinks', other, 'clientId']);
        const message = `the uplink in line ${line} has this client id at the same broker already, expected another: the two would disconnect each other`;
        yield { path: ['uplinks', index, 'clientId'], at: 'value', message };
        break;
      }
    }
  }
}

/** The name of a metric that every edge node has itself [Sparkplug 3.0, section 6.4.19]. */
const BD_SEQ = 'bdSeq';

function* namesOfNodes({ uplinks, sensors, outputs, lineOf }: Parts): Iterable<Finding> {
  const uplink = uplinks.find(({ element }) => element.sparkplug);
  if (!uplink) return;
  for (const [list, ones] of Object.entries({ sensors, outputs })) {
    const one = ones.find(({ element }) => element.name === BD_SEQ);
    if (!one) continue;
    const line = lineOf(['uplinks', uplink.index, 'sparkplug']);
    const message = `"${BD_SEQ}" is a metric of every edge node, as that of line ${line}, expected another name`;
    yield { path: [list, one.index, 'name'], at: 'value', message };
  }
}

function* sameNodes({ uplinks, lineOf }: Parts): Iterable<Finding> {
  const nodes = new Map<string, number>();
  for (const { index, element } of uplinks) {
    if (!element.sparkplug) continue;
    const { group, node } = element.sparkplug;
    for (const url of element.urls) {
      const key = JSON.stringify([endpoint(url), group, node]);
      const first = nodes.get(key) ?? index;
      nodes.set(key, first);
      if (first === index) continue;
      const line = lineOf(['uplinks', first, 'sparkplug', 'node']);
      const message = `the uplink in line ${line} is this edge node at the same broker already, expected another node`;
      yield { path: ['uplinks', index, 'sparkplug', 'node'], at: 'value', message };
      break;
    }
  }
}

function placements(
  { index, element }: ValidElement<PartialUplink>,
  direction: 'in' | 'out',
  parts: Parts,
): Placement[] {
  return element.routes.flatMap((route, place) => {
    if (!(direction in route)) return [];
    const path = ['uplinks', index, 'routes', place, direction];
    const { name, urls, sparkplug } = element;
    const { local, remote } = filters(route, sparkplug);
    const instead = 'in' in route ? commandsInstead(route, parts) : '';
    return [{ uplink: name, index, urls, path, line: parts.lineOf(path), local, remote, instead }];
  });
}

/** The route's filter here and at the plant. */
function filters(
  route: OutRoute | InRoute,
  sparkplug: SparkplugConfig | undefined,
): { local: string; remote: string } {
  if ('out' in route && sparkplug) {
    return { local: route.out, remote: `spBv1.0/${sparkplug.group}/+/${sparkplug.node}/#` };
  }
  if ('out' in route) return { local: route.out, remote: `${route.to}${route.out}` };
  return { local: localFilter(route), remote: route.in };
}

/** `before` are those that overlap it here. */
function* sentTwice(route: Placement, before: readonly Placement[]): Iterable<Finding> {
  const { path } = route;
  for (const other of before) {
    if (route.index === other.index) {
      if (route.local === other.local) {
        const message = `the route in line ${other.line} takes ${route.local} already, expected each message to have one route`;
        yield { path, at: 'value', message };
      } else if (!covers(route.local, other.local) && !covers(other.local, route.local)) {
        const message = `overlaps ${other.local} of line ${other.line} and neither is the narrower one, expected each message to have one route`;
        yield { path, at: 'value', message };
      }
    } else if (sameBroker(route, other) && overlaps(route.remote, other.remote)) {
      const message = `the uplink "${other.uplink}" sends the same messages to the same broker by line ${other.line}, expected one of them`;
      yield { path, at: 'value', message };
    }
  }
}

/** `before` are those that overlap it at the plant. */
function* receivedTwice(route: Placement, before: readonly Placement[]): Iterable<Finding> {
  for (const other of before) {
    if (route.index !== other.index && !sameBroker(route, other)) continue;
    const message = `brings messages that ${other.remote} in line ${other.line} brings already, expected each message to come in once`;
    yield { path: route.path, at: 'value', message };
  }
}

/** `outs` are those that overlap it here or at the plant. */
function* comesBack(route: Placement, outs: readonly Placement[]): Iterable<Finding> {
  for (const out of outs) {
    const { path } = route;
    const same = route.index === out.index;
    const atPlant = (same || sameBroker(route, out)) && overlaps(route.remote, out.remote);
    const here = overlaps(route.local, out.local);
    const whose = same ? `line ${out.line}` : `the uplink "${out.uplink}" in line ${out.line}`;
    if (atPlant && (!same || !isNarrower(route.remote, out.remote))) {
      const message = `brings back what ${whose} sends to ${out.remote}, expected topics at the plant that no out route writes${same ? route.instead : ''}`;
      yield { path, at: 'value', message };
    } else if (here && !isNarrower(route.local, out.local)) {
      const message = `brings ${route.local}, which ${whose} would send on as ${out.remote}, expected topics here that no out route takes${route.instead}`;
      yield { path, at: 'value', message };
    }
  }
}

/** Whether `narrow` is a part of what `wide` matches, and not all of it. */
function isNarrower(narrow: string, wide: string): boolean {
  return covers(wide, narrow) && !covers(narrow, wide);
}

/** A topic of readings. */
interface Reading {
  readonly topic: string;
  /** The place of its sensor in the config, and its own among all topics. */
  readonly index: number;
  readonly place: number;
}

function readingTopics({ cell, sensors, drivers }: Parts): FilterTree<Reading> {
  const tree = new FilterTree<Reading>();
  let place = 0;
  for (const { index, element } of sensors) {
    for (const channel of publishedChannels(element, drivers)) {
      const topic = readingTopic(cell, element.name, channel.name);
      tree.add(topic, { topic, index, place: place++ });
    }
  }
  return tree;
}

function* bringsOwnTopic(
  route: Placement,
  readings: FilterTree<Reading>,
  { cell, lineOf }: Parts,
): Iterable<Finding> {
  const { path } = route;
  if (matches(route.local, `${cell}/status`)) {
    const message = `brings ${cell}/status, on which the gateway says that it is online, expected other topics here${route.instead}`;
    yield { path, at: 'value', message };
    return;
  }
  const found = readings.overlapping(route.local);
  if (found.length === 0) return;
  const { topic, index } = found.reduce((first, one) => (one.place < first.place ? one : first));
  const line = lineOf(['sensors', index, 'name']);
  const message = `brings ${topic}, the readings of the sensor in line ${line}, expected other topics here${route.instead}`;
  yield { path, at: 'value', message };
}

function sameBroker(a: Placement, b: Placement): boolean {
  return a.urls.some((url) => b.urls.some((other) => endpoint(url) === endpoint(other)));
}

/** Host and port of an address. Two names of one broker are not recognised. */
function endpoint(url: string): string {
  const match = /^(\w+):\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+))?/.exec(url.toLowerCase());
  const usual = { mqtt: '1883', mqtts: '8883', ws: '80', wss: '443' }[match?.[1] ?? ''];
  const host = match?.[2] === 'localhost' ? '127.0.0.1' : match?.[2];
  return `${host}:${match?.[3] ?? usual}`;
}
