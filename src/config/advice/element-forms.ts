import { isSecretKey } from '../../base/secrets.ts';
import { hex } from '../../buses/i2c-device.ts';
import type { Drivers } from '../../driver-kit/driver.ts';
import { FILTER_NAMES } from '../schema/filters.ts';
import { parsePin } from '../schema/pins.ts';
import type { Finding, Path } from '../yaml/problem.ts';
import type { Source } from '../yaml/source.ts';

/** The finding for an element of a list that has the form of something else, in place of all others of that element. */
export type FormExplainer = (path: Path) => Finding | undefined;

const LISTS = ['sensors', 'outputs', 'uplinks'];

/** Explains elements of lists that have the form of something else: of an expander, of a sensor, of a map by name. */
export function elementForms(source: Source, drivers: Drivers): FormExplainer {
  return (path) => {
    const [list, index] = path;
    if (typeof list !== 'string' || !LISTS.includes(list)) return undefined;
    if (index === undefined) return byName(source, list);
    const element = [list, index];
    return (
      wrongList(source, element, drivers) ??
      (list === 'outputs' ? pinOfExpander(source, element, drivers) : undefined) ??
      (list === 'sensors' ? inputOfExpander(source, element) : undefined) ??
      dashOnEachKey(source, element) ??
      pairsWithoutSpace(source, element) ??
      filtersAsMap(source, path)
    );
  };
}

/** The text of a value, without quotes; undefined if there is none. */
function textAt(source: Source, path: Path): string | undefined {
  return source.written(path)?.replaceAll(/^"|"$/g, '');
}

/** `sensors: { cabinet: { … } }` */
function byName(source: Source, list: string): Finding | undefined {
  const [name, ...others] = source.keys([list]);
  const isMaps = name !== undefined && source.keys([list, name]).length > 0;
  if (!isMaps || others.some((one) => source.keys([list, one]).length === 0)) return undefined;
  const message = `found a map by name, expected a list: "- name: ${name}", with the keys of ${name} below "name"`;
  return { path: [list], at: 'value', message };
}

const OUTPUT = 'digital-output';

/** An output among the sensors, or a sensor among the outputs. */
function wrongList(source: Source, element: Path, drivers: Drivers): Finding | undefined {
  const path = [...element, 'driver'];
  const driver = textAt(source, path);
  if (element[0] === 'sensors' && driver === OUTPUT) {
    const message = `${OUTPUT} drives an output, expected it in the list "outputs:", beside "sensors:"`;
    return { path, at: 'value', message };
  }
  const known = driver === undefined ? undefined : drivers.get(driver);
  if (element[0] !== 'outputs' || known === undefined || known.outputs) return undefined;
  const message = `${driver} reads a sensor, expected it in the list "sensors:", or the driver ${OUTPUT}`;
  return { path, at: 'value', message };
}

/** An output that names an expander, its bus, address and pin in a form that is not the one of a line. */
function pinOfExpander(source: Source, element: Path, drivers: Drivers): Finding | undefined {
  const keys = source.keys(element);
  const line = textAt(source, [...element, 'line']) ?? '';
  const driver = textAt(source, [...element, 'driver']) ?? '';
  const chips = [...drivers.values()].filter(({ outputs }) => outputs).map(({ name }) => name);
  const named = chips.find((chip) => new RegExp(`${chip}`, 'i').test(`${driver} ${line}`));
  const wired = ['bus', 'address', 'pin', 'pins'].filter((key) => keys.includes(key));
  if (parsePin(line) !== undefined && driver === OUTPUT) return undefined;
  if (named === undefined && !(line.includes('@') || (wired.length > 1 && wired.includes('bus')))) {
    return undefined;
  }
  const chip = named ?? chips[0] ?? '';
  const [first = 0x20] = drivers.get(chip)?.addresses ?? [];
  const bus = numberIn(textAt(source, [...element, 'bus']) ?? /@([^/:]+)/.exec(line)?.[1], 10) ?? 1;
  const address =
    chipAddress(textAt(source, [...element, 'address']) ?? addressIn(line, chip)) ?? first;
  const pin =
    pinOf(textAt(source, [...element, 'pin']) ?? /[:/ ]([A-Z]*\d+)$/i.exec(line)?.[1]) ?? 0;
  const place = `line: ${chip}@i2c-${bus}/${hex(address)}:${pin}`;
  const at = wired.find((key) => key !== 'pin') ?? (driver === named ? 'driver' : 'line');
  const path = [...element, keys.includes(at) ? at : 'driver'];
  const found =
    at === 'line'
      ? `found ${source.written(path) ?? 'no line'}, expected`
      : 'an expander is named in the line of the output, expected';
  return {
    path,
    at: 'key',
    message: `${found} ${driver === OUTPUT ? '' : `driver: ${OUTPUT} and `}${place}`,
  };
}

