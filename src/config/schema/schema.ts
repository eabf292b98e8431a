import { z } from 'zod';
import type { Drivers } from '../../driver-kit/driver.ts';
import type { PayloadForm } from '../../driver-kit/reading.ts';
import { duration, size } from '../../driver-kit/units.ts';
import { type HomeAssistantConfig, homeAssistantSchema } from './home-assistant.ts';
import { type HttpConfig, httpSchema } from './http.ts';
import { type Limits, limitsSchema } from './limits.ts';
import { type ListenerConfig, listenerSchema } from './listeners.ts';
import { namesSchema, type PlantNames } from './names.ts';
import { type OutputConfig, outputSchema } from './outputs.ts';
import { type PowerFailConfig, powerFailSchema } from './power-fail.ts';
import { payloadSchema, type SensorConfig, sensorSchema } from './sensors.ts';
import { completeUplink, type UplinkConfig, uplinkSchema } from './uplinks.ts';
import { fileSchema, text } from './values.ts';

/** The whole config, every default filled in: milliseconds and bytes. */
export interface Config extends Settings {
  /** The drivers that its sensors may name: those of the installation and those from files. */
  readonly drivers: Drivers;
}

/** The values of the config file, every default filled in: milliseconds and bytes. */
export interface Settings {
  readonly cell: string;
  /** As they are filled in: topics and names of this config have no braces. */
  readonly names?: PlantNames | undefined;
  readonly data: string;
  readonly payload: PayloadForm;
  readonly broker: {
    readonly listeners: readonly ListenerConfig[];
    readonly limits: Limits;
    /** The access file. */
    readonly access?: string | undefined;
  };
  readonly sensors: readonly SensorConfig[];
  readonly outputs: readonly OutputConfig[];
  readonly gpio: { readonly backend: 'auto' | 'chardev' | 'sysfs' | 'simulated' };
  /** Models replace all hardware. */
  readonly simulate: boolean;
  /** Undefined: power failures are not detected. */
  readonly powerFail?: PowerFailConfig | undefined;
  readonly uplinks: readonly UplinkConfig[];
  /** Undefined: the cell is not described to Home Assistant. */
  readonly homeAssistant?: HomeAssistantConfig | undefined;
  readonly store: {
    readonly readingsWithin: number;
    /** The file of the histories that are kept for days: the most bytes that it may take. */
    readonly history: { readonly bytes: number };
  };
  /** Undefined: no page. */
  readonly http?: HttpConfig | undefined;
  readonly log: { readonly level: (typeof LEVELS)[number] };
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** The schema of `cell`. */
export const cellSchema = text(
  'one level of a topic such as robotcell1: no / + or #, no $ at the start',
  /^(?!\$)[^/+#]+$/,
  64,
);

const brokerSchema = z.strictObject({
  listeners: z
    .array(listenerSchema, { error: 'a list such as [{ host: 127.0.0.1, port: 1883 }]' })
    .min(1, { error: 'at least one listener' })
    .max(16, { error: 'at most 16 listeners' })
    .prefault([{ host: '127.0.0.1', port: 1883 }])
    .describe('Addresses and ports that clients connect to.'),
  access: fileSchema
    .optional()
    .describe(
      'File of users and their topic rules, see access.md. A relative path starts at the folder of this file.',
    ),
  limits: limitsSchema.prefault({}).describe('Limits for one client and for all clients together.'),
});

const gpioSchema = z.strictObject({
  backend: z
    .enum(['auto', 'chardev', 'sysfs', 'simulated'])
    .prefault('auto')
    .describe(
      'How GPIO lines are reached: chardev (/dev/gpiochip*), sysfs (/sys/class/gpio: no counting, no bias), auto (the first of these that exists) or simulated (lines in memory only, to try a config without its hardware).',
    ),
});

const storeSchema = z.strictObject({
  readingsWithin: duration('10ms', '1h')
    .prefault('1s')
    .describe("The gateway's own readings are on disk within this time."),
  history: z
    .strictObject({
      bytes: size('1MiB', '1024GiB')
        .prefault('1GiB')
        .describe('Most that the file takes: then the oldest seconds are deleted, then minutes.'),
    })
    .prefault({})
    .describe('The file of the histories that are kept for days (`history: { keep: 90d }`).'),
});

const logSchema = z.strictObject({
  level: z.enum(LEVELS).prefault('info').describe('Lowest level that is logged.'),
});

/** A list of at most `max` elements that each begin with a name. */
function namedList<Element extends z.ZodType>(element: Element, noun: string, max: number) {
  return z
    .array(element, { error: `a list, each ${noun} beginning with "- name: …"` })
    .max(max, { error: `at most ${max} ${noun}s` })
    .prefault([]);
}

/** The schema of the whole config: strict, with defaults; its descriptions become the reference for integrators. */
export function configSchema(drivers: Drivers) {
  return z
    .strictObject({
      cell: cellSchema.describe('First level of every topic that this gateway publishes.'),
      names: namesSchema
        .optional()
        .describe(
          "Names of the plant. `{enterprise}`, `{site}`, `{area}`, `{line}` and `{cell}` in topics and in names at the plant are replaced by them: `to: '{site}/{line}/'`. See docs/plant-names.md.",
        ),
      data: text(
        'the path of a folder',
        /^(?![~$])/,
        4096,
        () => 'a path from the root such as /var/lib/cellgate: ~ and variables are not filled in',
      )
        .prefault('/var/lib/cellgate')
        .describe(
          'Folder of the database. A relative path starts at the folder in which the gateway is started.',
        ),
      payload: payloadSchema.prefault('json'),
      broker: brokerSchema.prefault({}).describe('The MQTT broker.'),
      sensors: namedList(sensorSchema(drivers), 'sensor', 5000).describe(
        'Sensors that the gateway reads.',
      ),
      outputs: namedList(outputSchema, 'output', 1000).describe(
        'Outputs that the gateway drives. Commands come on `<cell>/<name>/set`.',
      ),
      gpio: gpioSchema.prefault({}).describe('The GPIO lines of this machine.'),
      simulate: z
        .boolean({ error: 'true or false' })
        .default(false)
        .describe(
          'Whether all hardware is replaced by models, to try the config without it; as `run --simulate`. See docs/simulation.md.',
        ),
      powerFail: powerFailSchema
        .optional()
        .describe(
          'GPIO line that reports a failing supply. While the board still has power, outputs go to their safe state and all data go to disk.',
        ),
      uplinks: namedList(uplinkSchema, 'uplink', 16).describe(
        'Brokers of the plant that receive the messages.',
      ),
      homeAssistant: homeAssistantSchema
        .optional()
        .describe(
          'Describes the cell to Home Assistant, so that its sensors, outputs and alarms appear there: `homeAssistant: {}`. See docs/home-assistant.md.',
        ),
      store: storeSchema.prefault({}).describe('The database on disk.'),
      http: httpSchema
        .optional()
        .describe(
          'The web page, /metrics, /healthz and /readyz. Without this key there is no HTTP server.',
        ),
      log: logSchema.prefault({}).describe('Log of the gateway.'),
    })
    .transform(
      ({ sensors, outputs, uplinks, ...config }): Settings => ({
        ...config,
        uplinks: uplinks.map((uplink) => completeUplink(uplink, config.cell)),
        outputs: outputs.map((output) => ({
          ...output,
          payload: output.payload ?? config.payload,
        })),
        sensors: sensors.map((sensor) => ({
          ...sensor,
          payload: sensor.payload ?? config.payload,
        })),
      }),
    );
}
