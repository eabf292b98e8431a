import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { check } from '../../../src/cli/check.ts';
import { fakeDrivers } from '../../support/fake-drivers.ts';
import { fakeIo } from '../../support/fake-io.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../golden/config');
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.slice(0, -'.yaml'.length));

describe('check says what is wrong with each config', () => {
  beforeAll(() => {
    // git keeps no more of a mode than whether the file can be executed.
    for (const name of ['gateway', 'other', 'passphrase']) {
      chmodSync(path.join(FOLDER, `tls/${name}.key`), 0o600);
    }
    chmodSync(path.join(FOLDER, 'tls/readable.key'), 0o644);
  });

  it.each(names)('%s', async (name) => {
    const io = fakeIo({}, FOLDER);
    const code = await check({ config: `${name}.yaml` }, io, fakeDrivers);
    const lines = io.out().match(/.*\n/g) ?? [];
    const isFine = lines.at(-1)?.startsWith(`${name}.yaml: fine, `) === true;
    expect(code).toBe(isFine ? 0 : 1);
    for (const line of lines.slice(0, isFine ? -1 : undefined)) {
      expect(line).toMatch(/^[\w-]+\.yaml:[1-9]\d*:[1-9]\d*: \S.*: \S.*\n$/);
    }
    const text = lines.join('').replaceAll(`${FOLDER}/`, '/etc/cellgate/');
    const golden = path.join(FOLDER, `${name}.txt`);
    if (process.env.UPDATE_GOLDEN) writeFileSync(golden, text);
    expect(text).not.toBe('');
    expect(existsSync(golden), `${golden} is missing: run with UPDATE_GOLDEN=1`).toBe(true);
    expect(text).toBe(readFileSync(golden, 'utf8'));
  });

  it('holds no golden file without its config', () => {
    const texts = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));
    expect(texts).toEqual(names.map((name) => `${name}.txt`));
  });
});