function addressIn(line: string, chip: string): string | undefined {
  const rest = line
    .toLowerCase()
    .replace(chip.toLowerCase(), '')
    .replace(/i2c-?\d+/, '');
  return /0x[0-9a-f]{2}/.exec(rest)?.[0] ?? /\/(\d{2})\b/.exec(rest)?.[1];
}

/** `0x20`, and 20 copied from a table of hexadecimal addresses. */
function chipAddress(text: string | undefined): number | undefined {
  const address = Number.parseInt(text ?? '', 16);
  return address >= 0x08 && address <= 0x77 ? address : undefined;
}

function numberIn(text: string | undefined, radix: number): number | undefined {
  const number = Number.parseInt(/\d+$/.exec(text ?? '')?.[0] ?? '', radix);
  return Number.isNaN(number) ? undefined : number;
}

/** `GPB0` is pin 8, as the second port begins there. */
function pinOf(text: string | undefined): number | undefined {
  const bit = numberIn(text, 10);
  return bit !== undefined && /^(GP)?B\d$/i.test(text ?? '') ? bit + 8 : bit;
}

/** A line of a sensor that is a pin of an expander: an expander is read by its own driver. */
function inputOfExpander(source: Source, element: Path): Finding | undefined {
  const path = [...element, 'line'];
  const line = textAt(source, path);
  if (line === undefined || !line.includes('@')) return undefined;
  const pin = parsePin(line);
  const { driver, bus, address } = pin ?? {
    driver: line.split('@')[0],
    bus: 'i2c-1',
    address: 0x20,
  };
  const message = `found the pin of an expander, expected its own driver, which reads all its inputs: driver: ${driver}, bus: ${bus}, address: ${hex(address)}, pins: [${pin?.pin ?? 0}]`;
  return { path, at: 'value', message };
}

/** Elements with one key each, where every key has got a dash. */
function dashOnEachKey(source: Source, element: Path): Finding | undefined {
  const [list, index] = element;
  const [key, ...more] = source.keys(element);
  const isAlone = (at: number): boolean => source.keys([list!, at]).length === 1;
  if (typeof index !== 'number' || key === undefined || more.length > 0) return undefined;
  if (index === 0 && isAlone(1)) {
    return {
      path: [...element, key],
      at: 'key',
      message: `only "${key}" has this dash, expected one dash for each element, and its other keys below its first`,
    };
  }
  if (index === 0 || !isAlone(index - 1)) return undefined;
  return {
    path: [...element, key],
    at: 'key',
    message: `a dash begins another element here, expected "${key}" without it, in the column of the key above`,
  };
}

/** `- name:a` and the lines below, which YAML reads as one text. */
function pairsWithoutSpace(source: Source, element: Path): Finding | undefined {
  const [, key, value] = /^"([A-Za-z]\w*):(\S+)/.exec(source.written(element) ?? '') ?? [];
  if (key === undefined || isSecretKey(key)) return undefined;
  const message = `no space after the colons, expected "${key}: ${value?.replace(/"$/, '')}"`;
  return { path: element, at: 'value', message };
}

/** `filters:` with the filters as keys of one map, also of `-median: 5` without the space after the dash. */
function filtersAsMap(source: Source, path: Path): Finding | undefined {
  const [, , key, name] = path;
  const isFilter = (one: string): boolean => FILTER_NAMES.includes(one.replace(/^-/, ''));
  if (key !== 'filters' || typeof name !== 'string' || !isFilter(name)) return undefined;
  const filters = path.slice(0, 3);
  const keys = source.keys(filters);
  if (!keys.every(isFilter)) return undefined;
  const list = keys.map((one) => `${one.replace(/^-/, '')}: ${textAt(source, [...filters, one])}`);
  const dash = keys.every((one) => one.startsWith('-')) ? 'and a space ' : '';
  const message = `found a map, expected a list, a dash ${dash}before each filter: [${list.join(', ')}]`;
  return { path: filters, at: 'value', message };
}
