import { Detail } from './detail.ts';
import { createKeyed, element, setAttribute, setText } from './dom.ts';
import type { Gateway } from './gateway.ts';
import { createHistoryLoader } from './history-loader.ts';
import type { ChannelGroup, LiveChannel, Readings } from './readings.ts';
import { createSensorSearch } from './sensor-search.ts';
import {
  createSensorTile,
  drawable,
  type SensorTile,
  showAge,
  showRange,
  showReading,
  subjectOf,
} from './sensor-tile.ts';
import { translate } from './translations.ts';

/** Up to so many tiles need no search. */
const TILES_WITHOUT_SEARCH = 24;

interface Group {
  readonly node: HTMLLIElement;
  readonly head: HTMLElement;
  readonly count: HTMLElement;
  readonly tiles: ReturnType<typeof createKeyed<LiveChannel, SensorTile>>;
  end(): void;
}

/** One tile for each channel of each sensor, by group. */
export function createSensors(gateway: Gateway, readings: Readings) {
  const list = element('ul', { class: 'sections' });
  const nothing = element('p', { class: 'empty', hidden: true, role: 'status' });
  const tileOf = new Map<Element, SensorTile>();
  const groups = createKeyed<ChannelGroup, Group>(list, (group) => createGroup(group, create));
  const tiles = (): SensorTile[] =>
    [...groups.parts.values()].flatMap((group) => [...group.tiles.parts.values()]);

  const create = (channel: LiveChannel): SensorTile => {
    const tile = createSensorTile(channel);
    tileOf.set(tile.node, tile);
    visibility.observe(tile.node);
    tile.open.addEventListener('click', () => detail.open(subjectOf(channel)));
    return Object.assign(tile, {
      end(): void {
        visibility.unobserve(tile.node);
        tileOf.delete(tile.node);
        tile.chart.end();
      },
    });
  };

  const search = createSensorSearch(() => filter());
  const matches = ({ channel }: SensorTile): boolean =>
    search.matches(`${channel.name} ${translate(channel.reading.quality)}`);
  let columns = 1;
  const filter = (): void => {
    const found = filterGroups(groups.parts.values(), matches, columns);
    nothing.hidden = found > 0;
    const isSearch = !search.empty;
    setText(nothing, translate(isSearch ? 'nothingFound' : 'noSensors', { text: search.text }));
  };
  const detail = new Detail(gateway);

  const load = createHistoryLoader<SensorTile>(gateway, (tile, series) => {
    tile.hasHistory = true;
    tile.chart.show(series);
    showRange(tile);
  });
  const visibility = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const tile = tileOf.get(target);
      if (!tile) continue;
      tile.visible = isIntersecting;
      if (isIntersecting && !tile.hasHistory) load(tile);
    }
  });

  new ResizeObserver(() => {
    // A group that is wider than the list would add columns to it.
    for (const { node } of groups.parts.values()) node.style.setProperty('grid-column', 'auto');
    columns = getComputedStyle(list).gridTemplateColumns.split(' ').length;
    filter();
  }).observe(list);

  let arranged: readonly ChannelGroup[] | undefined;
  const arrange = (): void => {
    if (readings.groups === arranged) return;
    arranged = readings.groups;
    groups.show(
      arranged,
      ({ name }) => name,
      (group, shown) => showGroup(group, shown, arranged?.length === 1),
    );
    search.node.hidden = readings.size <= TILES_WITHOUT_SEARCH && search.empty;
    filter();
  };

  return {
    node: element('div', {}, search.node, nothing, list),
    /** Brings a group to the screen. */
    go(name: string): void {
      groups.parts.get(name)?.node.scrollIntoView();
    },
    /** Called a few times a second: updates only what has changed and is on the screen. */
    render(): void {
      detail.render();
      arrange();
      const now = gateway.now();
      for (const tile of tileOf.values()) {
        if (tile.shown !== tile.channel.changes) showReading(tile);
        if (tile.visible) showAge(tile, now);
      }
    },
    /** Called every few seconds. */
    advance(): void {
      detail.advance();
      for (const tile of tiles()) {
        if (!tile.hasHistory) continue;
        tile.chart.add(gateway.now(), drawable(tile.channel.reading.value));
        if (tile.visible) showRange(tile);
      }
    },
    /** Loads the charts again: after a time without the gateway they have gaps. */
    reload(): void {
      void detail.reload();
      for (const tile of tiles()) {
        tile.hasHistory = false;
        if (tile.visible) load(tile);
      }
    },
  };
}

/** Hides the tiles that do not match, and the groups without a tile; returns how many tiles are left. */
function filterGroups(
  groups: Iterable<Group>,
  matches: (tile: SensorTile) => boolean,
  columns: number,
): number {
  let found = 0;
  for (const { node, tiles } of groups) {
    let visible = 0;
    for (const tile of tiles.parts.values()) {
      tile.node.hidden = !matches(tile);
      if (!tile.node.hidden) visible += 1;
    }
    node.hidden = visible === 0;
    // A small group leaves room beside it.
    node.style.setProperty('grid-column', `span ${Math.max(1, Math.min(visible, columns))}`);
    found += visible;
  }
  return found;
}

function createGroup({ name }: ChannelGroup, create: (channel: LiveChannel) => SensorTile): Group {
  const heading = name === '' ? translate('otherSensors') : name;
  const title = element('h3', { class: 'group-title', lang: 'en' }, heading);
  const count = element('span', { class: 'quality' });
  const head = element('div', { class: 'head' }, title, count);
  const list = element('ul', { class: 'tiles' });
  const node = element('li', { class: 'section', 'data-group': name }, head, list);
  const tiles = createKeyed(list, create);
  const end = (): void =>
    tiles.show(
      [],
      () => '',
      () => undefined,
    );
  return { node, head, count, tiles, end };
}

function showGroup(
  { head, count, tiles }: Group,
  { channels, worst }: ChannelGroup,
  isOnly: boolean,
): void {
  setAttribute(head, 'data-quality', worst);
  const of = channels.filter(({ reading }) => reading.quality === worst).length;
  setText(count, `${of} ${translate(worst)}`);
  // One group needs no name.
  head.hidden = isOnly;
  tiles.show(
    channels,
    ({ topic }) => topic,
    () => undefined,
  );
}
