import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../support/gateway.ts';

const read = (file: string): string => readFileSync(join(REPOSITORY, file), 'utf8');
const pages = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(REPOSITORY, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

test.each(pages)('every path and link of %s leads somewhere', (page) => {
  const text = read(page);
  const named = [...text.matchAll(/`((?:src|drivers|test|docs|config|scripts)(?:\/[\w./-]*)?)`/g)]
    .map(([, path = '']) => join(REPOSITORY, path))
    .concat(
      [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link = '']) =>
        resolve(REPOSITORY, dirname(page), link),
      ),
    );
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
});

test('the architecture is on one page, and names paths', () => {
  const text = read('docs/architecture.md');
  expect(text.split('\n').length).toBeLessThan(110);
  expect(text.match(/`src\/[\w./-]+`/g)?.length).toBeGreaterThan(40);
});

test('docs/dependencies.md has every dependency in its version', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >;
  const page = read('docs/dependencies.md');
  const wanted = Object.entries({ ...dependencies, ...devDependencies })
    .filter(([name]) => !name.startsWith('@types/'))
    .map(([name, version]) => `\`${name}\` ${version}`);
  expect([...page.matchAll(/^\| (`[^`]+` [\d.]+) *\|/gm)].map(([, row]) => row).sort()).toEqual(
    wanted.sort(),
  );
});

test('the changelog has this version', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(read('CHANGELOG.md')).toContain(`## ${version}\n`);
});
