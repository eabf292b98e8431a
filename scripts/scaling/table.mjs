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
 * The growth from the first size to the last as a power of the size: 0 is constant, 1 linear, 2 quadratic. A fixed cost
 * makes it smaller.
 */
function growthOf(sizes, figures) {
  const [first, last] = [figures[0], figures.at(-1)];
  if (typeof first !== 'number' || typeof last !== 'number' || first <= 0 || last <= 0) return '–';
  return (Math.log(last / first) / Math.log(sizes.at(-1) / sizes[0])).toFixed(2);
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

/** The page with the lines that were measured in place of those with the same title. */
export function withTable(page, rows) {
  const [head, rest] = page.split(BEGIN);
  const [old, tail] = rest.split(END);
  const titles = rows.map(({ title }) => `| ${title} |`);
  const kept = old
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| what |'))
    .filter((line) => !line.startsWith('| --- |'))
    .filter((line) => !titles.some((title) => line.startsWith(title)));
  const [first, second, ...lines] = tableOf(rows).split('\n');
  const table = [first, second, ...kept, ...lines].join('\n');
  return `${head}${BEGIN}\n\n${table}\n\n${END}${tail}`;
}
