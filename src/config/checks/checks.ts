import { hex } from '../../buses/i2c-device.ts';

import { powerTopics, readingTopic, statusTopic } from '../../driver-kit/cell-topics.ts';
import { filterLists } from '../schema/channel-filters.ts';
import type { HttpConfig } from '../schema/http.ts';
import { isLoopback } from '../schema/listeners.ts';
import type { Finding, Path } from '../yaml/problem.ts';
import { alarmChecks } from './alarm-checks.ts';
import { filterChecks } from './filter-checks.ts';
import { similarLines } from './line-checks.ts';
import { mirrorChecks } from './mirror-checks.ts';
import { outputChecks } from './output-checks.ts';
import { linesOf, type Parts, publishedChannels } from './parts.ts';
import { slowReads } from './sensor-checks.ts';
import { uplinkChecks } from './uplink-checks.ts';

/** Conflicts between parts that are valid by themselves: names, topics, addresses, GPIO lines, ports and open listeners. */
export function crossChecks(parts: Parts): readonly Finding[] {
  return [
    ...sameNames(parts),
    ...sameTopics(parts),
    ...earlyExpiries(parts),
    ...filterChecks(parts),
    ...alarmChecks(parts),
    ...mirrorChecks(parts),
    ...sameAddresses(parts),
    ...sameLines(parts),
    ...slowReads(parts),
    ...outputChecks(parts),
    ...similarLines(parts),
    ...samePorts(parts),
    ...openListeners(parts),
    ...openHttp(parts),
    ...uplinkChecks(parts),
    ...prefixOfCell(parts),
  ];
}

function* sameNames({ sensors, lineOf }: Parts): Iterable<Finding> {
  const seen = new Map<string, number>();
  for (const { index, element } of sensors) {
    const path = ['sensors', index, 'name'];
    const first = seen.get(element.name);
    if (first === undefined) seen.set(element.name, index);
    else {
      const line = lineOf(['sensors', first, 'name']);
      const message = `the sensor in line ${line} is named "${element.name}" already, expected another name`;
      yield { path, at: 'value', message };
    }
  }
}

function* sameTopics({ cell, sensors, powerFail, drivers, lineOf }: Parts): Iterable<Finding> {
  const status = statusTopic(cell);
  const power = powerFail ? Object.values(powerTopics(cell)) : [];
  const seen = new Map<string, { readonly index: number; readonly name: string }>();
  for (const { index, element } of sensors) {
    const path = ['sensors', index, 'name'];
    const channels = publishedChannels(element, drivers);
    const clashes: string[] = [];
    for (const channel of channels) {
      const topic = readingTopic(cell, element.name, channel.name);
      if (topic === status) {
        clashes.push(`its topic ${topic} is the one on which the gateway says that it is online`);
      }
      if (power.includes(topic)) {
        clashes.push(`its topic ${topic} is that of powerFail`);
      }
      const first = seen.get(topic);
      if (first === undefined) seen.set(topic, { index, name: element.name });
      else if (first.name !== element.name) {
        const line = lineOf(['sensors', first.index, 'name']);
        clashes.push(
          `its topic ${topic} is also one of the sensor "${first.name}" in line ${line}`,
        );
      }
    }
    if (clashes[0]) yield { path, at: 'value', message: `${clashes[0]}, expected another name` };
  }
}

/** A reading must not expire before the next one is due. */
function* earlyExpiries({ sensors }: Parts): Iterable<Finding> {
  for (const { index, element } of sensors) {
    const { every, expires, filters } = element;
    if (expires === undefined) continue;
    const pauses: (readonly [string, number])[] = [['every', every]];
    for (const filter of filterLists(filters).flatMap(({ list }) => list)) {
      for (const name of ['heartbeat', 'throttle', 'throttleAverage'] as const) {
        const ms = (filter as Readonly<Record<string, unknown>>)[name];
        if (typeof ms === 'number') pauses.push([name, ms]);
      }
    }
    const longer = pauses.find(([, ms]) => ms > expires);
    if (longer === undefined) continue;
    const [name, ms] = longer;
    const message = `found ${expires / 1000} s, and the next reading comes after ${ms / 1000} s (${name}), expected at least that`;
    yield { path: ['sensors', index, 'expires'], at: 'value', message };
  }
}

