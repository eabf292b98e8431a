import { createKeyed, element, setAttribute, setText } from './dom.ts';
import { valueText } from './reading-text.ts';
import type { ChannelGroup, LiveChannel, Readings } from './readings.ts';
import { reasonText } from './reasons.ts';
import { addressOf } from './router.ts';
import { translate } from './translations.ts';
import type { VisibleNodes } from './visible-nodes.ts';

/** Channels of a card at most; the others are on the tab of the sensors. */
const ROWS = 12;

interface Row {
  readonly node: HTMLLIElement;
  readonly value: HTMLElement;
  channel: LiveChannel;
  changes: number;
  end(): void;
}

/** One small card for each group of sensors: its channels with their values. */
export function createGroupCards(readings: Readings, visible: VisibleNodes) {
  const list = element('ul', { class: 'groups' });
  const cards = createKeyed<ChannelGroup, ReturnType<typeof createCard>>(list, (group) =>
    createCard(group, visible),
  );
  let shown: readonly ChannelGroup[] | undefined;
  return {
    node: list,
    /** Called a few times a second: updates only what has changed. */
    render(): void {
      if (readings.groups !== shown) {
        shown = readings.groups;
        cards.show(
          shown,
          ({ name }) => name,
          (card, group) => card.show(group),
        );
      }
      for (const card of cards.parts.values()) card.render();
    },
  };
}

function createCard({ name }: ChannelGroup, visible: VisibleNodes) {
  const title = name === '' ? translate('otherSensors') : name;
  const link = element('a', { href: addressOf('sensors', name), lang: 'en' }, title);
  const count = element('span', { class: 'quality' });
  const list = element('ul', { class: 'values' });
  const more = element('a', { class: 'others', href: addressOf('sensors', name) });
  const head = element('div', { class: 'head' }, element('h3', {}, link), count);
  const node = element('li', { class: 'card group' }, head, list, more);
  const rows = createKeyed<LiveChannel, Row>(list, (channel) => createRow(channel, name, visible));
  return {
    node,
    show({ channels, worst }: ChannelGroup): void {
      setAttribute(node, 'data-quality', worst);
      const of = channels.filter(({ reading }) => reading.quality === worst).length;
      setText(count, `${of} ${translate(worst)}`);
      rows.show(
        channels.slice(0, ROWS),
        ({ topic }) => topic,
        (row, channel) => {
          row.channel = channel;
        },
      );
      more.hidden = channels.length <= ROWS;
      setText(more, translate('othersToo', { count: String(channels.length - ROWS) }));
    },
    render(): void {
      for (const row of rows.parts.values()) showRow(row);
    },
    end(): void {
      for (const row of rows.parts.values()) row.end();
    },
  };
}

function createRow(channel: LiveChannel, group: string, visible: VisibleNodes): Row {
  const { name, label } = channel;
  // Its heading has the first level of the name.
  const text =
    label === name && name.startsWith(`${group}/`) ? name.slice(group.length + 1) : label;
  const value = element('span', { class: 'value' });
  const title = element('span', { class: 'name', lang: 'en', title: name }, text);
  const node = element('li', {}, title, value);
  visible.observe(node, channel.topic);
  return { node, value, channel, changes: -1, end: () => visible.unobserve(node) };
}

function showRow(row: Row): void {
  const { node, value, channel } = row;
  if (row.changes === channel.changes) return;
  row.changes = channel.changes;
  const { quality, reason } = channel.reading;
  setAttribute(node, 'data-quality', quality);
  setText(value, quality === 'bad' ? translate('bad') : valueText(channel));
  setAttribute(value, 'title', reason && reasonText(reason));
}
