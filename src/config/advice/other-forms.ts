import { inAscii } from '../yaml/look-alikes.ts';
import { otherValues } from './other-words.ts';

/** Longer values are no slip of the pen. */
const LONGEST = 80;

/** Keys of GPIO lines, and of topics. */
const LINES = ['line', 'lines', 'interrupt', 'reference'];
const TOPICS = ['to', 'in', 'out', 'strip', 'cert', 'key', 'ca'];

/** What may have been meant by a value, in the order of likelihood; the caller tries which of them the schema takes. */
export function otherForms(input: unknown, key: string): readonly unknown[] {
  if (typeof input === 'string') return input.length > LONGEST ? [] : ofText(input, key);
  if (typeof input === 'number' || typeof input === 'boolean') return ofBare(input, key);
  if (Array.isArray(input)) return ofList(input);
  if (typeof input === 'object' && input !== null) {
    const { min, max, low, high, from, to } = input as Readonly<Record<string, unknown>>;
    const range = [min ?? low ?? from, max ?? high ?? to];
    return range.includes(undefined) ? [[input]] : [range, [input]];
  }
  return [];
}

function ofText(given: string, key: string): unknown[] {
  const text = inAscii(given)
    .trim()
    .replaceAll(/^(["'])(.*)\1$/g, '$2');
  const words = text.split(/[\s,;]+/).filter((word) => word !== '');
  return [
    text,
    ...(LINES.includes(key) ? [] : [text.toLowerCase()]),
    ...otherValues(text),
    ...formsOf(text, key),
    ...numbers(text),
    ...durations(text),
    ...onOff(text),
    ...pairs(text),
    ...ranges(text, key),
    [text],
    ...(words.length > 1 ? [words, words.map(asNumber)] : []),
  ];
}

function ofBare(input: number | boolean, key: string): unknown[] {
  const text = String(input);
  const hexadecimal = Number.parseInt(text, 16);
  const shapes = [{ port: input }, { messages: input }];
  // Copied from a table of hexadecimal addresses, or with the bit that says read or write.
  const chips = key === 'address' ? [hexadecimal, Number(input) / 2] : [];
  const inputs = key === 'input' ? [`AIN${text}`] : [];
  const ofNumber = [...chips, ...inputs, ...shapes];
  return [...onOff(text), ...(typeof input === 'number' ? ofNumber : []), [input], text];
}

function ofList(input: readonly unknown[]): unknown[] {
  const [only] = input;
  // `[0,5, 0]` is three items: a comma is no decimal point.
  const joined = input.length % 2 === 1 ? [] : chunks(input);
  const decimal = input.every((one) => typeof one === 'number') ? decimals(input as number[]) : [];
  const bits = input.map((one) => (typeof one === 'string' ? pinNumber(one) : one));
  const merged = input.every(
    (one) => typeof one === 'object' && one !== null && !Array.isArray(one),
  )
    ? [Object.assign({}, ...input)]
    : [];
  return [...(input.length === 1 ? [only] : []), ...decimal, ...joined, bits, ...merged];
}

/** `[0, 5, 0]` as `[0.5, 0]` and `[0, 5.0]`. */
function decimals(list: readonly number[]): unknown[] {
  return list
    .slice(0, -1)
    .map((left, index) => [
      ...list.slice(0, index),
      Number(`${left}.${list[index + 1]}`),
      ...list.slice(index + 2),
    ]);
}

/** `[0.5, 0, 4.5, 10]` as `[[0.5, 0], [4.5, 10]]`. */
function chunks(list: readonly unknown[]): unknown[] {
  if (list.length < 4 || list.some((one) => typeof one !== 'number')) return [];
  const pairs = list.flatMap((one, index) => (index % 2 === 0 ? [[one, list[index + 1]]] : []));
  return [pairs];
}

/** The pin of an expander by its name in the datasheet: `GPA0` is 0, `GPB0` is 8; of two ports of eight, `P10` is 8. */
function pinNumber(name: string): unknown {
  const [, port = '', bit] = /^(?:GP)?([AB])([0-7])$/i.exec(name) ?? [];
  if (bit !== undefined) return (port.toUpperCase() === 'B' ? 8 : 0) + Number(bit);
  return asNumber(name);
}

function asNumber(word: string): unknown {
  return word !== '' && Number.isFinite(Number(word)) ? Number(word) : word;
}

const PREFIXES: Readonly<Record<string, number>> = { k: 1e3, M: 1e6, m: 1e-3, u: 1e-6 };

/** `0,05`, `70 °C`, `10k`, `> 70`, `1_000`, `10.000,0`; the unit is left out. */
function numbers(text: string): number[] {
  const found = /^[<>=≥≤~ ]*([-+]?[\d.,_' ]*\d)\s*([kMmu]?)\s*([%°ΩV]?[A-Za-z/%Ω°²]*)$/u.exec(text);
  if (!found) return [];
  const [, digits = '', prefix = '', unit = ''] = found;
  const plain = digits.replaceAll(/[_' ]/g, '');
  const factor = unit.length > 1 && prefix === 'm' ? 1 : (PREFIXES[prefix] ?? 1);
  const readings = [
    plain,
    plain.replace(',', '.'),
    plain.replaceAll('.', '').replace(',', '.'),
    plain.replaceAll(',', ''),
  ];
  const values = readings.map(Number).filter(Number.isFinite);
  return values.flatMap((one) => (factor === 1 ? [one] : [one * factor, one]));
}

const SECONDS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

function duration(ms: number): string {
  const [unit, size] = SECONDS.find(([, one]) => ms >= one && ms % one === 0) ?? ['ms', 1];
  return `${Math.round((ms / size) * 1000) / 1000}${unit}`;
}

/** `0,5s`, `1m30s`, `1:30`, `00:00:10`, `PT10S`, `10Hz`, `-1s`, `every minute`. */
function durations(text: string): string[] {
  const point = text.replaceAll(/(\d),(\d)/g, '$1.$2').toLowerCase();
  const [, hours = 0, minutes, seconds] = /^(?:(\d+):)?(\d+):(\d+)$/.exec(point) ?? [];
  const clock = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  const parts = [
    ...point.replace(/^-|^pt?/, '').matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)[a-z]*\s*/g),
  ];
  const sum = parts.reduce(
    (all, [, number, unit]) =>
      all + Number(number) * (SECONDS.find(([one]) => one === unit)?.[1] ?? 0),
    0,
  );
  const [, hertz] = /^(\d+(?:\.\d+)?)\s*hz$/.exec(point) ?? [];
  const word = SECONDS.find(
    ([unit]) => unit !== 'ms' && /^(second|minute|hour|day)/.exec(point)?.[0][0] === unit,
  );
  return [
    ...(Number.isNaN(clock) ? [] : [duration(clock)]),
    ...(sum > 0 ? [duration(sum)] : []),
    ...(hertz === undefined ? [] : [duration(1000 / Number(hertz))]),
    ...(word ? [`1${word[0]}`] : []),
  ];
}

function onOff(text: string): unknown[] {
  if (/^(yes|y|on|1|true|high|enabled?)$/i.test(text)) return ['on', true, 'required', 'keep'];
  if (/^(no|n|off|0|false|low|disabled?)$/i.test(text)) return ['off', false, 'none', 'clear'];
  return [];
}

/** `median 5`, `median(5)`, `median:5`, `median=5` and `invert` as maps with one key. */
function pairs(text: string): unknown[] {
  const [, key, value] = /^([A-Za-z]\w*)\s*[:=( ]\s*([^()]+)\)?$/.exec(text) ?? [];
  const both = key === undefined || value === undefined ? [] : [{ [key]: asNumber(value.trim()) }];
  const word = /^[A-Za-z]\w*$/.test(text) ? [{ [text]: true }] : [];
  const [, host, port] = /^(?:\w+:\/\/)?([\w.-]+):(\d+)$/.exec(text) ?? [];
  const address = port === undefined ? [] : [{ host, port: Number(port) }];
  const maps = ['level', 'backend', 'line', 'ca', 'out'].map((one) => ({ [one]: text }));
  return [...both, ...address, ...word, ...maps, { topic: text, within: '5s' }];
}

/** The forms that a text may have been meant to have as the value of that key. */
function formsOf(text: string, key: string): unknown[] {
  const bare = text.replaceAll(/\s+/g, '');
  const [number] = /\d+$/.exec(bare) ?? [];
  const withoutDev = bare.replace(/^\/dev\//, '');
  switch (key) {
    case 'bus':
      return [
        bare.replace(/^(i2c-\d+)\/([0-7])$/, '$1/0x70/$2'),
        bare.toLowerCase().replace(/^i2c-?[il]?$/, 'i2c-1'),
        ...(/^(\/dev\/)?(i2c[-_]?)?\d+$/i.test(bare) ? [`i2c-${number}`] : []),
      ];
    case 'line':
    case 'interrupt':
    case 'reference':
      return [
        withoutDev.replace('/', ':'),
        text.replace(/^(gpiochip\d+)\s+(\d+)$/, '$1:$2'),
        ...(/^GPIO\d+$/i.test(bare) ? [bare.toUpperCase()] : []),
        ...(/^\d+$/.test(bare) ? [`GPIO${bare}`] : []),
      ];
    case 'name':
      return [
        bare
          .replaceAll(/[+#]/g, '')
          .replaceAll(/^\/+|\/+$/g, '')
          .replaceAll(/\/{2,}/g, '/')
          .replace(/^\$+/, ''),
      ];
    case 'cell':
      return [text.replace(/^\$+/, '').replaceAll(/[/+#]+/g, '-')];
    case 'follows':
      return [`alarm/${text}`];
    case 'id':
      return [`28-${bare}`];
    case 'address':
      return chipAddresses(text);
    case 'url':
    case 'host':
      return hosts(text);
    default:
      return [bare, pinNumber(bare), ...(TOPICS.includes(key) ? topics(text) : [])];
  }
}

function chipAddresses(text: string): number[] {
  const last =
    text
      .replace(/^[Oo]x/, '0x')
      .split('/')
      .at(-1) ?? '';
  const [, digits] = /(?:0x|x|^)([0-7]?[0-9a-f])h?$/i.exec(last) ?? [];
  return digits === undefined ? [] : [Number.parseInt(digits, 16)];
}

function hosts(text: string): string[] {
  const [, host = text] = /^\w+:\/\/(.+)$/.exec(text) ?? [];
  const isSecure = /^(ssl|tls|mqtts|wss|https):/.test(text) || /:8883$/.test(host);
  return [
    ...(/^(\*|all|any)$/.test(text) ? ['0.0.0.0'] : []),
    text.replaceAll(/\s+/g, '').replace(/^(\w+):\/+/, '$1://'),
    host.replace(/[:/]\d+$/, ''),
    text.replace(/^\[(.*)\]$/, '$1'),
    host.replaceAll(/[Oo]/g, '0').replaceAll(/[lI]/g, '1'),
    `${isSecure ? 'mqtts' : 'mqtt'}://${host}`,
  ];
}

function topics(text: string): string[] {
  const whole = text.replaceAll('\\', '/').replace(/[#+*]+$/, '');
  return [
    text.replace(/([^/])#$/, '$1/#'),
    `${text}/`,
    whole.endsWith('/') ? whole : `${whole}/`,
    text.replaceAll('*', '#'),
    text.replace(/#.+$/, '#'),
  ];
}

/** `0..10`, `0-16`, `0 to 10` and `0-7` as two numbers, or as the numbers from one to the other. */
function ranges(text: string, key: string): unknown[] {
  const [, ...arrow] = /^(\S+)\s*(?:->|=>|→)\s*(\S+)$/.exec(text) ?? [];
  if (arrow.length === 2) return [arrow.map(asNumber)];
  const [, from, to] =
    /^(-?\d+(?:\.\d+)?)\s*(?:\.\.+|-|to|…|:|\/|,)\s*(-?\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (from === undefined || to === undefined) return [];
  const [low, high] = [Number(from), Number(to)];
  const all =
    Number.isInteger(low) && Number.isInteger(high) && high > low && high - low < 32
      ? [Array.from({ length: high - low + 1 }, (_, index) => low + index)]
      : [];
  return key === 'pins' ? [...all, [low, high]] : [[low, high], ...all];
}
