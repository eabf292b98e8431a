/**
 * `node scripts/scaling.mjs`: what a cost is at several sizes, and how it grows from one to the next, beside Mosquitto
 * where it has the same. Writes the table of docs/scaling.md with --write.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mosquittoVersion } from './bench/brokers.mjs';
import { configCases } from './scaling/configs.mjs';
import { connectCases } from './scaling/connects.mjs';
import { Target } from './scaling/gateway.mjs';
import { memoryCases } from './scaling/memory.mjs';
import { plantCases } from './scaling/plant.mjs';
import { queueCases } from './scaling/queues.mjs';
import { retainedCases } from './scaling/retained.mjs';
import { subscriptionCases } from './scaling/subscriptions.mjs';
import { tableOf, withTable } from './scaling/table.mjs';
import { turnCases } from './scaling/turns.mjs';
import { argumentsOf, build, cliOf, ROOT } from './set-up.mjs';

const CASES = {
  ...{ ...turnCases, ...configCases, ...connectCases, ...subscriptionCases },
  ...{ ...queueCases, ...memoryCases, ...retainedCases, ...plantCases },
};

const { values: options } = argumentsOf({
  options: {
    case: { type: 'string', multiple: true },
    before: { type: 'string' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (options.help) {
  const list = Object.entries(CASES).map(
    ([name, { title, takes }]) => `  ${name.padEnd(22)} ${takes.padStart(5)}  ${title}`,
  );
  console.log(`node scripts/scaling.mjs [--case NAME …] [--before FOLDER] [--quick] [--write]

  --case    one of those below; all by default
  --before  another checkout of the gateway, built: measured in the same run
  --quick   small sizes: that all complete
  --write   puts the table into docs/scaling.md, with the rows that were measured

Cases, with the time that each takes for one gateway on two idle cores:
${list.join('\n')}`);
  process.exit(0);
}

const names = options.case ?? Object.keys(CASES);
const unknown = names.find((name) => !CASES[name]);
if (unknown !== undefined) {
  console.error(`There is no case ${unknown}: ${Object.keys(CASES).join(', ')}`);
  process.exit(2);
}
const before = options.before && resolve(options.before);
if (before && !existsSync(cliOf(before))) {
  console.error(`${before} is not a built checkout: run npm run build in it first.`);
  process.exit(2);
}
build();
const hasMosquitto = mosquittoVersion() !== undefined;
if (!hasMosquitto) console.error('Mosquitto is not installed: only the gateway is measured.');

const rows = [];
let failed = false;
for (const name of names) {
  const one = CASES[name];
  const kinds = [
    ...(before ? ['before'] : []),
    'cellgate',
    ...(one.mosquitto && hasMosquitto ? ['mosquitto'] : []),
  ];
  const results = Object.fromEntries(kinds.map((kind) => [kind, []]));
  const sizes = options.quick ? one.small : one.sizes;
  for (const size of sizes) {
    for (const kind of kinds) {
      const figure = await measured(one, kind, size);
      results[kind].push(figure);
      console.log(
        `${name} ${kind} ${size}: ${typeof figure === 'number' ? figure.toFixed(2) : figure} ${one.unit}`,
      );
    }
  }
  rows.push({ name, ...one, sizes, results });
}
console.log(`\n${tableOf(rows)}`);
if (options.write) {
  const file = join(ROOT, 'docs/scaling.md');
  const titles = Object.values(CASES).map(({ title }) => title);
  writeFileSync(file, withTable(readFileSync(file, 'utf8'), rows, titles));
  spawnSync('npx', ['biome', 'check', '--write', file], { cwd: ROOT });
}
process.exit(failed ? 1 : 0);

/** The figure of one gateway, or what it has failed with. */
async function measured(one, kind, size) {
  let target;
  try {
    target = await Target.start(kind, {
      before,
      config: one.config?.(size, kind) ?? {},
      turns: one.turns,
    });
    return await one.run(target, size);
  } catch (error) {
    if (kind === 'cellgate') failed = true;
    return `failed: ${error.message.split('\n')[0]}`;
  } finally {
    await target?.dispose();
  }
}
