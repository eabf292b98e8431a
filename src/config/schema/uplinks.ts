import { z } from 'zod';
import { hasSecret } from '../../base/secrets.ts';
import { duration } from '../../driver-kit/units.ts';
import { topicProblem } from '../../mqtt/topics.ts';
import type { QueueConfig } from './queue.ts';
import { type SparkplugConfig, sparkplugSchema } from './sparkplug.ts';
import { type InRoute, type OutRoute, routeSchema, uplinkQueueSchema } from './uplink-routes.ts';
import { expectation, mapSuchAs, text, wholeNumber } from './values.ts';

export interface UplinkTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly alpn: readonly string[];
  readonly serverName?: string;
}

/** One plant broker, every default filled in: milliseconds and bytes. */
export interface UplinkConfig {
  readonly name: string;
  /** In the order in which they are tried. */
  readonly urls: readonly string[];
  /** The addresses are nodes of one cluster, which share their sessions. */
  readonly cluster?: boolean;
  /** Undefined: 5, or 4 where the plant does not take 5. */
  readonly protocol?: 4 | 5;
  readonly clientId: string;
  readonly username?: string;
  /** Where the password is: `credential:NAME`, `file:PATH` or `env:NAME`. */
  readonly password?: string;
  readonly tls?: UplinkTls;
  readonly keepalive: number;
  readonly sessionExpiry: number;
  readonly inflight: number;
  /** Longest pause between two attempts to connect. */
  readonly reconnectMax: number;
  /** Time between two probes; 0 for none. */
  readonly probe: number;
  /** Share of the connection for new messages while a backlog is sent, 0 to 0.9. */
  readonly live: number;
  /** Most messages per second from the backlog; undefined for no limit. */
  readonly drainRate?: number;
  /** Topic at the plant that says `online` or `offline`. */
  readonly status: string;
  readonly queue: QueueConfig;
  readonly out: readonly OutRoute[];
  readonly in: readonly InRoute[];
  /** The messages at the plant have the form of Sparkplug B; undefined: they are as they are here. */
  readonly sparkplug?: SparkplugConfig;
}

