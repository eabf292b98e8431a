import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { jsonSchema } from '../../src/config/json-schema.ts';
import { loadConfig } from '../../src/config/load.ts';
import { routeSchema } from '../../src/config/schema/uplink-routes.ts';
import { drivers } from '../../src/driver-table.ts';
import { Routes } from '../../src/uplink/routes.ts';
import { fakeDrivers } from '../support/fake-drivers.ts';
import { REPOSITORY } from '../support/gateway.ts';

interface JsonRoute {
  readonly if: unknown;
  readonly then: { readonly properties: { readonly qos: { readonly enum: readonly number[] } } };
}

const folder = mkdtempSync(join(tmpdir(), 'cellgate-in-routes-'));
afterAll(() => rmSync(folder, { recursive: true }));

const files = ['README.md', 'docs', 'config'].flatMap((place) =>
  /\./.test(place)
    ? [place]
    : readdirSync(join(REPOSITORY, place), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(md|ya?ml)$/.test(name))
        .map((name) => join(place, name)),
);

/** Every route with `in` that the documentation and the configs show, with the file that shows it. */
const examples = files.flatMap((file) =>
  [...readFileSync(join(REPOSITORY, file), 'utf8').matchAll(/\{ in: (?:'[^']*'|[^}'])*\}/g)].map(
    ([route]): [string, string] => [file, route],
  ),
);

/** Names in braces, as docs/plant-names.md has them. */
const NAMES = { enterprise: 'acme', site: 'ulm', area: 'body-shop', line: 'line4' };
const CELL = 'robotcell1';
const filled = (text: string): string =>
  Object.entries({ ...NAMES, cell: CELL }).reduce(
    (all, [name, value]) => all.replaceAll(`{${name}}`, value),
    text,
  );

test('examples are found', () => expect(examples.length).toBeGreaterThan(2));

describe.each(examples)('%s: %s', (_file, text) => {
  const route = parse(text) as { in: string; strip?: string; to?: string };
  const local = filled(`${route.to ?? ''}${route.in.slice((route.strip ?? '').length)}`);
  const [cell, ...levels] = local.replaceAll('+', 'lamp').split('/');

  test('reaches an output, from the topic at the plant that the out routes show', async () => {
    expect(levels.at(-1)).toBe('set');
    const name = levels.slice(0, -1).join('/');
    writeFileSync(
      join(folder, 'config.yaml'),
      stringify({
        cell,
        names: NAMES,
        outputs: [{ name, driver: 'digital-output', line: 'DO0' }],
        uplinks: [
          {
            name: 'plant',
            url: 'mqtt://plant.example',
            routes: [{ out: '#', to: route.strip ?? 'other/' }, route],
          },
        ],
      }),
    );
    const { config, problems, warnings } = await loadConfig('config.yaml', fakeDrivers, folder);
    expect([problems, warnings]).toEqual([[], []]);
    const routes = new Routes({ out: [], in: config?.uplinks[0]?.in ?? [], own: [] });
    const remote = `${filled(route.strip ?? '')}${cell}/${name}/set`;
    expect(routes.in(remote)?.local).toBe(`${cell}/${name}/set`);
  });
});

test('the reference and the schema for editors offer an in route no QoS that it refuses', () => {
  const page = readFileSync(join(REPOSITORY, 'docs/config.md'), 'utf8');
  expect(page).toContain('| `qos` | `0`, `1`, `2`; with `in`: `0`, `1` | `1` |');
  const { if: condition, then } = Object(jsonSchema(drivers).definitions).route as JsonRoute;
  expect([condition, then.properties.qos.enum]).toEqual([{ required: ['in'] }, [0, 1]]);
  const taken = [0, 1, 2].filter((qos) => routeSchema.safeParse({ in: 'a/#', qos }).success);
  expect(taken).toEqual(then.properties.qos.enum);
});
