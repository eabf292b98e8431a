import { z } from 'zod';
import type { Drivers } from '../../driver-kit/driver.ts';
import type { PayloadForm } from '../../driver-kit/reading.ts';
import { duration, size } from '../../driver-kit/units.ts';
import { type OutputConfig, outputSchema } from './outputs.ts';
import { type PowerFailConfig, powerFailSchema } from './power-fail.ts';
import { payloadSchema, type SensorConfig, sensorSchema } from './sensors.ts';
import { completeUplink, type UplinkConfig, uplinkSchema } from './uplinks.ts';
import { mapSuchAs, text, wholeNumber } from './values.ts';

/** Paths are absolute once loaded. `clientCert` says whether a client must show a certificate that `ca` signed. */
export interface TlsConfig {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
  readonly clientCert: 'none' | 'optional' | 'required';
}

/** One door of the broker. `anonymous` is resolved: true lets in a client that shows neither a user nor a certificate. */
export interface ListenerConfig {
  readonly host: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'ws';
  readonly tls?: TlsConfig;
  readonly anonymous: boolean;
  /** Web pages of other addresses that may connect, in lower case; `*`: any. */
  readonly origins?: readonly string[] | undefined;
}

/** Where people look at the gateway. Without `tls` it is on loopback. */
export interface HttpConfig {
  readonly host: string;
  readonly port: number;
  readonly tls?: Pick<TlsConfig, 'cert' | 'key'>;
}

/** The bounds of the broker: counts, bytes and milliseconds. */
export type Limits = Readonly<z.output<typeof limitsSchema>>;

/** The whole config, every default filled in: milliseconds and bytes. */
export interface Config extends Settings {
  /** The drivers that its sensors may name: those of the install and those from files. */
  readonly drivers: Drivers;
}

