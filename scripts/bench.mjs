/**
 * `npm run bench`: the gateway beside Mosquitto on this machine, interleaved, each alone on loopback.
 * Options: --workload NAME … , --repeats N, --against KIND (repeatable), --before FOLDER, --defaults, --quick, --write.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { addCheckout, Broker, kinds, mosquittoVersion } from './bench/brokers.mjs';
import { header, markdown, picture } from './bench/report.mjs';
import { watchSteal } from './bench/steal.mjs';
import { FULL, QUICK, workloadsOf } from './bench/workloads.mjs';
import { argumentsOf, build, ROOT } from './set-up.mjs';

const { values: options, positionals } = argumentsOf({
  // More names of workloads.
  allowPositionals: true,
  options: {
    workload: { type: 'string', multiple: true },
    repeats: { type: 'string', default: '5' },
    against: { type: 'string', multiple: true },
    before: { type: 'string' },
    defaults: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const workloads = workloadsOf(options.quick ? QUICK : FULL);

if (options.help) {
  console.log(`npm run bench -- [--workload NAME …] [--repeats 5] [--against KIND …] [--before FOLDER] [--defaults] [--quick] [--write]

  --workload  one of ${Object.keys(workloads)
    .filter((one) => !one.startsWith('flow-'))
    .join(', ')}
              or flow, or one of its cells, such as flow-qos1-w100-clean-10to10
  --against   one of ${Object.keys(kinds).slice(1).join(', ')}, none
  --before    another checkout of the gateway, built: measured in the same run, and compared with
  --defaults  every broker with the limits that it has by default
  --quick     one short repeat of each: that all complete and lose nothing
  --write     puts the table and the picture under docs/benchmarks/`);
  process.exit(0);
}

const all = Object.keys(workloads);
const asked = options.workload && [...options.workload, ...positionals];
if (!asked && positionals.length > 0) {
  console.error(`What is ${positionals[0]}? Names of workloads come after --workload.`);
  process.exit(2);
}
/** `flow` stands for all of its cells, which are measured only when they are asked for. */
const names =
  asked?.flatMap((name) =>
    name === 'flow' ? all.filter((one) => one.startsWith('flow-')) : [name],
  ) ?? all.filter((one) => !one.startsWith('flow-'));
for (const name of names) {
  if (!workloads[name]) {
    console.error(`There is no workload ${name}: ${Object.keys(workloads).join(', ')}`);
    process.exit(2);
  }
}
const installed = mosquittoVersion();
if (!installed) console.error('Mosquitto is not installed: only the gateway is measured.');
const against = installed
  ? (options.against ?? ['mosquitto']).filter((kind) => kind !== 'none')
  : [];
const repeats = options.quick ? 1 : Number(options.repeats);

if (options.before && !addCheckout(resolve(options.before))) {
  console.error(`${options.before} is not a built checkout: run npm run build in it first.`);
  process.exit(2);
}
build();
const results = {};
let lost = 0;
for (const name of names) {
  const workload = workloads[name];
  const others = workload.theirs && against.length > 0 ? [workload.theirs] : against;
  const before = options.before ? ['before'] : [];
  const compared = [
    'cellgate',
    ...before,
    ...others.filter((kind) => workload.only?.includes(kind) ?? true),
  ];
  results[name] = Object.fromEntries(compared.map((kind) => [kind, []]));
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const kind of compared) {
      const defaults = options.defaults || workload.defaults;
      const broker = await Broker.start(kind, undefined, { ...workload, defaults });
      try {
        const steal = watchSteal();
        const figures = await workload.run(broker, kind);
        figures.stolen = steal();
        results[name][kind].push(figures);
        if (kind === 'cellgate') lost += Math.max(0, figures.lost);
        const shown = Object.entries(figures).map(([key, value]) => `${key} ${round(value)}`);
        console.log(`${name} ${kind} ${repeat + 1}/${repeats}: ${shown.join(', ')}`);
      } catch (error) {
        console.log(`${name} ${kind} ${repeat + 1}/${repeats}: failed: ${error.message}`);
        if (kind === 'cellgate') lost++;
      } finally {
        await broker.stop();
      }
    }
  }
}

const runs = Object.values(results).flatMap((compared) => Object.values(compared).flat());
const head = header({
  repeats,
  mosquitto: installed,
  stolen: runs.map(({ stolen }) => stolen),
});
const table = markdown(results, workloads, options.before ? 'before' : undefined);
console.log(`\n${head}\n${table}`);
if (options.write) {
  const folder = join(ROOT, 'docs/benchmarks');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'README.md'), `# Benchmarks\n\n${head}\n${table}`);
  writeFileSync(join(folder, 'benchmarks.svg'), picture(results, workloads));
}
if (lost > 0) {
  console.error(`The gateway lost messages or did not complete a workload (${lost}).`);
  process.exitCode = 1;
}

function round(value) {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
}
