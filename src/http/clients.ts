import type { Logger } from 'pino';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Broker } from '../broker/broker.ts';
import { SESSION_SORTS, type SessionQuery } from '../broker/stats/session-list.ts';
import { type Answer, jsonAnswer, textAnswer } from './answer.ts';
import type { Visitor } from './login.ts';

/** A client may end connections if it may publish on this topic, which is otherwise unused. */
const DISCONNECT = '$SYS/cellgate/disconnect';
const MOST_SESSIONS = 200;
const LONGEST_TEXT = 200;

/** The sessions of the broker that match the query, at most two hundred. */
export async function clientList(
  broker: Pick<Broker, 'sessionList'>,
  query: URLSearchParams,
): Promise<Answer> {
  const asked = parse(query);
  return typeof asked === 'string'
    ? textAnswer(400, asked)
    : jsonAnswer(await broker.sessionList(asked));
}

/** A text says what is wrong with the query. */
function parse(query: URLSearchParams): SessionQuery | string {
  const text = query.get('text') ?? '';
  if (text.length > LONGEST_TEXT) return `text has at most ${LONGEST_TEXT} characters.`;
  const state = query.get('state') ?? 'all';
  if (!['all', 'online', 'offline'].includes(state)) return 'state is all, online or offline.';
  const wanted = query.get('sort') ?? 'queued';
  const sort = SESSION_SORTS.find((one) => one === wanted);
  if (sort === undefined) return `sort is one of ${SESSION_SORTS.join(', ')}.`;
  const order = query.get('order') ?? 'desc';
  if (order !== 'asc' && order !== 'desc') return 'order is asc or desc.';
  const limit = Number(query.get('limit') ?? MOST_SESSIONS);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_SESSIONS) {
    return `limit is a number from 1 to ${MOST_SESSIONS}.`;
  }
  const online = state === 'all' ? undefined : state === 'online';
  return { text, online, sort, descending: order === 'desc', limit };
}

interface DisconnectParts {
  readonly broker: Pick<Broker, 'disconnectClient'>;
  readonly log: Logger;
  readonly audit: Pick<AuditLog, 'note'>;
}

/** Ends the connection of a client; the log and the audit log have who did it. */
export async function disconnect(
  { broker, log, audit }: DisconnectParts,
  { method, query }: { readonly method: string; readonly query: URLSearchParams },
  { user, address, mayPublish }: Visitor,
): Promise<Answer> {
  if (!mayPublish(DISCONNECT)) return textAnswer(403, `This user may not write ${DISCONNECT}.`);
  if (method !== 'POST') return textAnswer(405, 'Only POST.', { allow: 'POST' });
  const client = query.get('client') ?? '';
  if (!broker.disconnectClient(client)) return textAnswer(404, 'No such client is connected.');
  const by = user ?? 'anonymous';
  log.info({ client, by, address }, 'a client was disconnected by a user of the page');
  await audit.note({ what: 'client-disconnected', by, address, subject: client });
  return jsonAnswer({ ok: true });
}
