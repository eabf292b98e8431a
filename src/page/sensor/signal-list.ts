import { createKeyed, element, setAttribute, setText } from '../dom.ts';
import { shownValue } from '../reading-text.ts';
import type { LiveChannel } from '../readings.ts';
import { reasonText } from '../reasons.ts';
import { sensorAddress, USUAL } from '../sensor-address.ts';
import { decimal, translate } from '../translations.ts';
import type { SensorTexts } from './sensor-texts.ts';
import type { SignalSummary } from './signal-data.ts';

/** A signal of the chart for the list below it. */
export interface ListedSignal {
  readonly channel: LiveChannel;
  readonly summary: SignalSummary | undefined;
  /** Sentences about the limits of its alarms. */
  readonly limits: readonly string[];
}

interface Row {
  readonly node: HTMLTableRowElement;
  readonly value: HTMLElement;
  readonly reason: HTMLElement;
  readonly limits: HTMLElement;
  readonly figures: Readonly<Record<keyof SignalSummary, HTMLElement>>;
  readonly swatch: HTMLElement;
  readonly remove: HTMLButtonElement;
  channel: LiveChannel;
}

/** A number of a channel as its readings are shown. */
export function formatOf({ reading, decimals }: LiveChannel): (value: number) => string {
  if (typeof reading.value === 'boolean') {
    return (value) => translate(value > 0.5 ? 'yes' : 'no');
  }
  return (value) => decimal(value, decimals);
}

/** The signals of the chart as a table: what each is now, and its lowest, highest and mean value of the shown time. */
export function createSignalList(texts: SensorTexts, leaveOut: (name: string) => void) {
  const body = element('tbody');
  const heads = ['signals', 'value', 'lowest', 'mean', 'highest'] as const;
  const head = element(
    'tr',
    {},
    ...heads.map((key) => element('th', { scope: 'col' }, texts(key))),
  );
  head.append(element('td'));
  const node = element('table', { class: 'signal-list' }, element('thead', {}, head), body);
  const rows = createKeyed<ListedSignal, Row>(body, ({ channel }) =>
    createRow(channel, texts, leaveOut),
  );
  return {
    node,
    show(signals: readonly ListedSignal[]): void {
      rows.show(
        signals,
        ({ channel }) => channel.topic,
        (row, { channel, summary, limits }) => {
          const index = signals.findIndex((one) => one.channel === channel);
          row.channel = channel;
          setAttribute(row.swatch, 'data-signal', index + 1);
          setText(row.limits, limits.join(' · '));
          row.remove.hidden = signals.length < 2;
          for (const name of ['low', 'mean', 'high'] as const) {
            setText(row.figures[name], summary ? withUnit(channel, name, summary[name]) : '–');
          }
        },
      );
    },
    /** Called a few times a second: the values of this moment. */
    render(): void {
      for (const { node: row, channel, value, reason } of rows.parts.values()) {
        const shown = shownValue(channel);
        setText(value, `${shown.value} ${shown.unit}`.trim());
        setText(
          reason,
          [translate(channel.reading.quality), reasonText(channel.reading.reason ?? '') || []]
            .flat()
            .join(': '),
        );
        setAttribute(row, 'data-quality', channel.reading.quality);
      }
    },
  };
}

/** A mean of a value that is on or off is its share of the time. */
function withUnit(channel: LiveChannel, name: keyof SignalSummary, value: number): string {
  const isSteps = typeof channel.reading.value === 'boolean';
  if (isSteps && name === 'mean') return `${decimal(value * 100, 1)} %`;
  const text = formatOf(channel)(value);
  return isSteps ? text : `${text} ${channel.reading.unit ?? ''}`.trim();
}

function createRow(
  channel: LiveChannel,
  texts: SensorTexts,
  leaveOut: (name: string) => void,
): Row {
  const { name, label } = channel;
  const swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });
  const link = element(
    'a',
    { href: sensorAddress({ names: [name], range: USUAL }), lang: 'en' },
    label,
  );
  const reason = element('span', { class: 'reason' });
  const limits = element('span', { class: 'age' });
  const value = element('td', { 'data-label': texts('value') });
  const cell = (key: 'lowest' | 'mean' | 'highest') => element('td', { 'data-label': texts(key) });
  const figures = { low: cell('lowest'), mean: cell('mean'), high: cell('highest') };
  const remove = element(
    'button',
    { type: 'button', 'aria-label': texts('leaveOut', { name: label }) },
    '×',
  );
  remove.addEventListener('click', () => leaveOut(name));
  const title = element('th', { scope: 'row' }, swatch, link, reason, limits);
  const { low, mean, high } = figures;
  const node = element('tr', {}, title, value, low, mean, high, element('td', {}, remove));
  return { node, value, reason, limits, figures, swatch, remove, channel };
}
