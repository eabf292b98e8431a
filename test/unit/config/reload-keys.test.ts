import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needsRestart } from '../../../src/config/difference.ts';
import type { Config } from '../../../src/config/schema/schema.ts';
import { REPOSITORY } from '../../support/gateway.ts';

/** Keys that `applyConfig` of a part, or `Reload`, applies while the gateway runs. */
const APPLIED = [
  ...['payload', 'sensors', 'outputs', 'uplinks', 'log.level', 'store.readingsWithin'],
  ...['store.history', 'homeAssistant.prefix'],
  ...['names.enterprise', 'names.site', 'names.area', 'names.line'],
  ...['broker.listeners', 'broker.access', 'broker.limits'],
];

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** The first two levels of keys, e.g. `store.readingsWithin`. */
function keys(): string[] {
  const file = join(REPOSITORY, 'config/cellgate.schema.json');
  const { properties = {} } = JSON.parse(readFileSync(file, 'utf8')) as Schema;
  return Object.entries(properties).flatMap(([name, { properties: inner }]) =>
    inner ? Object.keys(inner).map((key) => `${name}.${key}`) : [name],
  );
}

/** Two configs that differ only in this key. */
function restartFor(key: string): string | undefined {
  const [first = '', second] = key.split('.');
  const sections = { log: {}, store: {}, broker: {}, uplinks: [] };
  const of = (value: unknown) => ({ ...sections, [first]: second ? { [second]: value } : value });
  return needsRestart(of(1) as unknown as Config, of(2) as unknown as Config);
}

test('a reload either applies a key or says that it needs a restart', () => {
  const unknown = keys().filter((key) => !APPLIED.includes(key) && !restartFor(key));
  expect(unknown, 'apply it and add it to APPLIED, or to needsRestart').toEqual([]);
});

test('no key is both', () => {
  const both = APPLIED.filter((key) => key !== 'uplinks' && restartFor(key));
  expect(both).toEqual([]);
});
