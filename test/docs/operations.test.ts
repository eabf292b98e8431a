import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../support/gateway.ts';

const read = (file: string): string => readFileSync(join(REPOSITORY, file), 'utf8');
const filesOf = (folder: string): string[] =>
  readdirSync(join(REPOSITORY, folder)).map((name) => `${folder}/${name}`);

const LITERAL = String.raw`(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|${'`'}((?:[^${'`'}\\]|\\.)*)${'`'})`;
/** Where a reason or a trouble is said. */
const SAID = [
  String.raw`\bnew (?:Bus|SettingsLost)?Error\(\s*(?:(?:'[a-z]+'|fault),\s*|(?:\w+ |deadLine\(\w+\) )\?\? )?`,
  String.raw`\breason: (?:reason \?\? )?`,
  String.raw`\b(?:bad|goSafe|makeSafe|giveUp|waiting)\((?:reason \?\? |undefined, )?\s*`,
  String.raw`\buncertain\(\w+, `,
  String.raw`\breport\(\s*'[a-z]+',\s*(?:[^;${'`'}]*?&&\s*)?`,
  '#trouble = ',
  'const (?:CLOCK_NOT_SET|CORRECTED|offline) = ',
  String.raw`\.to\('proving', `,
  String.raw`\b(?:connack|disconnect): `,
  String.raw`\w+: (?='the limit )`,
  String.raw`\b(?:STALLED|LATE|GROWING|NO_QOS_2) =\s*`,
  String.raw`isWaiting \? `,
  String.raw`return (?:(?:this\.#)?failure \?\? )?`,
];

/** Every literal after the words, or every one where there are none. */
function literals(text: string, before?: string): string[] {
  const code = text
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/^\s*\/\/.*$/gm, '')
    .replaceAll(/^import .*$/gm, '')
    .replaceAll(/\blog\.\w+\([\s\S]*?\);/g, '');
  const found = code.matchAll(new RegExp(`${before ?? ''}${LITERAL}`, 'g'));
  return [...found].map(([, one, two, three]) => one ?? two ?? three ?? '');
}

/** The parts of a sentence that always stand in it. */
const fixed = (sentence: string): string[] =>
  sentence
    .replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, '…')
    .split('…')
    .map((part) => part.replaceAll("\\'", "'").trim())
    .filter((part) => part !== '');
const isSentence = (text: string): boolean =>
  fixed(text)
    .join(' ')
    .split(/\s+/)
    .filter((word) => /[a-zA-Z]{2}/.test(word)).length >= 3;

/** Parts of sentences, and what only the log or `probe` says. */
const NOT_TOLD = [
  'there is no uplink',
  'the disk did not take the last commit',
  'line was still exported',
  'GPIO backend chosen',
  'in config.txt does',
  "the board's chip",
  'no chip at all',
  'write it as GPIO17 or gpiochip0:17',
  'a BMP280, which has no humidity',
  'is no time',
  'over in time',
  'more lines)',
  '; the connection was lost at ',
  'moves to the refused messages: ',
  'message on ${shownTopic',
];

const WHOLE = [
  'src/uplink/failures.ts',
  'src/uplink/secret.ts',
  'src/sensors/time-limited.ts',
  'src/driver-kit/pins.ts',
  'src/driver-kit/sensirion.ts',
  'src/driver-kit/vibration.ts',
  'src/driver-kit/analogue.ts',
  ...filesOf('src/buses').filter((file) =>
    /\/(?:i2c|i2c-transfer|i2c-mux|gpio(?!-simulated)[a-z-]*|buses|kernel-files|slow-files)\.ts$/.test(
      file,
    ),
  ),
];
const PARTLY = [
  'src/base/faults.ts',
  'src/broker/stats/limit-troubles.ts',
  'src/net/certificates.ts',
  'src/runtime/progress.ts',
  'src/driver-kit/reading.ts',
  'src/driver-kit/chip-state.ts',
  'src/driver-kit/power.ts',
  'src/driver-kit/kernel-device.ts',
  'src/driver-kit/signal.ts',
  'src/runtime/wall-clock.ts',
  'src/history/archive/archive.ts',
  'src/store/store.ts',
  'src/store/read-failures.ts',
  'src/store/write-trouble.ts',
  'src/store/recovery/loss.ts',
  'src/access/access.ts',
  'src/audit/audit-log.ts',
  'src/mqtt/reason-codes.ts',
  'src/uplink/uplink-connection.ts',
  'src/uplink/status-message.ts',
  'src/uplink/plant-client.ts',
  'src/uplink/plant-probes.ts',
  'src/uplink/line-check.ts',
  'src/uplink/plant-subscriptions.ts',
  'src/uplink/flow-watch.ts',
  'src/uplink/poison-message.ts',
  'src/uplink/refused-topics.ts',
  'src/uplink/topic-changes.ts',
  'src/uplink/state-tracker.ts',
  'src/uplink/other-gateways.ts',
  'src/uplink/stored-queues.ts',
  'src/uplink/uplink-queues.ts',
  'src/uplink/sparkplug/edge-session.ts',
  'src/outputs/output.ts',
  'src/outputs/driven-line.ts',
  'src/outputs/interlock.ts',
  'src/outputs/controller.ts',
  'src/runtime/power-fail.ts',
  'src/outputs/outputs.ts',
  'src/simulation/mark.ts',
  ...['channel-publisher', 'delays', 'sampler'].map((name) => `src/sensors/${name}.ts`),
  ...filesOf('drivers'),
];

const sentences = [
  ...WHOLE.flatMap((file) => literals(read(file))),
  ...PARTLY.flatMap((file) => SAID.flatMap((words) => literals(read(file), words))),
].filter((text) => isSentence(text) && !NOT_TOLD.some((one) => text.includes(one)));

const [, page = ''] = read('docs/operations.md').split('## Every trouble');
const rows = page.split('\n').filter((line) => line.startsWith('| `'));
const entries = rows.flatMap((row) =>
  [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, entry = '']) => entry),
);

/** Whether the parts stand in the entry in this order. */
function contains(entry: string, parts: readonly string[]): boolean {
  let at = 0;
  return parts.every((part) => {
    const found = entry.indexOf(part, at);
    at = found + part.length;
    return found >= 0;
  });
}

test('there are sentences to look for', () => {
  expect(sentences.length).toBeGreaterThan(120);
  expect(entries.length).toBeGreaterThan(100);
});

test('every trouble that the program can tell stands in docs/operations.md', () => {
  const missing = sentences.filter(
    (text) => !entries.some((entry) => contains(entry, fixed(text))),
  );
  expect([...new Set(missing)]).toEqual([]);
});

test('docs/operations.md tells of none that the program does not know', () => {
  const all = [...WHOLE, ...PARTLY, 'src/sensors/transforms.ts'].flatMap((file) =>
    literals(read(file)),
  );
  const unknown = entries.filter(
    (entry) =>
      !all.some(
        (text) => fixed(text).length > 0 && contains(text.replaceAll("\\'", "'"), fixed(entry)),
      ),
  );
  expect(unknown).toEqual([]);
});

test('every row says what it comes from and what to do', () => {
  for (const row of rows) expect(row.split(/(?<!\\) \| /).length, row).toBe(3);
});
