import { stat } from 'node:fs/promises';
import { filterLists } from '../schema/channel-filters.ts';
import { inAscii, lookAlikes } from '../yaml/look-alikes.ts';
import type { Finding, Path } from '../yaml/problem.ts';
import { type Parts, publishedChannels } from './parts.ts';

/** Warnings about values that are valid and rarely meant: wildcards of file names, characters that only look right. */
export function* likelyMistakes(parts: Parts): Iterable<Finding> {
  const { cell, names = {}, sensors, outputs, uplinks } = parts;
  yield* likelySlip(['cell'], cell);
  for (const [level, name = ''] of Object.entries(names)) {
    yield* likelySlip(['names', level], name);
  }
  for (const [list, elements] of Object.entries({ sensors, outputs })) {
    for (const { index, element } of elements) {
      yield* likelySlip([list, index, 'name'], element.name);
    }
  }
  yield* keptUnits(parts);
  for (const { index, element } of uplinks) {
    for (const [place, route] of element.routes.entries()) {
      const path = ['uplinks', index, 'routes', place];
      const key = 'in' in route ? 'in' : 'out';
      const filter = 'in' in route ? route.in : route.out;
      if (filter.includes('*')) {
        const message = `${filter} matches only a topic with a * in it, expected + for one level or # for all levels below`;
        yield warning([...path, key], message);
      }
      if (route.to.startsWith('/')) {
        const message = `topics would begin with an empty level, expected ${route.to.replace(/^\/+/, '')}`;
        yield warning([...path, 'to'], message);
      }
    }
  }
}

/** Filters whose result has another unit than the value, which is published with that of the channel. */
const NEW_UNITS = { integrate: 'h', derivative: '/min' } as const;

/** A sum of value times time, or a change in a time, without a unit behind it. */
function* keptUnits({ sensors, drivers }: Parts): Iterable<Finding> {
  for (const { index, element } of sensors) {
    for (const { path, channel, list } of filterLists(element.filters)) {
      const place = list.findLastIndex((one) => 'integrate' in one || 'derivative' in one);
      if (place < 0 || list.slice(place).some((one) => 'unit' in one || 'map' in one)) continue;
      const own = publishedChannels(element, drivers).find(
        ({ name, unit }) => unit !== '' && (channel === undefined || channel === name),
      );
      if (!own) continue;
      const name = 'integrate' in list[place]! ? 'integrate' : 'derivative';
      const message = `its result would be published in ${own.unit}, expected a filter behind it such as unit: ${own.unit}${NEW_UNITS[name]}`;
      yield warning(['sensors', index, 'filters', ...path, place, name], message);
    }
  }
}

function* likelySlip(path: Path, name: string): Iterable<Finding> {
  const end = /[,;]$|^["']|["']$/.exec(name)?.[0];
  if (end !== undefined) {
    yield warning(path, `${end} is part of the name ${name}, expected ${bare(name)}`);
    return;
  }
  const ascii = inAscii(name);
  // A name in another script has its own letters; a single one between those of ASCII is a mistake.
  if (ascii === name || !/^[ -~]*$/.test(ascii) || !/[A-Za-z]/.test(name)) return;
  yield warning(path, `${lookAlikes(name)} in the name ${name}, expected ${bare(ascii)}`);
}

function bare(name: string): string {
  return name.replaceAll(/^["']+|["',;]+$/g, '').trim();
}

function warning(path: Path, message: string): Finding {
  return { path, at: 'value', message: `warning: ${message}` };
}

/** What is wrong with a data folder that is no folder; undefined if it is one, or is not there yet. */
export async function noFolder(folder: string): Promise<string | undefined> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined || found.isDirectory()) return undefined;
  return `${folder} is a file, expected a folder such as /var/lib/cellgate`;
}
