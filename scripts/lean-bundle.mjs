/** Plugins of the bundler that make the program smaller in memory and quicker to load. */

const ENGLISH = '\0english-texts';

/** Leaves out what a start would load for nothing: the texts of zod in fifty languages, and a copy of Node's streams. */
export const leanPackages = {
  name: 'lean-packages',
  resolveId(source, importer) {
    if (source === 'readable-stream') return { id: 'node:stream', external: true };
    const isOfZod = importer?.includes('/node_modules/zod/');
    return isOfZod && source.endsWith('/locales/index.js') ? ENGLISH : null;
  },
  load: (id) => (id === ENGLISH ? `export { default as en } from 'zod/v4/locales/en.js';` : null),
};

/**
 * Writes each character that is not ASCII as an escape. V8 keeps the source of a file that has one such character with
 * two bytes for each of its characters.
 */
export const asciiOnly = {
  name: 'ascii-only',
  generateBundle(_options, files) {
    for (const file of Object.values(files)) {
      if (file.type !== 'chunk') continue;
      const { code, fileName } = file;
      if (/\\[^\0-\x7f]/.test(code)) throw new Error(`${fileName}: an escaped character`);
      file.code = asAscii(code);
      const asset = files[`${fileName}.map`];
      if (!asset) continue;
      const map = JSON.parse(asset.source);
      asset.source = JSON.stringify({ ...map, mappings: shifted(map.mappings, code) });
    }
  },
};

/** One unit of UTF-16 that is not ASCII. */
const NOT_ASCII = /[^\0-\x7f]/g;
/** An escape, such as \u00b0, is so much longer than its character. */
const LONGER = 5;

/** The same program; outside of strings, templates and regular expressions it must be ASCII already. */
export function asAscii(code) {
  return code.replace(NOT_ASCII, (unit) => {
    const hex = unit.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${hex}`;
  });
}

/** The mappings of a source map for the code that `asAscii` makes of `code`. */
export function shifted(mappings, code) {
  const lines = code.split('\n');
  return mappings
    .split(';')
    .map((segments, line) => {
      const places = [...lines[line].matchAll(NOT_ASCII)].map(({ index }) => index);
      return segments === '' || places.length === 0 ? segments : shiftedLine(segments, places);
    })
    .join(';');
}

/** `places`: the columns of the characters that become longer. */
function shiftedLine(segments, places) {
  let column = 0;
  let passed = 0;
  return segments
    .split(',')
    .map((segment) => {
      const { value, rest } = firstNumber(segment);
      column += value;
      const before = passed;
      while (places[passed] < column) passed++;
      return encoded(value + LONGER * (passed - before)) + rest;
    })
    .join(',');
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The first variable-length quantity of a segment: how many columns it is behind the segment before. */
function firstNumber(segment) {
  let value = 0;
  let at = 0;
  for (let shift = 0; ; shift += 5) {
    const digit = DIGITS.indexOf(segment[at++]);
    value += (digit & 31) << shift;
    if (digit < 32) break;
  }
  // The last bit is the sign; columns only grow.
  return { value: value >> 1, rest: segment.slice(at) };
}

function encoded(value) {
  let text = '';
  for (let left = value << 1; ; left >>= 5) {
    if (left < 32) return text + DIGITS[left];
    text += DIGITS[32 + (left & 31)];
  }
}
