import type { AuditLog } from '../audit/audit-log.ts';
import type { Broker } from '../broker/broker.ts';
import { type Answer, jsonAnswer, textAnswer } from './answer.ts';
import type { Visitor } from './login.ts';

export interface ClearParts {
  readonly broker: Pick<Broker, 'retainedPayload' | 'publishLocal'>;
  readonly audit: Pick<AuditLog, 'note'>;
}

/** Deletes the retained message of a topic, for a visitor who may publish on it; the audit log has who did it. */
export async function clearRetained(
  { broker, audit }: ClearParts,
  { method, query }: { readonly method: string; readonly query: URLSearchParams },
  { user, address, mayPublish }: Visitor,
): Promise<Answer> {
  if (method !== 'POST') return textAnswer(405, 'Only POST.', { allow: 'POST' });
  const topic = query.get('topic') ?? '';
  // Topics of the gateway itself are not for clients, whatever their rules say.
  if (topic.startsWith('$') || !mayPublish(topic)) {
    return textAnswer(403, 'This user may not publish on this topic.');
  }
  const payload = broker.retainedPayload(topic);
  if (payload === undefined) return textAnswer(404, 'This topic has no retained message.');
  const before = [`${payload.length} bytes`];
  await broker.publishLocal({ topic, payload: Buffer.alloc(0), qos: 1, retain: true });
  const by = user ?? 'anonymous';
  await audit.note({ what: 'retained-cleared', by, address, subject: topic, before });
  return jsonAnswer({ ok: true });
}
