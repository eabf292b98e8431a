import type uPlot from 'uplot';
import { valueRange } from './chart-data.ts';

/** How a chart is drawn. */
export interface ChartStyle {
  readonly height: number;
  readonly axes: boolean;
  /** For a value that is on or off. */
  readonly steps: boolean;
  /** For counts: the axis begins at 0. */
  readonly fromZero?: boolean;
}

/** What the drawing needs of the chart. */
export interface ChartFunctions {
  /** A value as text. */
  format(value: number): string;
  /** Where an axis of time that ends at `end` begins, in seconds. */
  beginOf(end: number): number;
  /** uPlot's drawing of steps. */
  readonly stepped: uPlot.Series.PathBuilder | undefined;
}

/** Where the axis of time may have its marks: it shows no seconds. */
const MARKS_S = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600];
const CHARACTER_PX = 7;

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** Hours and minutes of a time in seconds since the Unix epoch. */
export function clockOf(seconds: number): string {
  return clock.format(seconds * 1000);
}

/** A colour by the name of its CSS variable; it changes with the colour scheme. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The options of uPlot for a chart of this width in pixels, with the colours of this moment. */
export function chartOptions(
  width: number,
  style: ChartStyle,
  functions: ChartFunctions,
): uPlot.Options {
  const line = colour('--accent');
  const paths = functions.stepped ? { paths: functions.stepped } : {};
  const hidden = { stroke: 'transparent', points: { show: false }, ...paths };
  return {
    width,
    height: style.height,
    legend: { show: false },
    cursor: { show: false },
    padding: style.axes ? [8, 8, 0, 0] : [3, 2, 3, 2],
    scales: {
      x: { time: true, range: (_plot, _from, to) => [functions.beginOf(to), to] },
      y: { range: (_plot, from, to) => valueRange(from, to, style) },
    },
    axes: style.axes ? axes(style, functions) : [{ show: false }, { show: false }],
    series: [{}, hidden, hidden, { stroke: line, width: 1.5, points: { show: false }, ...paths }],
    bands: [{ series: [1, 2], fill: `${line}33` }],
  };
}

function axes(style: ChartStyle, { format }: ChartFunctions): uPlot.Axis[] {
  const grid = { stroke: colour('--line'), width: 1 };
  const axis = {
    stroke: colour('--muted'),
    grid,
    ticks: { show: false },
    font: '11px system-ui',
  };
  return [
    { ...axis, space: 80, size: 28, incrs: MARKS_S, values: (_plot, marks) => marks.map(clockOf) },
    {
      ...axis,
      space: 28,
      size: (_plot, marks) =>
        16 + CHARACTER_PX * Math.max(4, ...(marks ?? []).map((mark) => mark.length)),
      values: (_plot, marks) => marks.map(format),
      ...(style.steps ? { splits: [0, 1] } : {}),
    },
  ];
}
