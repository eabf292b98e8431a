import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Bundle, SupportBundle } from '../../../src/runtime/support-bundle.ts';
import { waitFor } from '../../support/wait-for.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'unit-'));
  // The folder for temporary files of this test alone.
  vi.stubEnv('TMPDIR', folder);
  expect(tmpdir()).toBe(folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const left = (): string[] => readdirSync(folder).filter((name) => name.startsWith('cellgate-'));

/** A script in place of the command line; it gets `support FILE --config FILE`. */
const bundleOf = (script: string, parts: { timeoutMs?: number; mostBytes?: number } = {}) =>
  new SupportBundle({
    config: '/etc/cell.yaml',
    command: ['/bin/sh', '-c', script, 'sh'],
    ...parts,
  });

test('the program gets the config; its file is streamed and then deleted', async () => {
  const bundle = bundleOf('echo "$1 $3 $4" > "$2"');
  const { bytes, stream } = (await bundle.create()) as Bundle;
  const content = await text(stream);
  expect(content).toBe('support --config /etc/cell.yaml\n');
  expect(bytes).toBe(content.length);
  await waitFor(() => expect(left()).toEqual([]));
});

test('a stream that is not read to its end is deleted too', async () => {
  const bundle = bundleOf('head -c 1000000 /dev/zero > "$2"');
  const { stream } = (await bundle.create()) as Bundle;
  stream.destroy();
  await waitFor(() => expect(left()).toEqual([]));
});

test.each([
  ['fails', 'echo "cellgate: no space left" >&2; exit 1', {}, /made: cellgate: no space left$/],
  ['writes nothing', '', {}, /could not be made/],
  ['takes too long', 'exec sleep 60', { timeoutMs: 100 }, /more than 0.1 s$/],
  ['writes too much', 'echo 123 > "$2"', { mostBytes: 2 }, /more than 2 bytes/],
])('a program that %s is a sentence, and nothing is left', async (_how, script, parts, said) => {
  expect(await bundleOf(script, parts).create()).toMatch(said);
  expect(left()).toEqual([]);
});

test('one at a time, and the next one after it; the end of the gateway ends the program', async () => {
  const mark = join(folder, 'started');
  const bundle = bundleOf(`touch ${mark}; exec sleep 60`);
  const first = bundle.create();
  expect(await bundle.create()).toMatch(/at this moment/);
  await waitFor(() => readFileSync(mark));
  bundle.stop();
  expect(await first).toMatch(/could not be made/);
  expect(left()).toEqual([]);
});
