import uPlot from 'uplot';
import { colour } from '../chart-options.ts';
import { onColourScheme } from '../colour-scheme.ts';
import { momentInFull } from '../translations.ts';
import { axisRange, type SignalColumns } from './signal-data.ts';

/** One line of the chart. */
export interface Signal {
  readonly columns: SignalColumns;
  /** Signals of one unit have one axis. */
  readonly unit: string;
  /** For a value that is on or off. */
  readonly steps: boolean;
  readonly limits: readonly number[];
  /** When an alarm of it became active, in seconds since the epoch. */
  readonly alarms: readonly number[];
  format(value: number): string;
}

export interface SignalChartEvents {
  /** The user has chosen this time with the pointer, in milliseconds since the epoch. */
  chosen(from: number, to: number): void;
  /** The point under the pointer: its time, and the place of each signal in its columns; undefined when it has left. */
  pointer(point: { readonly time: string; readonly texts: readonly string[] } | undefined): void;
}

export interface SignalChart {
  readonly node: HTMLElement;
  show(signals: readonly Signal[], from: number, to: number): void;
  end(): void;
}

const HEIGHT = 320;
const LEAST_SELECTED_PX = 8;
const CHARACTER_PX = 7;
/** Axes with marks; the values of further units are in the list below the chart. */
const MOST_AXES = 2;
/** Columns of each signal: highest, lowest, mean. */
const COLUMNS = 3;

/** The colour of a signal by its place. */
export const colourOf = (index: number): string => `--signal-${index + 1}`;

/** A chart of several signals with their ranges, limits and alarms. Screen readers skip it: the list below has the same. */
export function createSignalChart(events: SignalChartEvents): SignalChart {
  const node = document.createElement('div');
  node.className = 'chart signals';
  node.setAttribute('aria-hidden', 'true');
  node.style.height = `${HEIGHT}px`;
  let shown: { signals: readonly Signal[]; from: number; to: number } | undefined;
  let plot: uPlot | undefined;

  const draw = (): void => {
    plot?.destroy();
    plot = undefined;
    const width = Math.floor(node.clientWidth);
    if (width === 0 || !shown) return;
    const { signals, from, to } = shown;
    const data = dataOf(signals);
    plot = new uPlot(optionsOf(width, signals, from, to, events), data, node);
  };
  const sized = new ResizeObserver(() => {
    const width = Math.floor(node.clientWidth);
    if (!plot) draw();
    else if (width > 0 && width !== plot.width) plot.setSize({ width, height: HEIGHT });
  });
  sized.observe(node);
  const forget = onColourScheme(draw);
  return {
    node,
    show(signals, from, to) {
      shown = { signals, from, to };
      draw();
    },
    end() {
      sized.disconnect();
      forget();
      plot?.destroy();
    },
  };
}

/** All signals on one axis of time: a gap of one signal is none of the others. */
function dataOf(signals: readonly Signal[]): uPlot.AlignedData {
  const tables = signals.map(
    ({ columns: { times, low, high, mean } }): uPlot.AlignedData => [times, high, low, mean],
  );
  return tables.length === 0 ? [[]] : uPlot.join(tables);
}

function optionsOf(
  width: number,
  signals: readonly Signal[],
  from: number,
  to: number,
  events: SignalChartEvents,
): uPlot.Options {
  const units = [...new Set(signals.map(scaleOf))];
  const scales: uPlot.Scales = { x: { time: true, range: () => [from / 1000, to / 1000] } };
  for (const scale of units) {
    const of = signals.filter((signal) => scaleOf(signal) === scale);
    const limits = of.flatMap((signal) => signal.limits);
    const isSteps = of.every(({ steps }) => steps);
    scales[scale] = {
      range: (_plot, low, high) =>
        isSteps ? [-0.15, 1.15] : axisRange({ from: low, to: high }, limits),
    };
  }
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const series = signals.flatMap((signal, index): uPlot.Series[] => {
    const paths = signal.steps && stepped ? { paths: stepped } : {};
    const common = { scale: scaleOf(signal), points: { show: false }, ...paths };
    const hidden = { ...common, stroke: 'transparent' };
    return [hidden, hidden, { ...common, stroke: colour(colourOf(index)), width: 1.5 }];
  });
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    scales,
    axes: [
      timeAxis(),
      ...units.slice(0, MOST_AXES).map((scale, at) => valueAxis(scale, at, signals)),
    ],
    series: [{}, ...series],
    bands: signals.map((_signal, index) => ({
      series: [index * COLUMNS + 1, index * COLUMNS + 2],
      fill: `${colour(colourOf(index))}2e`,
    })),
    cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { show: false } },
    hooks: {
      draw: [(plot) => drawMarks(plot, signals)],
      setSelect: [(plot) => choose(plot, events)],
      setCursor: [(plot) => events.pointer(pointOf(plot, signals))],
    },
  };
}

