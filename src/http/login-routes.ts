import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { Access } from '../access/access.ts';
import type { OnceLog } from '../broker/stats/once-log.ts';
import { type Answer, jsonAnswer, textAnswer } from './answer.ts';
import { readBody } from './body.ts';
import { readJson } from './json-body.ts';
import { CLIENT_ID } from './login.ts';
import { cookieOf, type Logins } from './logins.ts';

export interface LoginRoutesParts {
  readonly access: Access;
  readonly logins: Logins;
  readonly log: Logger;
  /** For what a client without a login causes. */
  readonly onceLog: Pick<OnceLog, 'info'>;
}

/** Of a user and a password in JSON. */
const LONGEST_BODY = 4096;
/** Return code of an admission: too many passwords are being compared. */
const UNAVAILABLE = 3;

/** Answers requests to log in and out at the page; undefined for other paths. */
export function createLoginRoutes(parts: LoginRoutesParts) {
  return async (request: IncomingMessage, path: string): Promise<Answer | undefined> => {
    if (path === '/api/login') {
      return request.method === 'POST' ? logIn(request, parts) : present(request, parts);
    }
    if (path !== '/api/logout') return undefined;
    if (request.method !== 'POST') return textAnswer(405, 'Only POST.', { allow: 'POST' });
    return logOut(request, parts);
  };
}

/** Who has logged in, whether users can, and whether this one may change users. */
function present(request: IncomingMessage, { access, logins }: LoginRoutesParts): Answer {
  const user = logins.of(request)?.identity.user;
  const isAdministrator = access.mayWriteConfig(user);
  return jsonAnswer({ user: user ?? null, hasUsers: access.hasRules, isAdministrator });
}

async function logIn(request: IncomingMessage, parts: LoginRoutesParts): Promise<Answer> {
  const { access, logins, log, onceLog } = parts;
  const body = await readJson((mostBytes) => readBody(request, mostBytes), LONGEST_BODY);
  if (typeof body === 'string') return textAnswer(400, body);
  const { user, password } = body;
  if (typeof user !== 'string' || typeof password !== 'string') {
    return textAnswer(400, 'Send {"user": "…", "password": "…"}.');
  }
  if (!access.hasRules) return textAnswer(409, 'This gateway has no users (broker.access).');
  const address = request.socket.remoteAddress ?? 'unknown';
  const admission = await access.admit({
    ...{ address, clientId: CLIENT_ID, username: user, password: Buffer.from(password) },
    ...{ certificate: undefined, anonymous: false },
  });
  if ('reason' in admission) {
    onceLog.info(address, admission.reason, 'login at the page refused');
    return admission.returnCode === UNAVAILABLE
      ? textAnswer(503, 'Too many passwords are being compared: try again.', { 'retry-after': '1' })
      : textAnswer(401, 'Wrong user or password, or too many wrong ones before: wait a minute.');
  }
  logins.end(request);
  const token = logins.begin(admission.identity);
  log.info({ user, address }, 'a user has logged in at the page');
  return withCookie(jsonAnswer({ user }), cookieOf(token, request));
}

/** Also without a login: then the browser only forgets its cookie. */
function logOut(request: IncomingMessage, { logins, log }: LoginRoutesParts): Answer {
  const user = logins.of(request)?.identity.user;
  logins.end(request);
  const address = request.socket.remoteAddress;
  if (user !== undefined) log.info({ user, address }, 'a user has logged out at the page');
  return withCookie(jsonAnswer({ user: null }), cookieOf('', request));
}

function withCookie(answer: Answer, cookie: string): Answer {
  return { ...answer, headers: { ...answer.headers, 'set-cookie': cookie } };
}
