import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { check } from '../../../src/cli/check.ts';
import { drivers } from '../../../src/driver-table.ts';
import { fakeIo } from '../../support/fake-io.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../golden/mistakes');
const SAYS = '--- check says\n';

/** A config with one mistake that people make, and what check says about it. */
interface Mistake {
  readonly name: string;
  readonly config: string;
  readonly said: string;
}

function mistakesOf(file: string): readonly Mistake[] {
  const [, ...parts] = readFileSync(path.join(FOLDER, file), 'utf8').split(/^=== /m);
  return parts.map((part) => {
    const name = part.slice(0, part.indexOf('\n'));
    const [config = '', said = ''] = part.slice(name.length + 1).split(SAYS);
    return { name, config, said };
  });
}

/** Lists of all keys or drivers are those of other tests: a new one changes nothing here. */
function withoutLists(text: string): string {
  return text.replaceAll(/(?<=[ :])([\w-]+), (?:[\w*-]+, ){4,}[\w*-]+ or [\w*-]+/g, '$1, …');
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'cellgate-mistakes-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function checked(config: string): Promise<string> {
  writeFileSync(path.join(folder, 'config.yaml'), config);
  const io = fakeIo({}, folder);
  const code = await check({ config: 'config.yaml' }, io, drivers);
  const said = io
    .out()
    .replaceAll(`${folder}/`, '/etc/cellgate/')
    .replaceAll(folder, '/etc/cellgate');
  const lines = said.match(/.*\n/g) ?? [];
  const problems = lines.filter((line) => !/^config\.yaml: fine|^Outputs, interlocks/.test(line));
  expect(code).toBe(lines.length === problems.length ? 1 : 0);
  return withoutLists(problems.join(''));
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));

describe.each(files)('a mistake with %s', (file) => {
  const mistakes = mistakesOf(file);

  it.each(mistakes)(
    '$name: has its line, what is wrong and what to write',
    async ({ config, said }) => {
      const now = await checked(config);
      for (const line of now.split('\n').slice(0, -1)) {
        expect(line).toMatch(
          /^config\.yaml:[1-9]\d*:[1-9]\d*: \S.*: \S.*(expected \S|did you mean \S)/,
        );
        expect(Number(line.split(':')[1])).toBeLessThanOrEqual(config.split('\n').length);
      }
      expect(now).not.toBe('');
      // The password in these configs.
      expect(now).not.toContain('geheim');
      if (process.env.UPDATE_GOLDEN === undefined) expect(now).toBe(said);
    },
  );

  if (process.env.UPDATE_GOLDEN !== undefined) {
    afterAll(async () => {
      let text = '';
      for (const { name, config } of mistakes) {
        text += `=== ${name}\n${config}${SAYS}${await checked(config)}`;
      }
      writeFileSync(path.join(FOLDER, file), text);
    });
  }
});

it('has at least eighty mistakes', () => {
  expect(files.flatMap(mistakesOf).length).toBeGreaterThanOrEqual(80);
});
