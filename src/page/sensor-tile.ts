import { createBand } from './band.ts';
import { type Chart, createChart } from './chart.ts';
import { cutName } from './cut-name.ts';
import { element, setAttribute, setText } from './dom.ts';
import type { LiveReading } from './reading.ts';
import { shownValue } from './reading-text.ts';
import type { LiveChannel } from './readings.ts';
import { showReason } from './reasons.ts';
import { sensorAddress, USUAL } from './sensor-address.ts';
import { span, translate } from './translations.ts';

const CHART_PX = 44;
const BAND_PX = 16;

/** One channel of a sensor. */
export interface SensorTile {
  readonly node: HTMLLIElement;
  readonly open: HTMLAnchorElement;
  readonly channel: LiveChannel;
  readonly topic: string;
  readonly value: HTMLElement;
  readonly unit: HTMLElement;
  readonly quality: HTMLElement;
  readonly reason: HTMLElement;
  readonly age: HTMLElement;
  /** The range of the chart, for screen readers. */
  readonly range: HTMLElement;
  readonly chart: Chart;
  /** The reading that is on the page. */
  shown: number;
  /** Whether the tile is on the screen. */
  visible: boolean;
  /** Whether the chart has what the gateway has kept. */
  hasHistory: boolean;
}

export function createSensorTile(channel: LiveChannel): SensorTile {
  const { topic, name, label, reading } = channel;
  const steps = typeof reading.value === 'boolean';
  const href = sensorAddress({ names: [name], range: USUAL });
  const open = element('a', { class: 'open', href });
  setAttribute(open, 'aria-label', label);
  setAttribute(open, 'title', name);
  open.append(...cutName(label));
  const parts = {
    topic,
    open,
    value: element('span', { class: 'value' }),
    unit: element('span', { class: 'unit' }),
    quality: element('span', { class: 'quality' }),
    reason: element('p', { class: 'reason' }),
    age: element('span', { class: 'age' }),
    range: element('p', { class: 'hidden' }),
    chart: steps ? createBand(BAND_PX) : createChart({ height: CHART_PX, axes: false, steps }),
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
  return { ...parts, node, channel, shown: -1, visible: false, hasHistory: false };
}

export function showReading(tile: SensorTile): void {
  const { channel } = tile;
  const { quality, reason } = channel.reading;
  const { value, unit } = shownValue(channel);
  tile.shown = channel.changes;
  setText(tile.value, value);
  setText(tile.unit, unit);
  setText(tile.quality, translate(quality));
  showReason(tile.reason, reason ?? '', true);
  setAttribute(tile.node, 'data-quality', quality);
}

export function showAge({ age, channel }: SensorTile, now: number): void {
  const { time } = channel.reading;
  if (time === undefined) return;
  const ms = now - time;
  setText(age, ms < 2000 ? translate('justNow') : translate('ago', { time: span(ms) }));
}

export function showRange({ chart, range: node }: SensorTile): void {
  const { range } = chart;
  setText(node, range ? translate('lastHour', range) : translate('noValues'));
  chart.node.hidden = range === undefined;
}

/** The value as a chart can show it. */
export function drawable(value: LiveReading['value']): number | null {
  return typeof value === 'string' || value === null ? null : Number(value);
}
