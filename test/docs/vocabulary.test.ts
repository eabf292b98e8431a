import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../support/gateway.ts';

/** Words that only this project used, and the standard term that is used instead. */
const OLD_WORDS: Readonly<Record<string, string>> = {
  'anew|afresh': 'again',
  'for ever|forever': 'without end, permanently',
  'giv(?:e|es|ing) way|gave way': 'is replaced by, is dropped',
  'let(?:s|ting)? go(?: of)?': 'releases, closes',
  'culprits?': 'poison message',
  'doors?': 'listener',
  'receipts?': 'pending acknowledgement',
  'owe[sd]?|owing': 'is pending',
  'pay|pays|paid|unpaid': 'done',
  'judge[sd]?|judging|judg(?:e)?ments?': 'assess the quality',
  'doubt(?:s|ed|ful)?': 'uncertain',
  'tell(?:s|ing)?|told|untold': 'report, log',
  'strangers?': 'orphan, client without a user',
  arena: 'buffer pool',
  'servants?': 'time service',
  farewell: 'close timeout',
  patience: 'timeout',
  'what waits|that waits for whom|who waits': 'queued messages',
  'who comes?|who came': 'a client that connects',
  '(?:is|are|be|was) had': 'exists',
  hurry: 'flush soon',
  'relaxed|unpromised': 'deferred, best-effort',
  'lanes?': 'queue of an uplink',
  'outlets?': 'channel publisher',
  'shapers?': 'transform',
  'sheets?': 'chunk, page',
  'courses?': 'series',
  'look ms': 'poll interval',
  'examinations?|patients?': 'check',
  'suspicions?|suspects?': 'needs check',
  'former queues?|former rows?': 'legacy queue',
  'drop useless': 'remove orphans',
  notices: 'throttled log',
  'read straight': 'direct read',
  'he|him|himself|his|she|her': 'the client, the user',
  'lumber|kitchen sink': 'utils',
  'src/(?:sensing|acting|measuring|appliance|rooms|ground)': 'the folder of today',
  'look(?:s|ed|ing)? at': 'check, read, sample',
  'hears?|heard': 'receive, know',
  '(?:stands?|stood|standing)(?! (?:still|for|out))': 'is',
  'somebody|nobody|whoever|everybody|anybody': 'a client, no client, every client',
  'all the same|(?:goes|gone|went) wrong': 'nevertheless, failed',
  'of (?:its|their) own': 'its own, another',
  '(?:takes?|took|taken|taking) (?:up|in)': 'load, accept',
  '(?:goes|gone|went|going) (?:on|by)': 'continues, has passed',
  'grows? old|by which time': 'expires, the clock for expiry',
  'poses? as': 'uses the name of',
  'spread(?:s|ing)?': 'deliver',
  'settle[sd]?|settling': 'done, flush',
  'mend(?:s|ed|ing)?': 'repair',
  'extents?': 'series, part',
  'medium that lies|night shift': 'a disk that reports unwritten data as written',
};

/** Names that only this project used, as they are written in the code, and what the thing is called instead. */
const OLD_NAMES: Readonly<Record<string, string>> = {
  'Turns?': 'Mutex, KeyedMutex',
  'turns(?=\\??:)': 'mutexes',
  atOnce: 'noLock',
  Placed: 'ValidElement',
  Way: 'CurrentRouting',
  letGo: 'resumeReading',
  readOn: 'readBuffered',
  StateKeeper: 'StateStore',
  namesSecret: 'isSecretKey',
};

/** What is right in its plain meaning: its place, the text and the reason. */
const ALLOWED: readonly { readonly in: RegExp; readonly text: RegExp; readonly why: string }[] = [
  {
    in: /^(?:README\.md|docs\/config\.md|src\/cli\/.*|src\/config\/schema\/sensors\.ts)$/,
    text: /door\/closed|name: door, driver/g,
    why: 'the example: a sensor on the door of a robot cell',
  },
  {
    in: /^(?:drivers\/simulated\.ts|docs\/config\.md|docs\/drivers\/simulated\.md)$/,
    text: /\bdoor\b|\bdoorOpening\b/g,
    why: 'the simulated door of a robot cell',
  },
  {
    in: /^docs\/clients\.md$/,
    text: /mosquitto_loop_forever/g,
    why: 'a function of libmosquitto',
  },
  { in: /^README\.md$/, text: /paid licence/g, why: 'a licence that costs money' },
  { in: /^docs\/performance\.md$/, text: /MALLOC_ARENA_MAX/g, why: 'a variable of glibc' },
  {
    in: /^(?:drivers|docs\/drivers)\/(?:adxl345|ds18b20)\.(?:ts|md)$/,
    text: /\/data-sheets\//g,
    why: 'a part of the address of a datasheet',
  },
  {
    in: /^src\/store\/recovery\/repair\.ts$/,
    text: /\$\{file\}\.suspect/g,
    why: 'the name of a file on disk, which earlier versions use too',
  },
];

const FOLDERS = ['src', 'drivers', 'docs'];
const FILES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md'];

const files = [
  ...FILES,
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(REPOSITORY, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name}`)
      .filter((name) => /\.(?:ts|md|html|css|svg|1)$/.test(name))
      .filter((name) => statSync(join(REPOSITORY, name)).isFile()),
  ),
];

/** The words of a line, also those inside a name: `lookMs`, `LOOK_MS` and `look-ms.ts` have "look ms". */
function wordsOf(line: string): string {
  return line
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .replaceAll(/[_-]/g, ' ')
    .toLowerCase();
}

function wholeWord(words: string): RegExp {
  return new RegExp(String.raw`\b(?:${words})(?!\w)`);
}

/** Each line of all files, without what is allowed in its file. */
const lines = files.flatMap((file) => {
  const allowed = ALLOWED.filter((one) => one.in.test(file));
  return readFileSync(join(REPOSITORY, file), 'utf8')
    .split('\n')
    .map((line, index) => ({
      at: `${file}:${index + 1}`,
      line: allowed.reduce((rest, { text }) => rest.replaceAll(text, ''), line).trim(),
    }));
});

test('there are files to search', () => {
  expect(files.length).toBeGreaterThan(250);
});

test.each([
  ['arena', 'const arena = 1;'],
  ['arena', '// The arena of this thread.'],
  ['arena', 'inArena(chunk)'],
  ['arena', 'const ARENA_BYTES = 1;'],
  ['look ms', 'const LOOK_MS = 20;'],
  ['look ms', 'parts.lookMs'],
  ['read straight', "from './read-straight.ts'"],
])('finds "%s" in "%s"', (word, line) => {
  expect(wordsOf(line)).toMatch(wholeWord(word));
});

test('finds no word inside another', () => {
  expect(wordsOf('indoors, an outdoor sensor')).not.toMatch(wholeWord('doors?'));
});

test.each(Object.entries(OLD_WORDS))('no "%s": the word is "%s"', (old) => {
  const pattern = wholeWord(old);
  expect(lines.filter(({ line }) => pattern.test(wordsOf(line)))).toEqual([]);
});

test.each(Object.entries(OLD_NAMES))('nothing is named "%s": the name is "%s"', (old) => {
  const pattern = wholeWord(old);
  expect(lines.filter(({ line }) => pattern.test(line))).toEqual([]);
});

test('every allowed place is still there', () => {
  for (const { in: place, text } of ALLOWED) {
    const used = files
      .filter((file) => place.test(file))
      .some((file) => readFileSync(join(REPOSITORY, file), 'utf8').search(text) >= 0);
    expect(used, String(text)).toBe(true);
  }
});