const ROUTES = "a list such as [{ out: '#', to: plant/line4/ }]";
const URL_SHAPE = /^(mqtts?|wss?):\/\/(\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?(\/\S*)?$/i;
const ADDRESS = 'an address such as mqtts://plant.example:8883';
const NO_SECRET = `${ADDRESS}, without user, password or token: username and password have their own keys`;
const urlSchema = text(
  `${ADDRESS} (mqtt, mqtts, ws or wss; user and password have their own keys)`,
  URL_SHAPE,
  1024,
  (url) => (hasSecret(url) ? NO_SECRET : undefined),
).refine((url) => !hasSecret(url), { error: NO_SECRET, params: expectation });

const tlsSchema = z.strictObject(
  {
    ca: text('the path of a file', /./, 4096)
      .optional()
      .describe(
        "Certificate authority that signed the plant's certificate, PEM. Default: the authorities of the system.",
      ),
    cert: text('the path of a file', /./, 4096)
      .optional()
      .describe('Certificate that the gateway shows, PEM.'),
    key: text('the path of a file', /./, 4096)
      .optional()
      .describe('Private key of `cert`, PEM. Other users must not be able to read it.'),
    alpn: z
      .array(text('a protocol name such as x-amzn-mqtt-ca', /./, 255), { error: 'a list of names' })
      .max(8, { error: 'at most 8 names' })
      .prefault([])
      .describe('Protocols offered with ALPN.'),
    serverName: text('a host name', /^[\w.-]+$/, 253)
      .optional()
      .describe("Name that the plant's certificate must have. Default: the host of the address."),
  },
  mapSuchAs('{ ca: plant-ca.crt }'),
);

/** The schema of `password`. The value itself is never printed. */
const passwordSchema = text(
  'credential:NAME, file:PATH or env:NAME: where the password is, never the password itself',
  /^(credential:[\w.-]+|file:\S+|env:[A-Za-z_]\w*)$/,
  4096,
);

/** The schema of one uplink. */
export const uplinkSchema = z
  .strictObject(
    {
      name: text('a name such as plant', /^[\w-]+$/, 64).describe(
        'Name of the uplink and of its queue. With another name, it starts with an empty queue.',
      ),
      url: urlSchema.optional().describe('Address of the plant broker.'),
      urls: z
        .array(urlSchema, { error: 'a list of addresses' })
        .min(1, { error: 'at least one address' })
        .max(8, { error: 'at most 8 addresses' })
        .optional()
        .describe(
          'Several addresses instead of url, tried in order. The gateway returns to the first one.',
        ),
      cluster: z
        .boolean({ error: 'true or false' })
        .optional()
        .describe(
          'Whether the addresses of urls are nodes of one cluster that share their sessions. Then the gateway stays at the node that works, and does not return to the first one. Default: false, each is a separate plant.',
        ),
      protocol: z
        .literal([4, 5], { error: '4 (MQTT 3.1.1) or 5' })
        .optional()
        .describe(
          'MQTT version: 4 (3.1.1) or 5. Default: 5, or 3.1.1 where the plant does not take 5.',
        ),
      clientId: text('a client id', /./, 256)
        .optional()
        .describe('Client id at the plant. Default: `<cell>-<name>`.'),
      username: text('a user name', /./, 1024).optional().describe('User name at the plant.'),
      password: passwordSchema
        .optional()
        .describe('Where the password is: credential:NAME (systemd), file:PATH or env:NAME.'),
      tls: tlsSchema.optional().describe('Settings for mqtts and wss.'),
      keepalive: duration('1s', '18h')
        .prefault('30s')
        .describe('Longest silence on the connection (MQTT keep-alive).'),
      sessionExpiry: duration('1m', '3650d')
        .prefault('7d')
        .describe('How long the plant keeps the session of the gateway (MQTT 5).'),
      inflight: wholeNumber(1, 1000)
        .prefault(100)
        .describe('Most messages sent that the plant has not acknowledged yet.'),
      reconnectMax: duration('1s', '1h')
        .prefault('60s')
        .describe(
          'Longest pause between two attempts to connect; the shortest is 1s. A pause is at most half of the time since the connection was lost, or 3s.',
        ),
      probe: z
        .union([z.literal('off'), duration('1s', '1d')], {
          error: 'off, or a duration of 1s to 1d, written like 30s or 5m',
        })
        .prefault('30s')
        .describe(
          'How often a message is sent to the plant and back, to check that messages flow.',
        ),
      live: z
        .number({ error: 'a number from 0 to 0.9' })
        .min(0, { error: 'a number from 0 to 0.9' })
        .max(0.9, { error: 'a number from 0 to 0.9' })
        .prefault(0)
        .describe(
          'Share of the connection for new messages while a backlog is sent. Above 0, new messages overtake older ones of their topic.',
        ),
      drainRate: wholeNumber(1, 1_000_000)
        .optional()
        .describe('Most messages per second from the backlog. Default: no limit.'),
      status: z
        .string({ error: 'a topic such as robotcell1/status' })
        .refine((word) => topicProblem(word) === undefined && !word.startsWith('$'), {
          error: 'a topic such as robotcell1/status',
          params: expectation,
        })
        .optional()
        .describe('Topic at the plant that says online or offline. Default: `<cell>/status`.'),
      queue: uplinkQueueSchema.prefault({}).describe('Limits of the queue for the plant.'),
      routes: z
        .array(routeSchema, { error: ROUTES })
        .min(1, { error: 'at least one route' })
        .max(1000, { error: 'at most 1000 routes' })
        .optional()
        .describe(
          'Messages that go to the plant and messages that come from it. Required, except with `sparkplug`: there they choose sensors and outputs, and all are sent by default.',
        ),
      sparkplug: sparkplugSchema
        .optional()
        .describe('Makes the gateway an edge node of Sparkplug B 3.0. See sparkplug.md.'),
    },
    mapSuchAs('{ name: plant, url: mqtts://plant.example, routes: […] }'),
  )
  .check((ctx) => {
    if (ctx.issues.length > 0) return;
    const { url, urls, tls, password, username, protocol, routes = [], sparkplug } = ctx.value;
    const push = (path: readonly PropertyKey[], message: string): void => {
      ctx.issues.push({ code: 'custom', input: ctx.value, path: [...path], message });
    };
    if ((url === undefined) === (urls === undefined)) {
      const found = url === undefined ? 'neither url nor urls' : 'both url and urls';
      push(url === undefined ? [] : ['urls'], `found ${found}, expected one of them`);
    }
    if (ctx.value.cluster && (sparkplug || (urls ?? []).length < 2)) {
      const message = sparkplug
        ? 'an edge node of Sparkplug keeps no session, expected no such key'
        : 'has no effect with one address, expected urls with the addresses of all nodes, or no such key';
      push(['cluster'], message);
    }
    const secure = [url ?? '', ...(urls ?? [])].some((one) => /^(mqtts|wss):/i.test(one));
    if (tls && !secure) {
      push(
        ['tls'],
        'has no effect without encryption, expected an address with mqtts:// or wss://',
      );
    }
    if (tls && (tls.cert === undefined) !== (tls.key === undefined)) {
      const key = tls.cert === undefined ? 'key' : 'cert';
      push(['tls', key], `found ${key} alone, expected cert and key together`);
    }
    if (password !== undefined && username === undefined && protocol === 4) {
      push(['password'], 'found a password without a username, expected both (MQTT 3.1.1)');
    }
    if (!ctx.value.routes && !sparkplug) push(['routes'], `missing, expected ${ROUTES}`);
    if (sparkplug) {
      for (const [path, message] of sparkplugProblems(ctx.value)) push(path, message);
    }
    if (routes.filter(({ queue }) => queue !== undefined).length > MOST_OWN_QUEUES) {
      push(['routes'], `expected at most ${MOST_OWN_QUEUES} routes with their own queue`);
    }
  })
  .transform(
    ({ url, urls, tls, routes = [], probe, sparkplug, ...uplink }): PartialUplink => ({
      ...defined(uplink),
      urls: urls ?? [url ?? ''],
      // The answers to the messages of a Sparkplug node prove the connection.
      probe: probe === 'off' || sparkplug ? 0 : probe,
      ...(sparkplug ? { sparkplug } : {}),
      ...(tls ? { tls: defined(tls) as UplinkTls } : {}),
      routes: routes.map((route): OutRoute | InRoute => {
        const { in: remote, out, to = '', strip = '', qos, priority, queue } = route;
        if (remote !== undefined) {
          return { in: remote, strip, to, qos, retain: route.retain ?? 'clear' };
        }
        return {
          out: out ?? '',
          to,
          qos,
          retain: route.retain ?? 'keep',
          priority: priority ?? 'normal',
          ...(queue ? { queue } : {}),
        };
      }),
    }),
  );

/** Each queue has its own range of packet identifiers at the plant. */
const MOST_OWN_QUEUES = 28;

/** An uplink before the defaults that depend on the cell are filled in. */
export type PartialUplink = Omit<UplinkConfig, 'clientId' | 'status' | 'out' | 'in'> & {
  readonly clientId?: string;
  readonly status?: string;
  readonly routes: readonly (OutRoute | InRoute)[];
};

/** The uplink with the defaults that depend on the cell, and its routes by direction. */
export function completeUplink(uplink: PartialUplink, cell: string): UplinkConfig {
  const { routes: given, clientId, status, ...rest } = uplink;
  const all: OutRoute = { out: `${cell}/#`, to: '', qos: 1, retain: 'clear', priority: 'normal' };
  const routes = given.length === 0 ? [all] : given;
  return {
    ...rest,
    clientId: clientId ?? `${cell}-${uplink.name}`,
    status: status ?? `${cell}/status`,
    out: routes.filter((route): route is OutRoute => 'out' in route),
    in: routes.filter((route): route is InRoute => 'in' in route),
  };
}

/** Keys that have no meaning for messages whose form and topics Sparkplug gives. */
function* sparkplugProblems({
  status,
  routes = [],
}: {
  readonly status?: string | undefined;
  readonly routes?: readonly Readonly<Record<string, unknown>>[] | undefined;
}): Iterable<[path: readonly PropertyKey[], message: string]> {
  if (status !== undefined) {
    yield [['status'], 'certificates of birth and death say this, expected no such key'];
  }
  for (const [index, route] of routes.entries()) {
    if (route.in !== undefined) {
      const message = 'commands come by NCMD and DCMD, expected only routes with "out"';
      yield [['routes', index, 'in'], message];
    }
    if (route.out !== undefined && (route.to ?? '') !== '') {
      yield [['routes', index, 'to'], 'Sparkplug gives the topics, expected no such key'];
    }
  }
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** The value without undefined keys, as `exactOptionalPropertyTypes` requires. */
function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== undefined),
  ) as Defined<T>;
}