/** What the config file says, every default filled in: milliseconds and bytes. */
export interface Settings {
  readonly cell: string;
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
  /** Undefined: power failures are not looked for. */
  readonly powerFail?: PowerFailConfig | undefined;
  readonly uplinks: readonly UplinkConfig[];
  readonly store: { readonly readingsWithin: number };
  /** Undefined: no page. */
  readonly http?: HttpConfig | undefined;
  readonly log: { readonly level: (typeof LEVELS)[number] };
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/i;

/** Whether only programs on this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** The schema of `cell`. */
export const cellSchema = text(
  'one level of a topic such as robotcell1: no / + or #, no $ at the start',
  /^(?!\$)[^/+#]+$/,
  64,
);
const fileSchema = text('the path of a file', /./, 4096);

const hostSchema = text(
  'an IP address or a host name, e.g. 127.0.0.1 or 0.0.0.0',
  /^[A-Za-z0-9.:_-]+$/,
  253,
).describe('Address to listen on; 0.0.0.0 or :: for every network interface.');
const serverFiles = {
  cert: fileSchema.describe('Certificate chain, PEM. Relative to the folder of this file.'),
  key: fileSchema.describe('Private key, PEM; other users must not be able to read it.'),
};

const tlsSchema = z.strictObject(
  {
    ...serverFiles,
    ca: fileSchema
      .optional()
      .describe('Certificate authority that signs the client certificates, PEM.'),
    clientCert: z
      .enum(['none', 'optional', 'required'])
      .prefault('none')
      .describe('Whether clients show a certificate that `ca` signed.'),
  },
  mapSuchAs('{ cert: gateway.crt, key: gateway.key }'),
);

/** The schema of one listener. */
export const listenerSchema = z
  .strictObject(
    {
      host: hostSchema,
      port: wholeNumber(0, 65535).describe('TCP port; 0 takes any free one.'),
      protocol: z.enum(['tcp', 'ws']).prefault('tcp').describe('MQTT over TCP or over WebSocket.'),
      tls: tlsSchema.optional().describe('Encrypts the connections.'),
      anonymous: z
        .boolean()
        .optional()
        .describe(
          'Lets in clients that show neither a user nor a certificate; true on loopback, false elsewhere.',
        ),
      origins: z
        .array(
          text(
            'the origin of a web page such as https://hmi.example, or *',
            /^(https?:\/\/[^/\s]+|\*)$/i,
            270,
          ).transform((origin) => origin.toLowerCase()),
          { error: 'a list such as [https://hmi.example]' },
        )
        .max(100, { error: 'at most 100 origins' })
        .optional()
        .describe(
          "Web pages from elsewhere that may connect with a browser over WebSocket; the gateway's own always may.",
        ),
    },
    mapSuchAs('{ host: 127.0.0.1, port: 1883 }'),
  )
  .transform(
    ({ anonymous, ...listener }) =>
      ({ ...listener, anonymous: anonymous ?? isLoopback(listener.host) }) as ListenerConfig,
  );

/** The schema of `http`. */
export const httpSchema = z
  .strictObject(
    {
      host: hostSchema.prefault('127.0.0.1'),
      port: wholeNumber(0, 65535).prefault(8080).describe('TCP port; 0 takes any free one.'),
      tls: z
        .strictObject(serverFiles, mapSuchAs('{ cert: gateway.crt, key: gateway.key }'))
        .optional()
        .describe('Encrypts the connections; needed on an address that is not loopback.'),
    },
    mapSuchAs('{ host: 127.0.0.1, port: 8080 }'),
  )
  .transform((http) => http as HttpConfig);

const limitsSchema = z.strictObject({
  connections: wholeNumber(1, 100_000).prefault(1000).describe('Clients connected at once.'),
  connectionsPerAddress: wholeNumber(1, 100_000)
    .prefault(100)
    .describe('Clients connected at once from one address.'),
  packet: size('1KiB', '255MiB').prefault('1MiB').describe('Largest MQTT packet.'),
  inflight: wholeNumber(1, 65_535)
    .prefault(20)
    .describe('Messages sent to one client that it has not acknowledged yet.'),
  queuedMessages: wholeNumber(1, 100_000_000)
    .prefault(100_000)
    .describe('Messages that wait for one session.'),
  queuedBytes: size('1KiB', '1024GiB')
    .prefault('256MiB')
    .describe('Bytes that wait for one session.'),
  queuedAge: duration('1s', '3650d')
    .prefault('7d')
    .describe('How long a message waits for a session.'),
  queueFull: z
    .enum(['drop-oldest', 'drop-newest'])
    .prefault('drop-oldest')
    .describe('What gives way when a queue is full.'),
  sessionExpiry: duration('1s', '3650d')
    .prefault('7d')
    .describe('How long the session of a client that stays away is kept.'),
  keepalive: duration('1s', '18h')
    .prefault('10m')
    .describe(
      'Silence after which the network is asked whether a client is still there (TCP keep-alive).',
    ),
  connectTimeout: duration('100ms', '10m')
    .prefault('10s')
    .describe('How long a new connection may take to say CONNECT.'),
  retainedMessages: wholeNumber(1, 100_000_000).prefault(100_000).describe('Retained messages.'),
  retainedBytes: size('1KiB', '1024GiB').prefault('256MiB').describe('Bytes of retained messages.'),
});

/** The schema of the whole config: strict, with defaults; its description is the reference for integrators. */
export function configSchema(drivers: Drivers) {
  return z
    .strictObject({
      cell: cellSchema.describe('First level of every topic that this gateway publishes.'),
      data: text('the path of a folder', /./, 4096)
        .prefault('/var/lib/cellgate')
        .describe(
          'Folder of the database. Relative to the folder in which the gateway is started.',
        ),
      payload: payloadSchema.prefault('json'),
      broker: z
        .strictObject({
          listeners: z
            .array(listenerSchema, { error: 'a list such as [{ host: 127.0.0.1, port: 1883 }]' })
            .min(1, { error: 'at least one listener' })
            .max(16, { error: 'at most 16 listeners' })
            .prefault([{ host: '127.0.0.1', port: 1883 }])
            .describe('Where clients connect.'),
          access: fileSchema
            .optional()
            .describe(
              'File of users and their topic rules, see access.md. Relative to the folder of this file.',
            ),
          limits: limitsSchema.prefault({}).describe('What one client and all together may use.'),
        })
        .prefault({})
        .describe('The MQTT broker.'),
      sensors: z
        .array(sensorSchema(drivers), { error: 'a list, each sensor beginning with "- name: …"' })
        .max(1000, { error: 'at most 1000 sensors' })
        .prefault([])
        .describe('What is measured.'),
      outputs: z
        .array(outputSchema, { error: 'a list, each output beginning with "- name: …"' })
        .max(1000, { error: 'at most 1000 outputs' })
        .prefault([])
        .describe('What is driven, by commands on <cell>/<name>/set.'),
      gpio: z
        .strictObject({
          backend: z
            .enum(['auto', 'chardev', 'sysfs', 'simulated'])
            .prefault('auto')
            .describe(
              'How lines are reached: chardev (/dev/gpiochip*), sysfs (/sys/class/gpio: no counting, no bias), or the first of them that is there. simulated: lines in memory alone, to try a config without its hardware.',
            ),
        })
        .prefault({})
        .describe('The GPIO lines of this machine.'),
      powerFail: powerFailSchema
        .optional()
        .describe(
          'The line that tells of a failing supply: outputs go safe, and all goes to disk, while the board still lasts.',
        ),
      uplinks: z
        .array(uplinkSchema, { error: 'a list, each uplink beginning with "- name: …"' })
        .max(16, { error: 'at most 16 uplinks' })
        .prefault([])
        .describe('Plant brokers that get the messages.'),
      store: z
        .strictObject({
          readingsWithin: duration('10ms', '1h')
            .prefault('1s')
            .describe("The gateway's own readings are on disk within this time."),
        })
        .prefault({})
        .describe('The database on disk.'),
      http: httpSchema
        .optional()
        .describe('The web page, /metrics, /healthz and /readyz. Without it there is none.'),
      log: z
        .strictObject({
          level: z.enum(LEVELS).prefault('info').describe('Least level that is logged.'),
        })
        .prefault({})
        .describe('What the gateway says about itself.'),
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
