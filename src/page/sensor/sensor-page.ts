import './sensor.css';
import type { NamedAlarmStatus } from '../../alarms/alarms.ts';
import { element, setAttribute, setText } from '../dom.ts';
import type { Gateway } from '../gateway.ts';
import type { LiveSection } from '../lazy-section.ts';
import { valueText } from '../reading-text.ts';
import type { LiveChannel, Readings } from '../readings.ts';
import { addressOf } from '../router.ts';
import { boundsOf, MOST_SIGNALS, type SensorPlace, sensorAddress } from '../sensor-address.ts';
import { momentInFull, number } from '../translations.ts';
import type { VisibleTopics } from '../visible-topics.ts';
import { createRangeChoice, type MovedRange, RANGE_KEYS } from './range-choice.ts';
import { loadSensorTexts, type SensorTexts } from './sensor-texts.ts';
import { createSignalChart, type Signal, type SignalChart } from './signal-chart.ts';
import { columnsOf, type HistorySeries, summaryOf } from './signal-data.ts';
import { createSignalList, formatOf, type ListedSignal } from './signal-list.ts';

/** What the page of a sensor needs of the rest of the page. */
export interface SensorPageParts {
  readonly gateway: Gateway;
  readonly readings: Readings;
  readonly visible: VisibleTopics;
  /** Which sensors and which time the address names. */
  place(): SensorPlace;
  alarms(): readonly NamedAlarmStatus[];
}

const POINTS = 600;
const CSV_POINTS = 20_000;
/** A chart that ends now is read again so often, or once a point is over. */
const LEAST_RELOAD_MS = 5000;
const MOST_RELOAD_MS = 60_000;
/** One sensor as a page: its value, its history in a chart with others, its limits and its figures. */
export class SensorPage implements LiveSection {
  readonly node: HTMLElement;
  readonly #parts: SensorPageParts;
  readonly #texts: SensorTexts;
  readonly #title = element('h3', { class: 'sensor-title', lang: 'en' });
  readonly #figure = element('p', { class: 'figure large-figure' });
  readonly #choice: ReturnType<typeof createRangeChoice>;
  readonly #compare: HTMLSelectElement;
  readonly #download: HTMLAnchorElement;
  readonly #span = element('p', { class: 'age' });
  readonly #status = element('p', { class: 'age', role: 'status' });
  readonly #pointer = element('p', { class: 'pointer', 'aria-hidden': 'true' });
  readonly #box: HTMLElement;
  readonly #card: HTMLElement;
  readonly #chart: SignalChart;
  readonly #list: ReturnType<typeof createSignalList>;
  #series: Readonly<Record<string, HistorySeries>> = {};
  #readAt = 0;
  #reading: object | undefined;
  /** Topics of the sensors on the page. */
  #shown: readonly string[] = [];

  static async load(parts: SensorPageParts): Promise<SensorPage> {
    return new SensorPage(parts, await loadSensorTexts());
  }

