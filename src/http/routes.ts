import type { Logger } from 'pino';
import type { Access } from '../access/access.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Latency } from '../base/latency.ts';
import type { LogTail } from '../base/log.ts';
import type { Broker } from '../broker/broker.ts';
import type { Archive } from '../history/archive/archive.ts';
import type { History } from '../history/history.ts';
import type { Series } from '../history/hour-history.ts';
import type { ConfigEditor } from '../runtime/config-editor.ts';
import type { Health } from '../runtime/health.ts';
import type { Progress } from '../runtime/progress.ts';
import type { Store } from '../store/store.ts';
import { type Answer, jsonAnswer, textAnswer } from './answer.ts';
import { type CellParts, cellFor } from './cell.ts';
import { clientList, disconnect } from './clients.ts';
import { CONFIG_ROUTES, type ConfigRequest } from './config.ts';
import type { Visitor } from './login.ts';
import { isLong, longChart, longSeries } from './long-history.ts';
import type { Metrics } from './metrics.ts';
import { clearRetained } from './retained.ts';
import { type SupportParts, supportBundle } from './support.ts';
import { createUsers } from './users.ts';

export interface RoutesParts extends CellParts, Pick<SupportParts, 'support'> {
  readonly history: Pick<History, 'hour' | 'day'>;
  readonly archive: Pick<Archive, 'read' | 'isKept'>;
  readonly access: Access;
  readonly log: Logger;
  readonly audit: Pick<AuditLog, 'note' | 'last' | 'findings'>;
  readonly editor: ConfigEditor;
  readonly tail: LogTail;
  readonly store: Store;
  readonly broker: Broker;
  readonly health: Health;
  readonly progress: Progress;
  /** How late timers were. */
  readonly loopDelay: Latency;
}

/** A request for a path; `visitor` is undefined for a client without a valid login. */
export interface PageRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly visitor: Visitor | undefined;
  /** Reads its body; undefined if it has more bytes. */
  body(mostBytes: number): Promise<Buffer | undefined>;
}

type Route = (request: PageRequest) => Answer | Promise<Answer>;
/** A route for visitors with a valid login. */
type VisitorRoute = (request: PageRequest, visitor: Visitor) => Answer | Promise<Answer>;

/** The topic of each route: a user who may read it over MQTT may use the route. */
const METRICS = '$SYS/#';
const TROUBLES = '$SYS/cellgate/troubles';
const LOG = '$SYS/cellgate/log';
const CLIENTS = '$SYS/cellgate/clients';
const TOPICS_AT_ONCE = 50;
const MOST_FILTERS = 200;

const NO_CONFIG = 'This user needs config: write in the access file to see and change the config.';
const LOG_IN = 'Log in as a user of the gateway.';
const CHALLENGE = { 'www-authenticate': 'Basic realm="cellgate", charset="UTF-8"' };

/** Answers requests to the running gateway; undefined for other paths. */
export function createRoutes(parts: RoutesParts) {
  const routes = new Map<string, Route>([
    ['/healthz', () => alive(parts)],
    ['/readyz', ({ visitor }) => ready(parts, visitor)],
    ['/metrics', readers(METRICS, createScrape(parts), CHALLENGE)],
    ['/api/history', visitors((request, visitor) => series(parts, request, visitor))],
    ['/api/cell', visitors((_request, visitor) => cellFor(parts, visitor))],
    ['/api/rights', visitors(rights)],
    ['/api/filters', visitors(filters)],
    ['/api/clients', readers(CLIENTS, ({ query }) => clientList(parts.broker, query))],
    ['/api/disconnect', visitors((request, visitor) => disconnect(parts, request, visitor))],
    ['/api/clear', visitors((request, visitor) => clearRetained(parts, request, visitor))],
    ['/api/users', visitors(createUsers(parts))],
    ...Object.entries(CONFIG_ROUTES).map(([path, route]) => [path, editors(parts, route)] as const),
    ['/api/support', editors(parts, supportBundle)],
    ['/api/log', readers(LOG, (request) => logLines(parts, request))],
  ]);
  return async (request: PageRequest): Promise<Answer | undefined> =>
    routes.get(request.path)?.(request);
}

