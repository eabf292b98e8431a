import { inAscii, lookAlikes } from '../yaml/look-alikes.ts';
import type { Path } from '../yaml/problem.ts';
import { alternatives, closest, didYouMean } from '../yaml/suggestion.ts';
import { type KeyPlaces, type Place, patternOf } from './key-places.ts';
import { ownWord } from './other-words.ts';

/** Of a map that has an unknown key: its path, the keys that it may have and those that it has, and its driver if it is a sensor. */
export interface MapOfKeys {
  readonly path: Path;
  readonly candidates: readonly string[];
  readonly present: readonly string[];
  readonly driver: string | undefined;
}

/** What is wrong with an unknown key, and the key that was meant, if that is clear. */
export interface KeyAdvice {
  readonly message: string;
  readonly meant?: string;
}

/** More are not read by anyone. */
const MOST_DRIVERS = 5;

/** What to write instead of an unknown key: another key here, the place that it belongs to, or the keys that there are. */
export function unknownKey(key: string, map: MapOfKeys, places: KeyPlaces): KeyAdvice {
  const { candidates, driver } = map;
  const spaces = strangeSpaces(key, candidates);
  if (spaces) return spaces;
  const ascii = inAscii(key);
  if (ascii !== key && candidates.includes(ascii)) {
    return { message: `unknown key, as ${lookAlikes(key)}, expected ${ascii}`, meant: ascii };
  }
  if (/^\/\//.test(key)) return { message: 'found //, expected # before a comment' };
  const free = candidates.filter((one) => !map.present.includes(one));
  const exact = candidates.find((one) => plain(one) === plain(key));
  const meant = exact ?? ownWord(key, free);
  if (meant !== undefined) return { message: `unknown key (did you mean ${meant}?)`, meant };
  const elsewhere = otherPlace(key, map, places);
  if (elsewhere !== undefined) return { message: elsewhere };
  const near = closest(key, candidates);
  if (near !== undefined) {
    return { message: `unknown key${didYouMean(key, candidates)}`, meant: near };
  }
  const inside = insideOf(key, map, places);
  if (inside !== undefined) return { message: inside };
  const whose = driver === undefined ? '' : ` of the driver ${driver}`;
  return { message: `unknown key${whose}, expected ${alternatives(candidates)}` };
}

/** A key with spaces in it that are none to YAML: of a word processor, or of a web page. */
function strangeSpaces(key: string, candidates: readonly string[]): KeyAdvice | undefined {
  const [space] = /(?! )\p{Zs}/u.exec(key) ?? [];
  if (space === undefined) return undefined;
  const [word = ''] = inAscii(key).trim().split(':');
  const message = `${lookAlikes(space)} and is none to YAML, expected ordinary spaces in this line`;
  return candidates.includes(word) ? { message, meant: word } : { message };
}

function plain(key: string): string {
  return key.toLowerCase().replaceAll(/[-_ ]/g, '');
}

/** Where the key belongs if it is one of the map around, of one inside, or of another driver. */
function otherPlace(key: string, map: MapOfKeys, places: KeyPlaces): string | undefined {
  const here = patternOf(map.path);
  const found = places.get(key) ?? [];
  const inner = found
    .filter(({ within }) => within.length > here.length && isPart(here, within))
    .toSorted((a, b) => a.within.length - b.within.length)[0];
  if (inner) return indentedBelow(inner, here.length);
  const others = found.find(({ within }) => within.join('\0') === here.join('\0'))?.drivers ?? [];
  if (map.driver !== undefined && others.length > 0) {
    const shown = others.length > MOST_DRIVERS ? 'other drivers' : alternatives(others);
    const own = alternatives(ownKeys(map, places));
    return `a key of ${shown}, expected one that the driver ${map.driver} has${own === '' ? '' : `: ${own}`}`;
  }
  const outer = found
    .filter(({ within }) => within.length < here.length && isPart(within, here))
    .toSorted((a, b) => b.within.length - a.within.length)[0];
  if (!outer) return undefined;
  const where = outer.within.length === 0 ? 'the whole config' : nameOf(outer.within);
  return `a key of ${where}, expected it with fewer spaces before it, in the column of the keys there`;
}

/** The keys that not every sensor has. */
function ownKeys({ candidates, driver, path }: MapOfKeys, places: KeyPlaces): readonly string[] {
  const here = patternOf(path).join('\0');
  const common = (key: string): boolean => {
    const drivers =
      places.get(key)?.find(({ within }) => within.join('\0') === here)?.drivers ?? [];
    return drivers.length > MOST_COMMON || !drivers.includes(driver ?? '');
  };
  return candidates.filter((key) => !common(key));
}

/** A key that more drivers have is one of every sensor. */
const MOST_COMMON = 12;

/** A key of a map inside that is near to the word. */
function insideOf(key: string, map: MapOfKeys, places: KeyPlaces): string | undefined {
  if (!/^[A-Za-z][\w-]*$/.test(key)) return undefined;
  const here = patternOf(map.path);
  const near = [...places].flatMap(([name, all]) =>
    all
      .filter(({ within }) => within.length > here.length && isPart(here, within))
      .map((place) => ({ name, place })),
  );
  const names = near
    .toSorted((a, b) => a.place.within.length - b.place.within.length)
    .map(({ name }) => name);
  const meant = ownWord(key, []) ?? closest(key, names);
  const place = near.find(({ name }) => name === meant)?.place;
  if (meant === undefined || !place) return undefined;
  return `unknown key (did you mean ${meant}, indented below "${place.within[here.length]}:"?)`;
}

function isPart(short: readonly string[], long: readonly string[]): boolean {
  return short.every((part, index) => part === long[index]);
}

function indentedBelow({ within }: Place, depth: number): string {
  const steps = within.slice(depth);
  if (steps[0] === '*')
    return 'a key of one element, expected a dash before each element of the list';
  if (steps.includes('*')) {
    const [list = ''] = steps;
    return `a key of ${nameOf(within)}, expected it there, below "${list}:"`;
  }
  const below = steps.map((step) => `"${step}:"`).join(' and ');
  return `a key of ${nameOf(within)}, expected it indented below ${below}`;
}

/** `broker.listeners`, or `each of sensors` for the map of an element. */
function nameOf(within: readonly string[]): string {
  const words = within.filter((part) => part !== '*').join('.');
  return within.at(-1) === '*' ? `each of ${words}` : words;
}
