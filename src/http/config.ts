import type { AuditLog } from '../audit/audit-log.ts';
import { LIMIT_BYTES } from '../config/yaml/text-file.ts';
import type { ConfigEditor, Refusal } from '../runtime/config-editor.ts';
import type { Author } from '../runtime/reload.ts';
import { type Answer, jsonAnswer, textAnswer } from './answer.ts';

export interface ConfigRouteParts {
  readonly editor: ConfigEditor;
  readonly audit: Pick<AuditLog, 'last' | 'findings'>;
}

/** A request of a user who may read and change the config. */
export interface ConfigRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly author: Author;
  body(mostBytes: number): Promise<Buffer | undefined>;
}

type ConfigRoute = (parts: ConfigRouteParts, request: ConfigRequest) => Promise<Answer>;

const MOST_LINES = 200;
const LONGEST_REASON = 200;
const STATUS: Readonly<Record<Refusal['refused'], number>> = {
  changed: 409,
  busy: 409,
  unwritable: 503,
  invalid: 422,
  failed: 422,
};

/** The config file and the audit log, for users with `config: write`. */
export const CONFIG_ROUTES: Readonly<Record<string, ConfigRoute>> = {
  '/api/config': async ({ editor }) => {
    try {
      return jsonAnswer(await editor.read());
    } catch (error) {
      return textAnswer(503, (error as Error).message);
    }
  },
  '/api/config/check': posted(async ({ editor }, _request, text) => {
    const findings = await editor.check(text);
    return findings ? jsonAnswer(findings) : textAnswer(503, 'Too many checks wait: try again.');
  }),
  '/api/config/apply': posted(async ({ editor }, { query, author }, text) => {
    const base = query.get('base') ?? '';
    if (!/^[\da-f]{64}$/.test(base))
      return textAnswer(400, 'base is the hash that /api/config gave.');
    const result = await editor.apply(text, base, author);
    return 'refused' in result ? jsonAnswer(result, STATUS[result.refused]) : jsonAnswer(result);
  }),
  '/api/config/keep': async ({ editor }, { method, query }) => {
    if (method !== 'POST') return onlyPost();
    return resultOf(await editor.keep(query.get('trial') ?? ''));
  },
  '/api/config/take-back': async ({ editor }, { method, query }) => {
    if (method !== 'POST') return onlyPost();
    const reason = (query.get('reason') ?? '').slice(0, LONGEST_REASON);
    return jsonAnswer(await editor.takeBack(query.get('trial') ?? '', reason));
  },
  '/api/audit': async ({ audit }, { query }) => {
    const count = Number(query.get('last') ?? MOST_LINES);
    if (!Number.isInteger(count) || count < 1 || count > MOST_LINES) {
      return textAnswer(400, `last is a number from 1 to ${MOST_LINES}.`);
    }
    return jsonAnswer({ lines: await audit.last(count), findings: audit.findings });
  },
};

/** A route whose body is the text of a config. */
function posted(
  route: (parts: ConfigRouteParts, request: ConfigRequest, text: string) => Promise<Answer>,
): ConfigRoute {
  return async (parts, request) => {
    if (request.method !== 'POST') return onlyPost();
    const bytes = await request.body(LIMIT_BYTES);
    if (!bytes) return textAnswer(413, 'A config has at most 4 MiB.');
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      return textAnswer(400, 'The text is not UTF-8.');
    }
    return route(parts, request, text);
  };
}

function resultOf(refusal: Refusal | undefined): Answer {
  return refusal ? jsonAnswer(refusal, STATUS[refusal.refused]) : jsonAnswer({ kept: true });
}

function onlyPost(): Answer {
  return textAnswer(405, 'Only POST.', { allow: 'POST' });
}
