import type { SensorStatus } from '../sensors/sampler.ts';
import { Detail } from './detail.ts';
import { createKeyed, element } from './dom.ts';
import type { Gateway } from './gateway.ts';
import { createHistoryLoader } from './history-loader.ts';
import { parseReading } from './reading.ts';
import { createSensorSearch } from './sensor-search.ts';
import {
  type Channel,
  createSensorTile,
  drawable,
  type SensorTile,
  showAge,
  showRange,
  showReading,
  subjectOf,
  takeReading,
  takeStatus,
} from './sensor-tile.ts';
import { translate } from './translations.ts';

/** Up to so many tiles need no search. */
const TILES_WITHOUT_SEARCH = 24;

/** One tile for each channel of each sensor. */
export function createSensors(gateway: Gateway, cell: () => string) {
  const list = element('ul', { class: 'tiles' });
  const tiles = createKeyed<Channel, SensorTile>(list, (channel) => {
    const tile = createSensorTile(channel, cell());
    visibility.observe(tile.node);
    tile.open.addEventListener('click', () => detail.open(subjectOf(tile)));
    return tile;
  });

  const filter = (tile: SensorTile): void => {
    tile.node.hidden = !search.matches(`${tile.name} ${translate(tile.reading.quality)}`);
  };
  const search = createSensorSearch(() => {
    for (const tile of tiles.parts.values()) filter(tile);
  });
  const detail = new Detail(gateway);

  const load = createHistoryLoader<SensorTile>(gateway, (tile, series) => {
    tile.hasHistory = true;
    tile.chart.show(series);
    showRange(tile);
  });
  const visibility = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const tile = [...tiles.parts.values()].find(({ node }) => node === target);
      if (!tile) continue;
      tile.visible = isIntersecting;
      if (isIntersecting && !tile.hasHistory) load(tile);
    }
  });

  return {
    node: element('div', {}, search.node, list),
    /** Takes the status of all sensors: creates and removes tiles, and adds the properties that a bare payload does not have. */
    show(sensors: readonly SensorStatus[]): void {
      const channels = sensors.flatMap((sensor) => sensor.channels);
      tiles.show(channels, ({ topic }) => topic, takeStatus);
      search.node.hidden = channels.length <= TILES_WITHOUT_SEARCH && search.empty;
      gateway.subscribe(channels.map(({ topic }) => topic));
    },
    /** Takes a reading; false for a topic of no sensor. */
    receive(topic: string, payload: string): boolean {
      const tile = tiles.parts.get(topic);
      if (!tile) return false;
      takeReading(tile, parseReading(payload), gateway.now());
      return true;
    },
    /** Called a few times a second: updates only what has changed and is on the screen. */
    render(): void {
      detail.render();
      const now = gateway.now();
      for (const tile of tiles.parts.values()) {
        if (!tile.shown) {
          showReading(tile);
          filter(tile);
        }
        if (tile.visible) showAge(tile, now);
      }
    },
    /** Called every few seconds. */
    advance(): void {
      detail.advance();
      for (const tile of tiles.parts.values()) {
        if (!tile.hasHistory) continue;
        tile.chart.add(gateway.now(), drawable(tile.reading.value));
        if (tile.visible) showRange(tile);
      }
    },
    /** Loads the charts again: after a time without the gateway they have gaps. */
    reload(): void {
      void detail.reload();
      for (const tile of tiles.parts.values()) {
        tile.hasHistory = false;
        if (tile.visible) load(tile);
      }
    },
  };
}
