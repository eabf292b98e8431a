import { createKeyed, element, setAttribute, setText } from './dom.ts';
import type { Gateway } from './gateway.ts';
import type { ChannelGroup, Readings } from './readings.ts';
import { createSensorSearch } from './sensor-search.ts';
import type { SensorTile } from './sensor-tile.ts';
import {
  createTileGroup,
  filterGroups,
  showTileGroup,
  type TileGroup,
  watchColumns,
} from './tile-groups.ts';
import { createTiles } from './tiles.ts';
import { translate } from './translations.ts';
import type { VisibleNodes } from './visible-nodes.ts';

/** Up to so many tiles need no search. */
const TILES_WITHOUT_SEARCH = 24;

/** One tile for each channel of each sensor, by group. */
export function createSensors(gateway: Gateway, readings: Readings, nodes: VisibleNodes) {
  const list = element('ul', { class: 'sections' });
  const nothing = element('p', { class: 'empty', hidden: true, role: 'status' });
  const groups = createKeyed<ChannelGroup, TileGroup>(list, (group) =>
    createTileGroup(group, tiles.create),
  );

  const tiles = createTiles(gateway, nodes);

  const search = createSensorSearch(() => filter());
  const matches = ({ channel }: SensorTile): boolean =>
    search.matches(`${channel.name} ${channel.label} ${translate(channel.reading.quality)}`);
  let columns = 1;
  const filter = (): void => {
    const found = filterGroups(groups.parts.values(), matches, columns);
    nothing.hidden = found > 0;
    const isSearch = !search.empty;
    setAttribute(nothing, 'data-search', isSearch);
    setText(nothing, translate(isSearch ? 'nothingFound' : 'noSensors', { text: search.text }));
  };
  watchColumns(list, groups.parts, (count) => {
    columns = count;
    filter();
  });

  let arranged: readonly ChannelGroup[] | undefined;
  const arrange = (): void => {
    if (readings.groups === arranged) return;
    arranged = readings.groups;
    groups.show(
      arranged,
      ({ name }) => name,
      (group, shown) => showTileGroup(group, shown, arranged?.length === 1),
    );
    search.node.hidden = readings.size <= TILES_WITHOUT_SEARCH && search.empty;
    filter();
  };

  return {
    node: element('div', {}, search.node, nothing, list),
    /** Whether there is a group with this name, and no value with it. */
    hasGroup(name: string): boolean {
      const isValue = [...readings.all].some((one) => one.name === name);
      return !isValue && readings.groups.some((group) => group.name === name);
    },
    /** Brings a group to the screen. */
    go(name: string): void {
      groups.parts.get(name)?.node.scrollIntoView();
    },
    /** Called a few times a second: updates only what has changed and is on the screen. */
    render(): void {
      arrange();
      tiles.render();
    },
    /** Called every few seconds. */
    advance(): void {
      tiles.advance();
    },
    /** Loads the charts again: after a time without the gateway they have gaps. */
    reload(): void {
      tiles.reload();
    },
  };
}