  private constructor(parts: SensorPageParts, texts: SensorTexts) {
    this.#parts = parts;
    this.#texts = texts;
    this.#choice = createRangeChoice(texts, (rangeOf) => this.#move(rangeOf));
    this.#compare = element('select', { 'aria-label': texts('compare') });
    this.#compare.addEventListener('change', () => this.#add(this.#compare.value));
    this.#download = element('a', { class: 'button', download: 'history.csv' }, texts('download'));
    this.#chart = createSignalChart({
      chosen: (from, to) => this.#go({ range: { from, to } }),
      pointer: (point) => this.#showPointer(point),
    });
    this.#list = createSignalList(texts, (name) => {
      const names = this.#place.names.filter((one) => one !== name);
      this.#go({ names });
    });
    const label = texts('chart');
    this.#box = element('div', {
      class: 'chart-box',
      tabindex: 0,
      role: 'group',
      'aria-label': label,
    });
    this.#box.append(this.#chart.node);
    this.#box.addEventListener('keydown', (event) => this.#onKey(event));
    this.#card = this.#createCard();
    const back = element('a', { href: addressOf('sensors') }, texts('allSensors'));
    this.node = element('div', { class: 'sensor-page' }, back, this.#card, this.#status);
  }

  open(): void {
    this.#series = {};
    this.#readAt = 0;
    this.#showPlace();
    this.poll();
  }

  close(): void {
    this.#reading = undefined;
    this.#show([]);
  }

  #show(topics: readonly string[]): void {
    if (topics.length === this.#shown.length && topics.every((one, n) => one === this.#shown[n]))
      return;
    for (const topic of topics) this.#parts.visible.show(topic);
    for (const topic of this.#shown) this.#parts.visible.hide(topic);
    this.#shown = topics;
  }

  poll(): void {
    const { range } = this.#place;
    const isLive = 'lastMs' in range;
    const everyMs = isLive
      ? Math.min(MOST_RELOAD_MS, Math.max(LEAST_RELOAD_MS, range.lastMs / POINTS))
      : Number.POSITIVE_INFINITY;
    if (this.#readAt > 0 && performance.now() - this.#readAt < everyMs) return;
    void this.#read();
  }

  render(): void {
    const channels = this.#channels;
    const [first] = channels;
    this.#show(channels.map(({ topic }) => topic));
    this.#card.hidden = first === undefined;
    if (!first) {
      // The status of the sensors comes a moment after the connection.
      const [name = ''] = this.#place.names;
      if (this.#parts.readings.size > 0) setText(this.#status, this.#texts('notFound', { name }));
      return;
    }
    if (this.#readAt === 0 && !this.#reading) this.#showPlace();
    setText(this.#title, first.label);
    setText(this.#figure, valueText(first));
    setAttribute(this.#card, 'data-quality', first.reading.quality);
    this.#list.render();
  }

  get #place(): SensorPlace {
    return this.#parts.place();
  }

  /** Those of the address that are there. */
  get #channels(): readonly LiveChannel[] {
    const all = [...this.#parts.readings.all];
    return this.#place.names.flatMap((name) => all.find((one) => one.name === name) ?? []);
  }

  #createCard(): HTMLElement {
    return element(
      'div',
      { class: 'card sensor-card' },
      element('div', { class: 'head' }, this.#title, this.#figure),
      this.#choice.node,
      this.#span,
      this.#box,
      this.#pointer,
      element('div', { class: 'signals-box' }, this.#list.node),
      element('div', { class: 'tools' }, this.#compare, this.#download),
    );
  }

  #onKey(event: KeyboardEvent): void {
    const rangeOf = RANGE_KEYS[event.key];
    if (!rangeOf || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#move(rangeOf);
  }

  #move(rangeOf: MovedRange): void {
    this.#go({ range: rangeOf(this.#place.range, this.#parts.gateway.now()) });
  }

  #add(name: string): void {
    if (name !== '') this.#go({ names: [...this.#place.names, name] });
  }

  /** The address has all of it: the way back in the browser is the chart from before. */
  #go(change: Partial<SensorPlace>): void {
    location.hash = sensorAddress({ ...this.#place, ...change });
  }

  async #read(): Promise<void> {
    const channels = this.#channels;
    if (channels.length === 0 || this.#reading) return;
    const request = {};
    this.#reading = request;
    const { from, to } = this.#bounds();
    if (this.#readAt === 0) setText(this.#status, this.#texts('reading'));
    const query = [
      ...channels.map(({ topic }) => ['topic', topic]),
      ...this.#query(from, to, POINTS),
    ];
    const answer = await this.#parts.gateway.send('api/history', query).catch(() => undefined);
    const series = answer?.ok ? await answer.json().catch(() => undefined) : undefined;
    // Another place was chosen meanwhile.
    if (this.#reading !== request) return;
    this.#reading = undefined;
    this.#readAt = performance.now();
    if (series) this.#series = series as Record<string, HistorySeries>;
    this.#showSeries(from, to);
  }

  #bounds(): { from: number; to: number } {
    const { from, to } = boundsOf(this.#place.range, this.#parts.gateway.now());
    return { from: Math.round(from), to: Math.round(to) };
  }

  #query(from: number, to: number, points: number): string[][] {
    return [
      ['from', String(from)],
      ['to', String(to)],
      ['points', String(points)],
    ];
  }

  /** What depends on the address only. */
  #showPlace(): void {
    const { range } = this.#place;
    const channels = this.#channels;
    this.#choice.show(range);
    const others = [...this.#parts.readings.all].filter((one) => !channels.includes(one));
    const options = others.map(({ name, label }) => element('option', { value: name }, label));
    this.#compare.replaceChildren(
      element('option', { value: '' }, this.#texts('compare')),
      ...options,
    );
    this.#compare.disabled = channels.length >= MOST_SIGNALS || others.length === 0;
    const { from, to } = this.#bounds();
    this.#showSeries(from, to);
    const topics = channels.map(({ topic }) => ['topic', topic]);
    const query = [...topics, ...this.#query(from, to, CSV_POINTS), ['format', 'csv']];
    setAttribute(this.#download, 'href', `api/history?${new URLSearchParams(query)}`);
  }

  #showSeries(from: number, to: number): void {
    const channels = this.#channels;
    const found = channels.map(
      (channel) => this.#series[channel.topic] ?? { everyMs: 1000, points: [] },
    );
    const alarms = this.#parts.alarms();
    const signals = channels.map((channel, index): Signal => {
      const own = alarms.filter((one) => one.of === channel.topic);
      return {
        columns: columnsOf(found[index]!),
        unit: channel.reading.unit ?? '',
        steps: typeof channel.reading.value === 'boolean',
        limits: own.flatMap(({ limits }) => [limits?.low ?? [], limits?.high ?? []].flat()),
        alarms: own.flatMap(({ since }) => (since === undefined ? [] : Date.parse(since) / 1000)),
        format: formatOf(channel),
      };
    });
    this.#chart.show(signals, from, to);
    const listed = channels.map((channel, index): ListedSignal => {
      const limits = alarms
        .filter((one) => one.of === channel.topic)
        .flatMap((one) => this.#limitTexts(one, channel));
      return { channel, summary: summaryOf(found[index]!), limits };
    });
    this.#list.show(listed);
    this.#list.render();
    const span = { from: momentInFull(from), to: momentInFull(to) };
    setText(this.#span, this.#texts('from', span));
    setText(this.#status, this.#readAt === 0 ? '' : this.#statusText(listed));
  }

  #statusText(listed: readonly ListedSignal[]): string {
    const [hint, drag] = [this.#texts('hint'), this.#texts('drag')];
    return listed.some(({ summary }) => summary) ? drag : `${this.#texts('empty')}. ${hint}`;
  }

  #limitTexts({ name, limits }: NamedAlarmStatus, channel: LiveChannel): string[] {
    const { unit = '' } = channel.reading;
    const text = (key: 'above' | 'below', value: number | undefined): string[] =>
      value === undefined
        ? []
        : [
            this.#texts(key, {
              name,
              limit: `${number(value)} ${unit}`.trim(),
            }),
          ];
    return [...text('below', limits?.low), ...text('above', limits?.high)];
  }

  #showPointer(
    point: { readonly time: string; readonly texts: readonly string[] } | undefined,
  ): void {
    const channels = this.#channels;
    const values =
      point?.texts.map((text, index) => `${channels[index]?.label ?? ''} ${text}`) ?? [];
    setText(this.#pointer, point ? [point.time, ...values].join(' · ') : '');
  }
}
