import { alarmTopic, readingTopic } from '../../driver-kit/cell-topics.ts';
import { FilterTree } from '../../mqtt/filter-tree.ts';
import { overlaps } from '../../mqtt/topics.ts';
import { filtersOf } from '../schema/channel-filters.ts';
import type { InRoute } from '../schema/uplink-routes.ts';
import type { Finding } from '../yaml/problem.ts';
import { type Parts, publishedChannels } from './parts.ts';

/** A topic on which something here receives messages. */
interface Target {
  readonly topic: string;
  /** What receives there, for a sentence. */
  readonly what: string;
}

/**
 * Warnings about in routes whose messages nothing here receives: no output, controller, counter or alarm, and no client
 * that the rules of the access file show. `readable` are the filters of the rules that let clients read.
 */
export function* inRouteWarnings(parts: Parts, readable: readonly string[]): Iterable<Finding> {
  const targets = [...targetsOf(parts)];
  const received = new FilterTree<string>();
  for (const { topic } of targets) received.add(topic, topic);
  for (const rule of readable) if (isSpecific(rule, parts.cell)) received.add(rule, rule);
  for (const { index, element } of parts.uplinks) {
    for (const [place, route] of element.routes.entries()) {
      if (!('in' in route)) continue;
      const local = localFilter(route);
      if (received.overlapping(local).length > 0) continue;
      const message = `warning: brings ${local}, on which no output, counter, alarm or controller of this gateway receives; ${remedy(route, targets[0], parts)}`;
      yield { path: ['uplinks', index, 'routes', place, 'in'], at: 'value', message };
    }
  }
}

/** The filter of the route's messages here. */
export function localFilter({ in: remote, strip, to }: InRoute): string {
  return `${to}${remote.slice(strip.length)}`;
}

/** How a route brings commands, for the end of a refusal; empty if it has nothing to do with this cell. */
export function commandsInstead(route: InRoute, parts: Parts): string {
  const { cell } = parts;
  if (!overlaps(localFilter(route), `${cell}/#`)) return '';
  const [target] = targetsOf(parts);
  const topic = target?.topic ?? `${cell}/OUTPUT/set`;
  return `; commands need only a route such as ${written(route, topic, cell)}`;
}

function remedy(route: InRoute, target: Target | undefined, { cell }: Parts): string {
  const forClient = 'nothing to change if a client here subscribes to it';
  if (target === undefined) return `commands come on ${cell}/OUTPUT/set; ${forClient}`;
  return `expected a route such as ${written(route, target.topic, cell)} for ${target.what}; ${forClient}`;
}

/** A route that brings the topic from the same place at the plant. */
function written({ in: remote, strip, to }: InRoute, topic: string, cell: string): string {
  if (to !== '' && topic.startsWith(to)) {
    return `{ in: ${strip}${topic.slice(to.length)}, ${strip && `strip: ${strip}, `}to: ${to} }`;
  }
  const beforeCell = `/${remote}`.indexOf(`/${cell}/`);
  const prefix = beforeCell >= 0 ? remote.slice(0, beforeCell) : to === '' ? strip : '';
  return prefix === '' ? `{ in: ${topic} }` : `{ in: ${prefix}${topic}, strip: ${prefix} }`;
}

function* targetsOf(parts: Parts): Iterable<Target> {
  const { cell, sensors, outputs, drivers, lineOf } = parts;
  for (const { index, element } of outputs) {
    const what = `the output in line ${lineOf(['outputs', index, 'name'])}`;
    yield { topic: readingTopic(cell, element.name, 'set'), what };
  }
  for (const { index, element } of outputs) {
    if (!element.controller) continue;
    const line = lineOf(['outputs', index, 'name']);
    yield { topic: element.controller.topic, what: `the controller of the output in line ${line}` };
  }
  for (const { index, element } of sensors) {
    const what = `the sensor in line ${lineOf(['sensors', index, 'name'])}`;
    for (const { name, settable } of publishedChannels(element, drivers)) {
      const isSum = filtersOf(element.filters, name).some((filter) => 'integrate' in filter);
      if (settable || isSum) yield { topic: `${readingTopic(cell, element.name, name)}/set`, what };
    }
    for (const { name } of element.alarms ?? []) {
      yield { topic: `${alarmTopic(cell, element.name, name)}/set`, what: `an alarm of ${what}` };
    }
  }
}

/** Whether the filter of a rule says more than that its clients may read much. */
function isSpecific(rule: string, cell: string): boolean {
  const [first, second] = rule.split('/');
  const beyond = first === cell ? second : first;
  return beyond !== undefined && !/^[+#]$|^%/.test(beyond);
}
