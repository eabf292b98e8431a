/** Medians, ratios and spread as a Markdown table and an SVG picture. */
import { cpus, release, totalmem } from 'node:os';

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const pick = (runs, key) => runs.map((run) => run[key]).filter((value) => Number.isFinite(value));

/** `stolen` is the share of the processors' time that the host took in each repeat. */
export function header({ repeats, mosquitto, stolen }) {
  const [cpu] = cpus();
  return [
    `Measured ${new Date().toISOString().slice(0, 10)} on ${cpus().length} × ${cpu.model.trim()},`,
    `${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release().split('-')[0]}, Node ${process.version}, Mosquitto ${mosquitto ?? 'not installed'};`,
    `medians of ${repeats} interleaved repeats, each broker alone on loopback, the load generator on the same machine.`,
    `The host of this virtual machine took ${percent(median(stolen))} of its processors in the median repeat, ${percent(Math.max(...stolen))} in the worst.`,
    'Both brokers may have 1,000 messages in flight to a client; payloads are 128 bytes unless said otherwise.',
    '`mosquitto-stored` saves its queues to a file when it ends; without that it would start with empty queues.',
    '',
  ].join('\n');
}

const percent = (share) => `${(share * 100).toFixed(0)} %`;

const FORMATS = {
  perSecond: (value) =>
    value < 1000 ? `${value.toFixed(0)}/s` : `${(value / 1000).toFixed(1)}k/s`,
  ms: (value) => `${value.toFixed(0)} ms`,
  p99: (value) => `p99 ${value.toFixed(2)} ms`,
  rss: (value) => `${(value / 2 ** 20).toFixed(0)} MiB`,
  bytesPerMessage: (value) => `${value.toFixed(0)} B written`,
  share: percent,
  coreShare: (value) => `${(value * 100).toFixed(1)} % of a core`,
};

function cell(runs, of) {
  const values = pick(runs, of);
  if (values.length === 0) return 'failed';
  const spread =
    values.length > 1
      ? ` (${FORMATS[of](Math.min(...values))} – ${FORMATS[of](Math.max(...values))})`
      : '';
  return FORMATS[of](median(values)) + spread;
}

function ratio(results, { of, theirs = 'mosquitto' }, against = theirs) {
  const ours = pick(results.cellgate, of);
  const compared = pick(results[against] ?? [], of);
  if (ours.length === 0 || compared.length === 0 || median(compared) === 0) return undefined;
  return median(ours) / median(compared);
}

/** The ratio is to Mosquitto, or to the kind `against`. */
export function markdown(results, workloads, against) {
  const kinds = [...new Set(Object.values(results).flatMap((result) => Object.keys(result)))];
  const lines = [
    `| workload | ${kinds.join(' | ')} | ratio | CPU µs a message | reads and writes a message | memory |`,
    `|---|${kinds.map(() => '---').join('|')}|---|---|---|---|`,
  ];
  for (const [name, result] of Object.entries(results)) {
    const { of } = workloads[name];
    const both = ratio(result, workloads[name], against);
    const extra = (key, format) =>
      kinds
        .map((kind) => pick(result[kind] ?? [], key))
        .map((values) => (values.length ? format(median(values)) : '–'))
        .join(' / ');
    lines.push(
      `| ${name} | ${kinds.map((kind) => (result[kind] ? cell(result[kind], of) : '–')).join(' | ')} | ` +
        `${both === undefined ? '–' : `${both.toFixed(2)}×`} | ${extra('cpuMicros', (value) => value.toFixed(1))} | ` +
        `${extra('calls', (value) => value.toFixed(2))} | ` +
        `${extra('rss', FORMATS.rss)} |`,
    );
  }
  const more = [...additions(results, workloads), ...aimsOf(results, workloads)];
  return `${[...lines, ...more].join('\n')}\n`;
}

/** What some workloads measure beside that by which they are compared, a line each. */
function additions(results, workloads) {
  const lines = Object.entries(results).flatMap(([name, result]) =>
    Object.entries(workloads[name].also ?? {}).flatMap(([key, words]) => {
      const format = key === 'moreThanEmpty' ? FORMATS.ms : FORMATS.rss;
      const medians = Object.entries(result)
        .map(([kind, runs]) => [kind, pick(runs, key)])
        .filter(([, values]) => values.length > 0)
        .map(([kind, values]) => `${kind} ${format(median(values))}`);
      return medians.length > 0 ? [`- ${name}, ${words}: ${medians.join(', ')}`] : [];
    }),
  );
  return lines.length > 0 ? ['', ...lines] : [];
}

/** Each aim, and whether it is reached, a line each. */
function aimsOf(results, workloads) {
  const lines = Object.entries(results).flatMap(([name, result]) => {
    const { aims = [], theirs = 'mosquitto' } = workloads[name];
    return aims.flatMap(({ of, least, most, isRatio }) => {
      const ours = pick(result.cellgate, of);
      const compared = isRatio ? pick(result[theirs] ?? [], of) : [1];
      if (ours.length === 0 || compared.length === 0) return [];
      const value = median(ours) / median(compared);
      const isReached = least === undefined ? value <= most : value >= least;
      const text = (figure) => (isRatio ? `${figure.toFixed(2)}×` : textOf(of, figure));
      const bound = least === undefined ? `at most ${text(most)}` : `at least ${text(least)}`;
      return [`| ${name} | ${of} | ${text(value)} | ${bound} | ${isReached ? 'yes' : '**no**'} |`];
    });
  });
  if (lines.length === 0) return [];
  return ['', '| workload | figure | is | aim | reached |', '|---|---|---|---|---|', ...lines];
}

function textOf(key, value) {
  if (['rss', 'anonymous', 'later', 'more'].includes(key)) return `${(value / 1e6).toFixed(1)} MB`;
  return key === 'moreThanEmpty' ? FORMATS.ms(value) : FORMATS[key](value);
}

/** How many times better than Mosquitto, a bar a workload, on a logarithmic axis. */
export function picture(results, workloads) {
  const rows = Object.entries(results)
    .map(([name, result]) => {
      const both = ratio(result, workloads[name]);
      if (!both) return undefined;
      return { name, times: workloads[name].better === 'higher' ? both : 1 / both };
    })
    .filter(Boolean);
  const height = rows.length * 26 + 40;
  const x = (times) => 230 + Math.max(-1, Math.min(1.4, Math.log10(times))) * 150 + 150;
  const bars = rows.map(({ name, times }, i) => {
    const [from, to] = [x(1), x(times)].sort((a, b) => a - b);
    const y = 30 + i * 26;
    return (
      `<text x="220" y="${y + 13}" text-anchor="end">${name}</text>` +
      `<rect x="${from}" y="${y}" width="${Math.max(1, to - from)}" height="18" fill="${times >= 1 ? '#2a7' : '#c54'}"/>` +
      `<text x="${to + 6}" y="${y + 13}">${times.toFixed(1)}×</text>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 ${height}" font-family="sans-serif" font-size="12" fill="#567" role="img" aria-label="How many times better than Mosquitto">
<text x="${x(1)}" y="18" text-anchor="middle">1× (Mosquitto)</text><line x1="${x(1)}" y1="24" x2="${x(1)}" y2="${height}" stroke="#567"/>
${bars.join('\n')}
</svg>
`;
}
