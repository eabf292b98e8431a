import type { Config } from '../config/schema/schema.ts';
import { statusTopic } from '../driver-kit/cell-topics.ts';
import { type Component, componentsOf, type Described, idOf } from './components.ts';

/** The platform of each entity, by its id. */
export type Platforms = Readonly<Record<string, string>>;

/** The description of a cell for Home Assistant: one message for the device and all its entities. */
export interface Discovery {
  /** Of the retained message. */
  readonly topic: string;
  readonly platforms: Platforms;
  /** The message; `removed` are entities that it takes away, with nothing but their platform. */
  payload(removed?: Platforms): Buffer;
}

/** The description of the cell; undefined where the config asks for none. */
export function discoveryOf(
  config: Described & Pick<Config, 'homeAssistant'>,
  version: string,
): Discovery | undefined {
  const { cell, homeAssistant } = config;
  if (homeAssistant === undefined) return undefined;
  const id = `cellgate_${idOf(cell)}`;
  const components = componentsOf(config);
  const head = {
    dev: {
      ...{ identifiers: [id], name: cell },
      ...{ manufacturer: 'cellgate', model: 'edge gateway', sw_version: version },
    },
    o: { name: 'cellgate', sw_version: version },
    availability: [
      {
        ...{ topic: statusTopic(cell) },
        ...{ payload_available: 'online', payload_not_available: 'offline' },
      },
    ],
  };
  return {
    topic: `${homeAssistant.prefix}/device/${id}/config`,
    platforms: platformsOf(components),
    payload: (removed = {}) =>
      Buffer.from(JSON.stringify({ ...head, cmps: { ...components, ...bare(removed) } })),
  };
}

function platformsOf(components: Readonly<Record<string, Component>>): Platforms {
  return Object.fromEntries(Object.entries(components).map(([id, { p }]) => [id, p]));
}

function bare(removed: Platforms): Readonly<Record<string, Pick<Component, 'p'>>> {
  return Object.fromEntries(
    Object.entries(removed).map(([id, p]) => [id, { p: p as Component['p'] }]),
  );
}
