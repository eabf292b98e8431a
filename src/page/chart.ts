import uPlot from 'uplot';
import type { Series } from '../history/hour-history.ts';
import { number, translate } from './translations.ts';

export interface Chart {
  readonly node: HTMLElement;
  /** Lowest and highest value that it shows, in words; undefined while it is empty. */
  readonly range: { readonly low: string; readonly high: string } | undefined;
  /** The last hour or day, as the gateway kept it. */
  show(course: Series): void;
  /** The value at this moment; a new point begins once the newest is full. */
  add(timeMs: number, value: number | null): void;
  /** Nothing of it is left. */
  end(): void;
}

interface Look {
  readonly height: number;
  readonly axes: boolean;
  /** For what is on or off. */
  readonly steps: boolean;
  /** For what is counted: the axis begins at nothing. */
  readonly fromZero?: boolean;
  /** Gets what lies under the pointer in words; nothing once it is elsewhere. */
  readonly read?: (text: string) => void;
}

/** Where the axis of time may have its marks: it says no seconds. */
const MARKS_S = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600];
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const clockOf = (seconds: number): string => clock.format(seconds * 1000);

type Column = (number | null)[];
const POINTS = 360;
/** A course that has only begun is not drawn as a dot in an empty hour. */
const LEAST_POINTS = 12;
const CHARACTER_PX = 7;
const charts = new Set<{ redraw(): void }>();

/** The colours of a style sheet, which change with day and night. */
function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const chart of charts) chart.redraw();
});

/** An empty chart that is as wide as its place. Its canvas is for the eye alone: the words are the caller's. */
export function createChart(look: Look): Chart {
  const node = document.createElement('div');
  node.className = 'chart';
  node.setAttribute('aria-hidden', 'true');
  node.style.height = `${look.height}px`;
  let times: number[] = [];
  let [low, high, last]: [Column, Column, Column] = [[], [], []];
  let plot: uPlot | undefined;
  let everyS = 10;

  const data = (): uPlot.AlignedData => [times, high, low, last];

  const begin = (end: number): number => {
    const first = times[last.findIndex((value) => value !== null)] ?? end;
    return Math.min(Math.max(first, end - POINTS * everyS), end - LEAST_POINTS * everyS);
  };

  const written = (value: number): string =>
    look.steps ? translate(value > 0.5 ? 'yes' : 'no') : number(value);

  const textAt = (index: number | null | undefined): string => {
    const [time, from, to, value] = [times, low, high, last].map((column) => column[index ?? -1]);
    if (typeof time !== 'number' || typeof value !== 'number') return '';
    const range = from === to ? '' : ` (${written(from!)} – ${written(to!)})`;
    return `${clockOf(time)}: ${written(value)}${range}`;
  };

  const options = (width: number): uPlot.Options => {
    const line = colour('--accent');
    const ink = colour('--muted');
    const grid = { stroke: colour('--line'), width: 1 };
    const axis = { stroke: ink, grid, ticks: { show: false }, font: '11px system-ui' };
    const paths = look.steps ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
    const hidden = { stroke: 'transparent', points: { show: false }, ...(paths ? { paths } : {}) };
    return {
      width,
      height: look.height,
      legend: { show: false },
      cursor: look.read
        ? { y: false, drag: { x: false, y: false }, points: { show: false } }
        : { show: false },
      hooks: look.read ? { setCursor: [({ cursor }) => look.read?.(textAt(cursor.idx))] } : {},
      padding: look.axes ? [8, 8, 0, 0] : [3, 2, 3, 2],
      scales: {
        x: { time: true, range: (_plot, _from, to) => [begin(to), to] },
        y: { range: (_plot, from, to) => padded(from, to, look) },
      },
      axes: look.axes
        ? [
            {
              ...axis,
              space: 80,
              size: 28,
              incrs: MARKS_S,
              values: (_plot, marks) => marks.map(clockOf),
            },
            {
              ...axis,
              space: 28,
              size: (_plot, marks) =>
                16 + CHARACTER_PX * Math.max(4, ...(marks ?? []).map((mark) => mark.length)),
              values: (_plot, marks) => marks.map(written),
              ...(look.steps ? { splits: [0, 1] } : {}),
            },
          ]
        : [{ show: false }, { show: false }],
      series: [
        {},
        hidden,
        hidden,
        { stroke: line, width: 1.5, points: { show: false }, ...(paths ? { paths } : {}) },
      ],
      bands: [{ series: [1, 2], fill: `${line}33` }],
    };
  };

  const build = (): void => {
    plot?.destroy();
    plot = undefined;
    const width = Math.floor(node.clientWidth);
    if (width > 0) plot = new uPlot(options(width), data(), node);
  };

  const sized = new ResizeObserver(() => {
    const width = Math.floor(node.clientWidth);
    if (!plot) build();
    else if (width > 0 && width !== plot.width) plot.setSize({ width, height: look.height });
  });
  sized.observe(node);
  const own = { redraw: build };
  charts.add(own);

  return {
    node,
    get range() {
      const [lows, highs] = [low, high].map((column) => column.filter((value) => value !== null));
      if (!lows?.length || !highs?.length) return undefined;
      return { low: written(Math.min(...lows)), high: written(Math.max(...highs)) };
    },
    show(course) {
      everyS = course.everyMs / 1000;
      const first = course.end / 1000 - course.last.length * everyS;
      times = course.last.map((_, index) => first + (index + 1) * everyS);
      [low, high, last] = [[...course.low], [...course.high], [...course.last]];
      plot?.setData(data());
    },
    add(timeMs, value) {
      const time = timeMs / 1000;
      const newest = times.at(-1);
      if (newest === undefined || time > newest) {
        times.push(newest === undefined ? time : Math.max(time, newest + everyS));
        for (const column of [low, high, last]) column.push(value);
        if (times.length > POINTS) for (const column of [times, low, high, last]) column.shift();
      } else if (value !== null) {
        const at = times.length - 1;
        low[at] = Math.min(low[at] ?? value, value);
        high[at] = Math.max(high[at] ?? value, value);
        last[at] = value;
      }
      plot?.setData(data());
    },
    end() {
      sized.disconnect();
      charts.delete(own);
      plot?.destroy();
      plot = undefined;
    },
  };
}

/** Room above and below; a line that does not move is in the middle. */
function padded(
  from: number | null,
  to: number | null,
  { steps, fromZero }: Look,
): [number, number] {
  if (steps) return [-0.15, 1.15];
  if (from === null || to === null) return [0, 1];
  if (fromZero) return [0, Math.max(1, to * 1.1)];
  const room = Math.max((to - from) * 0.1, Math.abs(to) * 0.005, 1e-6);
  return [from - room, to + room];
}
