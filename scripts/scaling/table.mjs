/** The table of docs/scaling.md. */

const BEGIN = '<!-- measured -->';
const END = '<!-- /measured -->';
const KINDS = { before: 'before', cellgate: 'gateway', mosquitto: 'Mosquitto' };

function shown(figure, unit) {
  if (typeof figure !== 'number') return figure;
  const digits = Math.abs(figure) >= 100 ? 0 : Math.abs(figure) >= 10 ? 1 : 2;
  return `${figure.toFixed(digits)} ${unit}`;
}

/**
 * The growth as a power of the size, where it is steepest between two sizes: 0 is constant, 1 linear, 2 quadratic. A fixed
 * cost makes it smaller.
 */
function growthOf(sizes, figures) {
  const steps = figures.slice(1).flatMap((figure, n) => {
    const before = figures[n];
    if (!(figure > 0 && before > 0)) return [];
    return Math.log(figure / before) / Math.log(sizes[n + 1] / sizes[n]);
  });
  return steps.length === 0 ? '–' : Math.max(...steps).toFixed(2);
}

function linesOf({ title, figure, unit, bound, sizes, results }) {
  return Object.entries(results).map(([kind, figures]) => {
    const costs = figures.map((one) => shown(one, unit)).join(' / ');
    const counts = sizes.map((size) => size.toLocaleString('en')).join(' / ');
    return `| ${title} | ${figure} | ${KINDS[kind]} | ${counts} | ${costs} | ${growthOf(sizes, figures)} | ${kind === 'mosquitto' ? '' : bound} |`;
  });
}

/** The table with a line for each case and kind. */
export function tableOf(rows) {
  return [
    '| what | cost | of | sizes | at these sizes | growth | bound |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows.flatMap(linesOf),
  ].join('\n');
}

/** The page with the lines that were measured in place of those with the same title; `titles` is the order of all lines. */
export function withTable(page, rows, titles) {
  const [head, rest] = page.split(BEGIN);
  const [old, tail] = rest.split(END);
  const isOf = (line, title) => line.startsWith(`| ${title} |`);
  const kept = old
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| what |'))
    .filter((line) => !line.startsWith('| --- |'))
    .filter((line) => !rows.some(({ title }) => isOf(line, title)));
  const [first, second, ...lines] = tableOf(rows).split('\n');
  const all = [...kept, ...lines];
  const placeOf = (line) => titles.findIndex((title) => isOf(line, title));
  all.sort((a, b) => placeOf(a) - placeOf(b));
  const table = [first, second, ...all].join('\n');
  return `${head}${BEGIN}\n\n${table}\n\n${END}${tail}`;
}
