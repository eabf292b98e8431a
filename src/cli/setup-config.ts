import { isIP } from 'node:net';
import { hostSchema, isLoopback } from '../config/schema/listeners.ts';
import { cellSchema } from '../config/schema/schema.ts';
import { uplinkSchema } from '../config/schema/uplinks.ts';

/** The plant as the answers describe it. */
export interface PlantAnswers {
  readonly url: string;
  /** Topics at the plant begin with it; ends with a `/`, or is empty. */
  readonly prefix: string;
  readonly username?: string;
  /** The certificate of its authority; without it those of the system. */
  readonly ca?: string;
}

/** What `cellgate setup` has asked. */
export interface Answers {
  readonly cell: string;
  /** Of this machine on the network of the cell. */
  readonly address: string;
  /** Whether the page can be opened from the network. */
  readonly page: boolean;
  readonly plant?: PlantAnswers;
}

/** The port of the page, and of the broker with TLS. */
export const PAGE_PORT = 8080;
export const BROKER_PORT = 8883;
/** Beside the config. */
export const PLANT_PASSWORD = 'plant.password';

/** Why the name of the cell can't be used; undefined if it can. */
export function wrongCell(cell: string): string | undefined {
  return cellSchema.safeParse(cell).error?.issues[0]?.message;
}

/** Why the address can't be the one of this machine on the network; undefined if it can. */
export function wrongAddress(address: string): string | undefined {
  const isEvery = address === '0.0.0.0' || address === '::';
  if (!isEvery && !isLoopback(address) && hostSchema.safeParse(address).success) return undefined;
  return 'the address or the name by which others reach this machine, such as 192.168.1.20';
}

/** Why the plant can't be used; undefined if it can. */
export function wrongPlant({ url, prefix }: PlantAnswers): string | undefined {
  const uplink = { name: 'plant', url, routes: [{ out: '#', to: prefix }] };
  return uplinkSchema.safeParse(uplink).error?.issues[0]?.message;
}

/** The config as YAML: TLS and users on the network, plain MQTT on loopback, this computer as the first sensor. */
export function configText({ cell, address, page, plant }: Answers): string {
  const files = 'cert: tls/gateway.crt, key: tls/gateway.key';
  const http = page
    ? `http: { host: 0.0.0.0, port: ${PAGE_PORT}, tls: { ${files} } }`
    : `http: { host: 127.0.0.1, port: ${PAGE_PORT} }`;
  const host = isIP(address) === 6 ? `[${address}]` : address;
  const open = page
    ? `https://${host}:${PAGE_PORT}/`
    : `http://127.0.0.1:${PAGE_PORT}/, on this machine`;
  return `# Written by "cellgate setup". Every key: docs/config.md, in the package /usr/share/doc/cellgate/config.md.
# After a change: sudo cellgate check && sudo cellgate reload
cell: ${quoted(cell)}

broker:
  # The users, and what each may do: cellgate user add NAME.
  access: access.yaml
  listeners:
    # Programs on this machine.
    - { host: 127.0.0.1, port: 1883 }
    # The network, encrypted: clients trust tls/ca.crt.
    - { host: 0.0.0.0, port: ${BROKER_PORT}, tls: { ${files}, ca: tls/ca.crt, clientCert: optional } }

# The page: ${open}
${http}

sensors:
  # The computer itself. More examples are in /usr/share/cellgate/config.yaml.
  - { name: host, driver: host, every: 10s }
${plant ? uplinkText(plant) : ''}`;
}

function uplinkText({ url, prefix, username, ca }: PlantAnswers): string {
  const login =
    username === undefined
      ? []
      : [`username: ${quoted(username)}`, `password: file:${PLANT_PASSWORD}`];
  const lines = [
    `url: ${quoted(url)}`,
    ...login,
    ...(ca === undefined ? [] : [`tls: { ca: ${quoted(ca)} }`]),
    `routes: [{ out: '#'${prefix === '' ? '' : `, to: ${quoted(prefix)}`} }]`,
  ];
  return `\nuplinks:\n  - name: plant\n${lines.map((line) => `    ${line}\n`).join('')}`;
}

/** In quotes, as YAML reads some texts as something else. */
function quoted(text: string): string {
  return /^[a-z][\w./:@-]*$/i.test(text) &&
    !/^(true|false|null|yes|no|on|off)$/i.test(text) &&
    !text.endsWith(':')
    ? text
    : JSON.stringify(text);
}
