import { createKeyed, element, setAttribute, setText } from './dom.ts';
import type { ChannelGroup, LiveChannel } from './readings.ts';
import type { SensorTile } from './sensor-tile.ts';
import { translate } from './translations.ts';

/** A group of tiles with its heading. */
export interface TileGroup {
  readonly node: HTMLLIElement;
  readonly head: HTMLElement;
  readonly count: HTMLElement;
  readonly tiles: ReturnType<typeof createKeyed<LiveChannel, SensorTile>>;
  end(): void;
}

/** Hides the tiles that do not match, and the groups without a tile; returns how many tiles are left. */
export function filterGroups(
  groups: Iterable<TileGroup>,
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

/** A group without tiles. */
export function createTileGroup(
  { name }: ChannelGroup,
  create: (channel: LiveChannel) => SensorTile,
): TileGroup {
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

/** Shows its channels; a group that is the only one has no heading. */
export function showTileGroup(
  { head, count, tiles }: TileGroup,
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

/** Calls back with the number of columns of the list, at first and when its width changes. */
export function watchColumns(
  list: Element,
  groups: ReadonlyMap<string, TileGroup>,
  changed: (columns: number) => void,
): void {
  new ResizeObserver(() => {
    // A group that is wider than the list would add columns to it.
    for (const { node } of groups.values()) node.style.setProperty('grid-column', 'auto');
    changed(getComputedStyle(list).gridTemplateColumns.split(' ').length);
  }).observe(list);
}
