import type { SensorStatus } from '../sensors/sampler.ts';
import { type Chart, createChart } from './chart.ts';
import type { Subject } from './detail.ts';
import { element, setAttribute, setText } from './dom.ts';
import type { LiveReading } from './reading.ts';
import { number, span, translate } from './translations.ts';

export type Channel = SensorStatus['channels'][number];

/** One channel of a sensor. */
export interface SensorTile {
  readonly node: HTMLLIElement;
  readonly name: string;
  readonly open: HTMLButtonElement;
  readonly topic: string;
  readonly value: HTMLElement;
  readonly unit: HTMLElement;
  readonly quality: HTMLElement;
  readonly reason: HTMLElement;
  readonly age: HTMLElement;
  /** The range of the chart, for screen readers. */
  readonly range: HTMLElement;
  readonly chart: Chart;
  reading: LiveReading;
  /** Whether the reading is on the page. */
  shown: boolean;
  /** Whether the tile is on the screen. */
  visible: boolean;
  /** Whether the chart has what the gateway has kept. */
  hasHistory: boolean;
}

export function createSensorTile(channel: Channel, cell: string): SensorTile {
  const { topic, unit, value, quality, reason } = channel;
  const name = topic.startsWith(`${cell}/`) ? topic.slice(cell.length + 1) : topic;
  const steps = typeof value === 'boolean';
  const open = element(
    'button',
    { type: 'button', class: 'open', 'aria-haspopup': 'dialog' },
    name,
  );
  const parts = {
    topic,
    name,
    open,
    value: element('span', { class: 'value' }),
    unit: element('span', { class: 'unit' }),
    quality: element('span', { class: 'quality' }),
    reason: element('p', { class: 'reason', lang: 'en' }),
    age: element('span', { class: 'age' }),
    range: element('p', { class: 'hidden' }),
    chart: createChart({ height: 44, axes: false, steps }),
  };
  const node = element(
    'li',
    { class: 'card tile', 'data-topic': topic },
    element('h3', { lang: 'en' }, open),
    element('p', { class: 'figure' }, parts.value, ' ', parts.unit),
    parts.reason,
    parts.chart.node,
    parts.range,
    element('p', { class: 'foot' }, parts.quality, parts.age),
  );
  const reading: LiveReading = { value, quality, reason, unit };
  return { ...parts, node, reading, shown: false, visible: false, hasHistory: false };
}

/** Takes the status of the channel if its quality has changed, or while there was no reading. */
export function takeStatus(tile: SensorTile, { value, quality, reason, unit }: Channel): void {
  const { time } = tile.reading;
  if (quality === tile.reading.quality && time !== undefined) return;
  tile.reading = { value, quality, reason, unit, time };
  tile.shown = false;
}

/** Takes a reading; a bare payload keeps the unit, and its time is `now`. */
export function takeReading(tile: SensorTile, reading: LiveReading, now: number): void {
  const unit = reading.unit ?? tile.reading.unit;
  tile.reading = { ...reading, unit, time: reading.time ?? now };
  tile.shown = false;
}

export function showReading(tile: SensorTile): void {
  const { value, quality, reason, unit } = tile.reading;
  tile.shown = true;
  setText(tile.value, textOf(value));
  setText(tile.unit, value === null ? '' : (unit ?? ''));
  setText(tile.quality, translate(quality));
  setText(tile.reason, reason ?? '');
  setAttribute(tile.node, 'data-quality', quality);
}

export function showAge({ age, reading: { time } }: SensorTile, now: number): void {
  if (time === undefined) return;
  const ms = now - time;
  setText(age, ms < 2000 ? translate('justNow') : translate('ago', { time: span(ms) }));
}

export function showRange({ chart, range: node }: SensorTile): void {
  const { range } = chart;
  setText(node, range ? translate('lastHour', range) : translate('noValues'));
  chart.node.hidden = range === undefined;
}

/** The tile's channel for the large chart. */
export function subjectOf(tile: SensorTile): Subject {
  return {
    topic: tile.topic,
    name: tile.name,
    steps: typeof tile.reading.value === 'boolean',
    now() {
      const { value, quality, unit } = tile.reading;
      const numbered = value === null || typeof value === 'boolean' ? '' : (unit ?? '');
      return { text: textOf(value), quality, unit: numbered, value: drawable(value) };
    },
  };
}

/** The value as a chart can show it. */
export function drawable(value: LiveReading['value']): number | null {
  return typeof value === 'string' || value === null ? null : Number(value);
}

function textOf(value: LiveReading['value']): string {
  if (value === null) return '—';
  if (typeof value === 'boolean') return translate(value ? 'yes' : 'no');
  return typeof value === 'number' ? number(value) : value;
}