/** Admits every visitor with a valid login. */
function visitors(route: VisitorRoute, challenge: Readonly<Record<string, string>> = {}): Route {
  return (request) =>
    request.visitor ? route(request, request.visitor) : textAnswer(401, LOG_IN, challenge);
}

/** Admits the visitors who may read all topics that the filter matches. */
function readers(
  filter: string,
  route: Route,
  challenge: Readonly<Record<string, string>> = {},
): Route {
  const checked: VisitorRoute = (request, visitor) =>
    visitor.maySubscribe(filter)
      ? route(request)
      : textAnswer(403, `This user may not read ${filter}.`);
  return visitors(checked, challenge);
}

/** Admits the visitors who may read and change the config. */
function editors(
  parts: RoutesParts,
  route: (parts: RoutesParts, request: ConfigRequest) => Promise<Answer>,
): Route {
  return visitors((request, visitor) => {
    const { user, address } = visitor;
    if (user === undefined || !parts.access.mayWriteConfig(user)) return textAnswer(403, NO_CONFIG);
    return route(parts, { ...request, author: { by: user, address } });
  });
}

function alive({ progress }: RoutesParts): Answer {
  const reason = progress.stuck();
  return reason === undefined ? textAnswer(200, 'alive') : textAnswer(503, reason);
}

function ready(parts: RoutesParts, visitor: Visitor | undefined): Answer {
  const { troubles } = parts.health;
  const isReady = troubles.length === 0;
  const shown = visitor?.maySubscribe(TROUBLES) ? { troubles } : {};
  return jsonAnswer({ ready: isReady, ...shown }, isReady ? 200 : 503);
}

/** The metrics and their library are not loaded before the first scrape. */
function createScrape({ health, broker, store, loopDelay }: RoutesParts): () => Promise<Answer> {
  let loaded: Promise<Metrics> | undefined;
  const load = async (): Promise<Metrics> => {
    const { createMetrics } = await import('./metrics.ts');
    return createMetrics({
      status: () => health.status(),
      drops: () => broker.drops,
      traffic: broker.traffic,
      commitTimes: () => store.journal.commitTimes,
      loopDelay,
    });
  };
  return async () => {
    loaded ??= load();
    const { type, text } = await loaded;
    return { status: 200, type, body: await text(), headers: { 'cache-control': 'no-store' } };
  };
}

async function series(
  parts: RoutesParts,
  { query }: PageRequest,
  visitor: Visitor,
): Promise<Answer> {
  const readable = topicsOf(query).filter((topic) => isTopic(topic) && visitor.maySubscribe(topic));
  if (isLong(query)) return longSeries(parts, readable, query);
  const span = query.get('span') ?? 'hour';
  const found: (readonly [string, Series])[] = [];
  for (const topic of readable) {
    const own =
      span === 'hour' ? parts.history.hour(topic) : await longChart(parts.archive, topic, span);
    const one = own ?? (span === 'day' ? parts.history.day(topic) : undefined);
    if (one) found.push([topic, one]);
  }
  return jsonAnswer(Object.fromEntries(found));
}

/** To which topics the visitor may publish: the page offers no switch that the broker would refuse. */
function rights({ query }: PageRequest, visitor: Visitor): Answer {
  const found = topicsOf(query).map((topic) => [topic, visitor.mayPublish(topic)]);
  return jsonAnswer(Object.fromEntries(found));
}

/** The filters to subscribe to for all that the visitor may read, and how many there are. */
function filters(_request: PageRequest, { readable }: Visitor): Answer {
  return jsonAnswer({ read: readable.slice(0, MOST_FILTERS), all: readable.length });
}

function logLines({ tail }: RoutesParts, { query }: PageRequest): Answer {
  const after = Number(query.get('after'));
  return jsonAnswer(tail.after(Number.isSafeInteger(after) ? after : 0));
}

function topicsOf(query: URLSearchParams): string[] {
  return query.getAll('topic').slice(0, TOPICS_AT_ONCE);
}

function isTopic(text: string): boolean {
  return text !== '' && text.length <= 1024 && !/[+#\0]/.test(text);
}
