import type { SensorStatus } from '../sensors/sampler.ts';
import { type Chart, createChart } from './chart.ts';
import { createDetail, type Subject } from './detail.ts';
import { createKeyed, element, setAttribute, setText } from './dom.ts';
import type { Gateway } from './gateway.ts';
import { type LiveReading, parseReading } from './reading.ts';
import { number, span, translate } from './translations.ts';

type Channel = SensorStatus['channels'][number];

interface Tile {
  readonly node: HTMLLIElement;
  readonly name: string;
  readonly open: HTMLButtonElement;
  readonly topic: string;
  readonly value: HTMLElement;
  readonly unit: HTMLElement;
  readonly quality: HTMLElement;
  readonly reason: HTMLElement;
  readonly age: HTMLElement;
  readonly course: HTMLElement;
  readonly chart: Chart;
  reading: LiveReading;
  shown: boolean;
  visible: boolean;
  hasCourse: boolean;
}

const FETCH_MS = 150;
/** So many are found by eye. */
const FOUND_BY_EYE = 24;

/** One tile for each channel of each sensor. */
export function createSensors(gateway: Gateway, cell: () => string) {
  const list = element('ul', { class: 'tiles' });
  const tiles = createKeyed<Channel, Tile>(list, (channel) => {
    const tile = makeTile(channel, cell());
    seen.observe(tile.node);
    tile.open.addEventListener('click', () => detail.open(subjectOf(tile)));
    return tile;
  });

  const find = element('input', {
    type: 'search',
    class: 'find',
    hidden: true,
    placeholder: translate('find'),
    'aria-label': translate('find'),
  });
  const sift = (tile: Tile): void => {
    const own = `${tile.name} ${translate(tile.reading.quality)}`.toLowerCase();
    const wanted = find.value.toLowerCase().split(/\s+/);
    tile.node.hidden = !wanted.every((word) => own.includes(word));
  };
  find.addEventListener('input', () => {
    for (const tile of tiles.parts.values()) sift(tile);
  });

  const detail = createDetail(gateway);
  const wanted = new Set<Tile>();
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const tile = [...tiles.parts.values()].find(({ node }) => node === target);
      if (!tile) continue;
      tile.visible = isIntersecting;
      if (isIntersecting && !tile.hasCourse) want(tile);
    }
  });

  /** The course of what is on the screen, many in one request. */
  const want = (tile: Tile): void => {
    wanted.add(tile);
    if (wanted.size > 1) return;
    setTimeout(async () => {
      const some = [...wanted];
      wanted.clear();
      const courses = await gateway.courses(some.map(({ topic }) => topic)).catch(() => ({}));
      for (const one of some) {
        const course = (courses as Awaited<ReturnType<Gateway['courses']>>)[one.topic];
        if (!course) continue;
        one.hasCourse = true;
        one.chart.show(course);
        describe(one);
      }
    }, FETCH_MS);
  };

  return {
    node: element('div', {}, find, list),
    /** What the gateway says of its sensors: brings the tiles about, and corrects what a bare payload can't tell. */
    show(sensors: readonly SensorStatus[]): void {
      const channels = sensors.flatMap((sensor) => sensor.channels);
      tiles.show(
        channels,
        ({ topic }) => topic,
        (tile, channel) => {
          const { value, quality, reason, unit } = channel;
          const { time } = tile.reading;
          const news = quality !== tile.reading.quality || time === undefined;
          if (news) tile.reading = { value, quality, reason, unit, time };
          tile.shown &&= !news;
        },
      );
      find.hidden = channels.length <= FOUND_BY_EYE && find.value === '';
      gateway.subscribe(channels.map(({ topic }) => topic));
    },
    /** False for a topic that is no sensor's. */
    take(topic: string, payload: string): boolean {
      const tile = tiles.parts.get(topic);
      if (!tile) return false;
      const { unit } = tile.reading;
      const reading = parseReading(payload);
      tile.reading = {
        ...reading,
        unit: reading.unit ?? unit,
        time: reading.time ?? gateway.now(),
      };
      tile.shown = false;
      return true;
    },
    /** Called a few times a second: only what has changed and can be seen costs anything. */
    render(): void {
      detail.render();
      const now = gateway.now();
      for (const tile of tiles.parts.values()) {
        const { time } = tile.reading;
        if (!tile.visible && tile.shown) continue;
        if (!tile.shown) {
          showReading(tile);
          sift(tile);
        }
        if (tile.visible && time !== undefined) {
          const age = now - time;
          setText(
            tile.age,
            age < 2000 ? translate('justNow') : translate('ago', { time: span(age) }),
          );
        }
      }
    },
    /** Called every few seconds. */
    advance(): void {
      detail.advance();
      for (const tile of tiles.parts.values()) {
        if (!tile.hasCourse) continue;
        tile.chart.add(gateway.now(), drawn(tile.reading.value));
        if (tile.visible) describe(tile);
      }
    },
    /** After a time without the gateway the courses have gaps: they are read anew. */
    forget(): void {
      void detail.forget();
      for (const tile of tiles.parts.values()) {
        tile.hasCourse = false;
        if (tile.visible) want(tile);
      }
    },
  };
}

function makeTile({ topic, unit, value, quality, reason }: Channel, cell: string): Tile {
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
    course: element('p', { class: 'hidden' }),
    chart: createChart({ height: 44, axes: false, steps }),
  };
  const node = element(
    'li',
    { class: 'card tile', 'data-topic': topic },
    element('h3', { lang: 'en' }, open),
    element('p', { class: 'figure' }, parts.value, ' ', parts.unit),
    parts.reason,
    parts.chart.node,
    parts.course,
    element('p', { class: 'foot' }, parts.quality, parts.age),
  );
  const reading: LiveReading = { value, quality, reason, unit };
  return { ...parts, node, reading, shown: false, visible: false, hasCourse: false };
}

function subjectOf(tile: Tile): Subject {
  return {
    topic: tile.topic,
    name: tile.name,
    steps: typeof tile.reading.value === 'boolean',
    now() {
      const { value, quality, unit } = tile.reading;
      const numbered = value === null || typeof value === 'boolean' ? '' : (unit ?? '');
      return { text: textOf(value), quality, unit: numbered, value: drawn(value) };
    },
  };
}

/** The value as a chart can show it. */
function drawn(value: LiveReading['value']): number | null {
  return typeof value === 'string' || value === null ? null : Number(value);
}

function showReading(tile: Tile): void {
  const { value, quality, reason, unit } = tile.reading;
  tile.shown = true;
  setText(tile.value, textOf(value));
  setText(tile.unit, value === null ? '' : (unit ?? ''));
  setText(tile.quality, translate(quality));
  setText(tile.reason, reason ?? '');
  setAttribute(tile.node, 'data-quality', quality);
}

function textOf(value: LiveReading['value']): string {
  if (value === null) return '—';
  if (typeof value === 'boolean') return translate(value ? 'yes' : 'no');
  return typeof value === 'number' ? number(value) : value;
}

function describe({ chart, course }: Tile): void {
  const { range } = chart;
  const text = range ? translate('lastHour', range) : translate('noCourse');
  setText(course, text);
  chart.node.hidden = range === undefined;
}
