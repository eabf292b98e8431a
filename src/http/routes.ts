import type { LogTail } from '../base/log.ts';
import type { DayHistory } from '../history/day-history.ts';
import type { HourHistory } from '../history/hour-history.ts';
import { type Answer, jsonAnswer, textAnswer } from './answer.ts';
import type { Visitor } from './login.ts';
import type { Metrics } from './metrics.ts';

export interface RoutesParts {
  readonly history: Pick<HourHistory, 'of'>;
  readonly day: Pick<DayHistory, 'of'>;
  readonly tail: LogTail;
  /** Made when first asked for. */
  metrics(): Promise<Metrics>;
  /** Ends a client's connection; false where it is not connected. */
  disconnect(clientId: string): boolean;
  /** One sentence each. */
  troubles(): readonly string[];
  /** What stands still that a restart would mend; undefined while all goes on. */
  stuck(): string | undefined;
}

/** What is asked for, and by whom: `visitor` is undefined for who is not let in. */
export interface PageRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly visitor: Visitor | undefined;
}

/** Each thing has a topic: who may read that over MQTT may have it here. */
const METRICS = '$SYS/#';
const TROUBLES = '$SYS/cellgate/troubles';
const LOG = '$SYS/cellgate/log';
/** What takes the right to publish: nothing ever is. */
const DISCONNECT = '$SYS/cellgate/disconnect';
const TOPICS_AT_ONCE = 50;

const LOG_IN = 'Log in as a user of the gateway.';
const CHALLENGE = { 'www-authenticate': 'Basic realm="cellgate", charset="UTF-8"' };

/** Answers what is asked of the running gateway; undefined for paths that are none of these. */
export function createRoutes(parts: RoutesParts) {
  const { history, day, tail, troubles, stuck } = parts;

  const healthz = (): Answer => {
    const sentence = stuck();
    return sentence === undefined ? textAnswer(200, 'alive') : textAnswer(503, sentence);
  };

  const readyz = ({ visitor }: PageRequest): Answer => {
    const now = troubles();
    const status = now.length === 0 ? 200 : 503;
    return jsonAnswer(
      { ready: now.length === 0, ...(visitor?.maySubscribe(TROUBLES) ? { troubles: now } : {}) },
      status,
    );
  };

  const scrape = async (): Promise<Answer> => {
    const metrics = await parts.metrics();
    const body = await metrics.text();
    return { status: 200, type: metrics.type, body, headers: { 'cache-control': 'no-store' } };
  };

  const courses = ({ query, visitor }: PageRequest): Answer => {
    const topics = query.getAll('topic').slice(0, TOPICS_AT_ONCE);
    const kept = query.get('span') === 'day' ? day : history;
    const found = topics.flatMap((topic) => {
      const course = isTopic(topic) && visitor?.maySubscribe(topic) ? kept.of(topic) : undefined;
      return course ? [[topic, course]] : [];
    });
    return jsonAnswer(Object.fromEntries(found));
  };

  /** To which topics the visitor may publish: the page offers no switch that the broker would not take. */
  const rights = ({ query, visitor }: PageRequest): Answer => {
    const topics = query.getAll('topic').slice(0, TOPICS_AT_ONCE);
    const found = topics.map((topic) => [topic, visitor?.mayPublish(topic) === true]);
    return jsonAnswer(Object.fromEntries(found));
  };

  const end = ({ method, query, visitor }: PageRequest): Answer => {
    if (!visitor?.mayPublish(DISCONNECT)) {
      return textAnswer(403, `This user may not write ${DISCONNECT}.`);
    }
    if (method !== 'POST') return textAnswer(405, 'Only POST.', { allow: 'POST' });
    const done = parts.disconnect(query.get('client') ?? '');
    return done ? jsonAnswer({ ok: true }) : textAnswer(404, 'No such client is connected.');
  };

  const log = ({ query }: PageRequest): Answer => {
    const after = Number(query.get('after'));
    return jsonAnswer(tail.after(Number.isSafeInteger(after) ? after : 0));
  };

  return async (question: PageRequest): Promise<Answer | undefined> => {
    const { path, visitor } = question;
    const needs = (filter: string, challenge: Readonly<Record<string, string>> = {}) => {
      if (!visitor) return textAnswer(401, LOG_IN, challenge);
      return visitor.maySubscribe(filter)
        ? undefined
        : textAnswer(403, `This user may not read ${filter}.`);
    };
    switch (path) {
      case '/healthz':
        return healthz();
      case '/readyz':
        return readyz(question);
      case '/metrics':
        return needs(METRICS, CHALLENGE) ?? (await scrape());
      case '/api/history':
        return visitor ? courses(question) : textAnswer(401, LOG_IN);
      case '/api/rights':
        return visitor ? rights(question) : textAnswer(401, LOG_IN);
      case '/api/disconnect':
        return visitor ? end(question) : textAnswer(401, LOG_IN);
      case '/api/log':
        return needs(LOG) ?? log(question);
      default:
        return undefined;
    }
  };
}

function isTopic(text: string): boolean {
  return text !== '' && text.length <= 1024 && !/[+#\0]/.test(text);
}