function choose(plot: uPlot, events: SignalChartEvents): void {
  const { left, width } = plot.select;
  if (width < LEAST_SELECTED_PX) return;
  const timeAt = (px: number): number => plot.posToVal(px, 'x') * 1000;
  events.chosen(timeAt(left), timeAt(left + width));
}

/** What each signal was at the pointer: the last point at or before it. */
function pointOf(plot: uPlot, signals: readonly Signal[]) {
  const { left = -1 } = plot.cursor;
  if (left < 0) return undefined;
  const seconds = plot.posToVal(left, 'x');
  const texts = signals.map(({ columns, format, unit }) => {
    const at = columns.times.findLastIndex((time) => time <= seconds);
    const [mean, low, high] = [columns.mean[at], columns.low[at], columns.high[at]];
    if (typeof mean !== 'number') return columns.quality[at] ?? '–';
    const range =
      low === high || typeof low !== 'number' || typeof high !== 'number'
        ? ''
        : ` (${format(low)} – ${format(high)})`;
    return `${format(mean)}${range} ${unit}`.trim();
  });
  return { time: momentInFull(seconds * 1000), texts };
}

/** The limits as broken lines, and the beginnings of alarms as marks on the axis of time. */
function drawMarks(plot: uPlot, signals: readonly Signal[]): void {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.lineWidth = scale;
  for (const [index, signal] of signals.entries()) {
    ctx.strokeStyle = colour(colourOf(index));
    ctx.setLineDash([6 * scale, 4 * scale]);
    for (const limit of signal.limits) {
      const y = plot.valToPos(limit, scaleOf(signal), true);
      if (y >= bbox.top && y <= bbox.top + bbox.height)
        line(ctx, bbox.left, y, bbox.left + bbox.width, y);
    }
    ctx.setLineDash([]);
    ctx.strokeStyle = colour('--bad');
    for (const time of signal.alarms) {
      const x = plot.valToPos(time, 'x', true);
      if (x >= bbox.left && x <= bbox.left + bbox.width)
        line(ctx, x, bbox.top, x, bbox.top + bbox.height);
    }
  }
  ctx.restore();
}

function line(ctx: CanvasRenderingContext2D, x: number, y: number, toX: number, toY: number): void {
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(toX, toY);
  ctx.stroke();
}

function scaleOf({ unit, steps }: Signal): string {
  return steps ? 'on/off' : `in ${unit}`;
}

const common = (): uPlot.Axis => ({
  stroke: colour('--muted'),
  grid: { stroke: colour('--line'), width: 1 },
  ticks: { show: false },
  font: '11px system-ui',
});

function timeAxis(): uPlot.Axis {
  // Without am and pm, in the form of the date that every language of the page reads.
  const day = new Intl.DateTimeFormat('sv', { month: '2-digit', day: '2-digit' });
  const clock = new Intl.DateTimeFormat('sv', { hour: '2-digit', minute: '2-digit' });
  const exact = new Intl.DateTimeFormat('sv', {
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
  });
  const values = (_plot: uPlot, marks: number[]): string[] => {
    const step = (marks[1] ?? 0) - (marks[0] ?? 0);
    let before = '';
    return marks.map((seconds) => {
      const date = day.format(seconds * 1000);
      const isNew = date !== before;
      before = date;
      if (step >= 86_400) return date;
      const time = (step > 0 && step < 60 ? exact : clock).format(seconds * 1000);
      return isNew && step >= 3600 ? `${time}\n${date}` : time;
    });
  };
  return { ...common(), space: 80, size: 34, values };
}

function valueAxis(scale: string, at: number, signals: readonly Signal[]): uPlot.Axis {
  const signal = signals.find((one) => scaleOf(one) === scale)!;
  return {
    ...common(),
    scale,
    side: at === 0 ? 3 : 1,
    ...(at === 0 ? {} : { grid: { show: false } }),
    space: 28,
    size: (_plot, marks) =>
      16 + CHARACTER_PX * Math.max(4, ...(marks ?? []).map((mark) => mark.length)),
    values: (_plot, marks) => marks.map((mark) => signal.format(mark)),
    ...(signal.steps ? { splits: [0, 1] } : {}),
  };
}