function* sameAddresses({ sensors, lineOf }: Parts): Iterable<Finding> {
  const seen = new Map<string, { readonly index: number; readonly driver: string }>();
  for (const { index, element } of sensors) {
    const { bus, address, driver } = element;
    if (bus === undefined || address === undefined) continue;
    const path = ['sensors', index, 'address'];
    const place = `${hex(address)} on ${bus}`;
    const first = seen.get(place);
    if (first === undefined) seen.set(place, { index, driver });
    else if (first.driver !== driver) {
      const line = lineOf(['sensors', first.index, 'address']);
      const message = `${place} is the ${first.driver} of line ${line} already, expected the address of another chip`;
      yield { path, at: 'value', message };
    }
    const [trunk, multiplexer] = bus.split('/');
    if (multiplexer === undefined) continue;
    // A chip on the bus itself also answers while a channel of the multiplexer is open.
    const shadow = sensors.find(
      ({ element: other }) => other.bus === trunk && other.address === address,
    );
    const clash =
      shadow &&
      `the ${shadow.element.driver} in line ${lineOf(['sensors', shadow.index, 'address'])}`;
    const itself = multiplexer === hex(address) ? 'the multiplexer' : undefined;
    if (clash === undefined && itself === undefined) continue;
    const message = `${hex(address)} is ${itself ?? clash} on ${trunk} itself, which would answer too, expected another address`;
    yield { path, at: 'value', message };
  }
}

function* sameLines({ sensors, lineOf }: Parts): Iterable<Finding> {
  const seen = new Map<string, Path>();
  for (const { index, element } of sensors) {
    for (const [path, line] of linesOf(['sensors', index], element)) {
      const first = seen.get(line);
      if (first === undefined) seen.set(line, path);
      else {
        const message = `${line} is taken by the sensor in line ${lineOf(first)} already, expected another input`;
        yield { path, at: 'value', message };
      }
    }
  }
}

const EVERY_INTERFACE = ['0.0.0.0', '::'];

/** A user of a TCP port: a listener of the broker, or the page. */
type Endpoint = Pick<HttpConfig, 'host' | 'port'>;

function* samePorts({ listeners, http, lineOf }: Parts): Iterable<Finding> {
  const endpoints = [
    ...listeners.map(({ index, element }) => ({
      path: ['broker', 'listeners', index, 'port'],
      index,
      element,
    })),
    ...(http ? [{ path: ['http', 'port'], index: -1, element: http }] : []),
  ];
  const host = (endpoint: Endpoint): string =>
    endpoint.host.toLowerCase() === 'localhost' ? '127.0.0.1' : endpoint.host.toLowerCase();
  for (const [place, { path, element }] of endpoints.entries()) {
    if (element.port === 0) continue;
    const first = endpoints.slice(0, place).find(({ element: other }) => {
      const wide = [host(other), host(element)].some((one) => EVERY_INTERFACE.includes(one));
      return other.port === element.port && (wide || host(other) === host(element));
    });
    if (!first) continue;
    const line = lineOf(['broker', 'listeners', first.index, 'port']);
    const message = `the listener in line ${line} (${first.element.host}) has port ${element.port} already, expected another port`;
    yield { path, at: 'value', message };
  }
}

function* openListeners({ listeners, hasAccess }: Parts): Iterable<Finding> {
  for (const { index, element } of listeners) {
    const path = ['broker', 'listeners', index];
    const { host, anonymous, tls, protocol, origins } = element;
    if (origins && protocol !== 'ws') {
      const message = 'only browsers have an origin, expected protocol: ws beside it';
      yield { path: [...path, 'origins'], at: 'key', message };
    }
    if (tls && tls.clientCert !== 'none' && tls.ca === undefined) {
      const message = `found ${tls.clientCert} without a ca, expected tls.ca: the authority that signs the client certificates`;
      yield { path: [...path, 'tls', 'clientCert'], at: 'value', message };
    }
    if (tls?.ca !== undefined && tls.clientCert === 'none') {
      const message = 'has no effect while clientCert is none, expected clientCert: required';
      yield { path: [...path, 'tls', 'ca'], at: 'value', message };
    }
    if (anonymous || tls?.clientCert === 'required' || hasAccess) continue;
    const wanted =
      'broker.access with users, tls with clientCert: required, or anonymous: true to admit every client';
    yield isLoopback(host)
      ? {
          path: [...path, 'anonymous'],
          at: 'value',
          message: `no client could connect, expected ${wanted}`,
        }
      : {
          path: [...path, 'host'],
          at: 'value',
          message: `${host} is open to the network, expected ${wanted}`,
        };
  }
}

/** The page switches outputs: from the network it needs a user and TLS, so that the password is not readable on the network. */
function* openHttp({ http, hasAccess }: Parts): Iterable<Finding> {
  if (!http || isLoopback(http.host)) return;
  const missing = [
    ...(hasAccess ? [] : ['broker.access with users']),
    ...(http.tls ? [] : ['http.tls with cert and key']),
  ];
  if (missing.length === 0) return;
  const message = `${http.host} is open to the network, expected ${missing.join(' and ')}`;
  yield { path: ['http', 'host'], at: 'value', message };
}

/** Home Assistant and the gateway would both say on one topic that they are online. */
function* prefixOfCell({ cell, homeAssistant }: Parts): Iterable<Finding> {
  if (homeAssistant === undefined || homeAssistant.prefix.split('/')[0] !== cell) return;
  const message = `its topics begin with "${cell}" as those of the cell, expected another prefix or cell`;
  yield { path: ['homeAssistant'], at: 'key', message };
}
