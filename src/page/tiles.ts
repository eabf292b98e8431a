import type { Gateway } from './gateway.ts';
import { createHistoryLoader } from './history-loader.ts';
import type { LiveChannel } from './readings.ts';
import {
  createSensorTile,
  drawable,
  type SensorTile,
  showAge,
  showRange,
  showReading,
} from './sensor-tile.ts';
import type { VisibleNodes } from './visible-nodes.ts';

/** All tiles of sensors: each has its chart once it is on the screen. */
export function createTiles(gateway: Gateway, nodes: VisibleNodes) {
  const tileOf = new Map<Element, SensorTile>();
  const load = createHistoryLoader<SensorTile>(gateway, (tile, series) => {
    tile.hasHistory = tile.visible;
    tile.chart.show(series);
    showRange(tile);
  });
  const visibility = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const tile = tileOf.get(target);
      if (!tile) continue;
      tile.visible = isIntersecting;
      if (isIntersecting && !tile.hasHistory) load(tile);
      // Its readings do not come while it is not on the screen: the gateway has kept them.
      else if (!isIntersecting) tile.hasHistory = false;
    }
  });
  return {
    /** A tile, which is to be ended when it is removed. */
    create(channel: LiveChannel) {
      const tile = createSensorTile(channel);
      tileOf.set(tile.node, tile);
      visibility.observe(tile.node);
      nodes.observe(tile.node, tile.topic);
      return Object.assign(tile, {
        end(): void {
          visibility.unobserve(tile.node);
          nodes.unobserve(tile.node);
          tileOf.delete(tile.node);
          tile.chart.end();
        },
      });
    },
    /** Called a few times a second: updates only what has changed and is on the screen. */
    render(): void {
      const now = gateway.now();
      for (const tile of tileOf.values()) {
        if (tile.shown !== tile.channel.changes) showReading(tile);
        if (tile.visible) showAge(tile, now);
      }
    },
    /** Called every few seconds: a value that does not change has points too. */
    advance(): void {
      for (const tile of tileOf.values()) {
        if (!tile.hasHistory) continue;
        tile.chart.add(gateway.now(), drawable(tile.channel.reading.value));
        if (tile.visible) showRange(tile);
      }
    },
    /** Loads the charts again. */
    reload(): void {
      for (const tile of tileOf.values()) {
        tile.hasHistory = false;
        if (tile.visible) load(tile);
      }
    },
  };
}
