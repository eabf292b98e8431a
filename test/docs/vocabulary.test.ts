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
};

/** What may stand all the same: its place and the reason. */
const ALLOWED: readonly { readonly in: RegExp; readonly text: RegExp; readonly why: string }[] = [];

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

/** The words of a line, also those inside an identifier: `lookMs` and `LOOK_MS` are "look ms". */
function wordsOf(line: string): string {
  return line
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase();
}

test('there are files to search', () => {
  expect(files.length).toBeGreaterThan(250);
  expect(wordsOf('const LOOK_MS = lookMs;')).toBe('const look ms = look ms;');
});

test.each(Object.entries(OLD_WORDS))('no "%s": the word is "%s"', (old) => {
  const pattern = new RegExp(String.raw`(?<![\w-])(?:${old})(?![\w-])`);
  const found = files.flatMap((file) =>
    readFileSync(join(REPOSITORY, file), 'utf8')
      .split('\n')
      .map((line, index) => ({ at: `${file}:${index + 1}`, line: line.trim() }))
      .filter(({ line }) => pattern.test(wordsOf(line)))
      .filter(({ line }) => !ALLOWED.some((one) => one.in.test(file) && one.text.test(line))),
  );
  expect(found).toEqual([]);
});

test('every allowed place is still there', () => {
  for (const { in: place, text } of ALLOWED) {
    const used = files
      .filter((file) => place.test(file))
      .some((file) => text.test(readFileSync(join(REPOSITORY, file), 'utf8')));
    expect(used, String(text)).toBe(true);
  }
});
