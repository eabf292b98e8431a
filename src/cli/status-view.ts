import type { GatewayStatus } from '../runtime/health.ts';

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
] as const;

/** A time span in its largest unit that is at least twice in it: `90 s`, `3 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  for (const [unit, size] of UNITS) {
    if (seconds >= 2 * size) return `${Math.round(seconds / size)} ${unit}`;
  }
  return `${seconds} s`;
}

/** The whole status of the gateway, one text line for each item; `now` in milliseconds since the epoch. */
export function statusLines(status: GatewayStatus, now: number): string[] {
  const { cell, version, started, sessions, clients, sensors, outputs, uplinks, store } = status;
  const { shares } = status;
  return [
    `${cell}, cellgate ${version}, up for ${duration(now - started)}`,
    '',
    ...(status.troubles.length === 0 ? ['healthy'] : status.troubles.map((one) => `! ${one}`)),
    ...section(
      'sensors',
      sensors.flatMap((sensor) => sensorRows(sensor, now)),
    ),
    ...section(
      'alarms',
      raisedAlarms(status.alarms).map((one) => [alarmText(one)]),
    ),
    ...section(
      'outputs',
      outputs.map(({ name, value, reason = '' }) => [
        name,
        value === null ? '–' : value ? 'on' : 'off',
        reason,
      ]),
    ),
    ...section(
      'uplinks',
      uplinks.map(({ name, state, since, queued, oldestAge, rate, eta }) => [
        name,
        `${state} for ${duration(since)}`,
        `${queued} wait${oldestAge === null ? '' : `, oldest ${duration(oldestAge)}`}`,
        `${rate}/s`,
        queued > 0 && eta !== null ? `empty in ${duration(eta)}` : '',
      ]),
    ),
    ...section(
      `clients: ${sessions.connected} connected, ${sessions.queued} messages wait`,
      clients.map((client) => clientRow(client, now)),
    ),
    ...section(
      `shared subscriptions: ${sessions.shares.groups} groups, ${sessions.shares.members} members`,
      shares.map(({ filter, online, away, members }) => [
        filter,
        `${online} online`,
        `${away} away`,
        members.length < online + away ? `${members.join(', ')}, …` : members.join(', '),
      ]),
    ),
    ...section('store', [
      [
        `${store.commits} commits`,
        `99 % within ${store.commitMs.p99 ?? '–'} ms`,
        `${(store.bytesWritten / 1e6).toFixed(1)} MB written`,
        store.freeBytes === null ? '' : `${(store.freeBytes / 1e9).toFixed(1)} GB left`,
        ...wearTexts(store.wear),
      ],
    ]),
  ];
}

function clientRow(client: GatewayStatus['clients'][number], now: number): string[] {
  const { clientId, address, online, version, since, queued, dropped, slow, held } = client;
  const { shares, aliases } = client;
  const aliasCount = aliases.fromClient + aliases.toClient;
  return [
    clientId,
    `${online ? 'online' : 'away'} for ${duration(now - since)}`,
    address ?? '',
    version === null ? '' : `MQTT ${version}`,
    sessionText(client),
    `${queued} wait`,
    dropped > 0 ? `${dropped} dropped` : '',
    shares > 0 ? `${shares} shared` : '',
    aliasCount > 0 ? `${aliasCount} aliases` : '',
    slow ? 'slow reader' : '',
    held.isWaiting ? 'waits for a subscriber' : '',
  ];
}

/** How long the session outlives its connection; without that, messages do not wait for the client. */
function sessionText({ sessionExpiry }: GatewayStatus['clients'][number]): string {
  if (sessionExpiry === 0) return 'no session when it is away';
  return sessionExpiry === null ? 'session kept' : `session kept ${duration(sessionExpiry * 1000)}`;
}

/** What the gateway writes in a year, and how long the disk takes it; nothing of a gateway that runs an older version. */
export function wearTexts(wear: GatewayStatus['store']['wear'] | undefined): string[] {
  if (!wear) return [];
  const { bytesPerYear, yearsLeft, lifeUsed } = wear;
  return [
    bytesPerYear === null ? '' : `${(bytesPerYear / 1e12).toFixed(2)} TB a year`,
    yearsLeft === null ? '' : `the disk lasts ${yearsLeft > 100 ? 'over 100' : yearsLeft} years`,
    lifeUsed === null ? '' : `${lifeUsed * 100} % of its lifetime used`,
  ];
}

function sensorRows(sensor: GatewayStatus['sensors'][number], now: number): string[][] {
  const age = sensor.lastRead === undefined ? 'never' : `${duration(now - sensor.lastRead)} ago`;
  return sensor.channels.map(({ topic, value, unit, quality, reason = '' }) => [
    topic,
    `${value ?? '–'} ${value === null ? '' : unit}`,
    quality,
    age,
    reason,
  ]);
}

/** A heading and rows with aligned columns; nothing where there are no rows. */
function section(heading: string, rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const clean = rows.map((row) => row.map(printable));
  const widths = (clean[0] ?? []).map((_, column) =>
    Math.max(...clean.map((row) => (row[column] ?? '').length)),
  );
  const lines = clean.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)));
  return ['', heading, ...lines.map((cells) => `  ${cells.join('  ').trimEnd()}`)];
}

/** An alarm in one line. */
export function alarmText(alarm: GatewayStatus['alarms'][number]): string {
  const { sensor, name, state, severity, text, acknowledged, since, shelvedUntil, reason } = alarm;
  const acknowledgement = acknowledged ? 'acknowledged' : 'unacknowledged';
  const words = [
    state === 'normal' ? 'normal' : `${state}, ${acknowledgement}`,
    ...(since === undefined ? [] : [`since ${since}`]),
    ...(shelvedUntil === undefined ? [] : [`shelved until ${shelvedUntil}`]),
    ...(reason === undefined ? [] : [`value lost: ${reason}`]),
  ];
  return printable(`${sensor}/${name} (${severity}): ${text}: ${words.join(', ')}`);
}

/** Those that are not normal or are shelved, the unacknowledged first; none of a gateway that runs an older version. */
export function raisedAlarms(all: GatewayStatus['alarms'] = []): GatewayStatus['alarms'] {
  return all
    .filter(({ state, shelvedUntil }) => state !== 'normal' || shelvedUntil !== undefined)
    .sort((a, b) => Number(a.acknowledged) - Number(b.acknowledged));
}

/** A client's name must not control the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '·').trimEnd();
}
