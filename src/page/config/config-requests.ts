import type { AuditLine } from '../../audit/audit-line.ts';

/** What the requests need of the connection to the gateway. */
export interface ConfigGateway {
  /** As the user of the page; with a body it is a POST. */
  send(path: string, query: string[][], body?: string): Promise<Response>;
  /** Another connection of the same user to the broker. */
  openClient(name: string): {
    on(event: 'connect' | 'error' | 'close', receive: () => void): unknown;
    end(force: boolean): unknown;
  };
}

/** A problem or a warning of a line. */
export interface LineFinding {
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
}

/** The newest lines of the audit log, and where it is not as the gateway has written it. */
export interface AuditLines {
  readonly lines: readonly AuditLine[];
  readonly findings: readonly string[];
}

/** The text of the config file, and the hash of the file. */
export interface ConfigFile {
  readonly text: string;
  readonly hash: string;
}

/** What the gateway says about a text. */
export interface Checked {
  readonly problems: readonly LineFinding[];
  readonly warnings: readonly LineFinding[];
  /** What would change in the running gateway. */
  readonly changes: readonly string[];
  readonly obstacle?: string;
}

/** What came of a change: its reason if it was refused or taken back. */
export interface Outcome {
  readonly reason?: string;
  readonly isTakenBack?: boolean;
  readonly problems?: readonly LineFinding[];
  /** The gateway did not answer when the change was to be kept: it takes it back by itself. */
  readonly isUnconfirmed?: boolean;
  readonly trialMs?: number;
}

interface Tried {
  readonly trial: string;
  readonly trialMs: number;
}

/** Of the new connection by which the page proves that the gateway can be reached. */
const CONNECT_MS = 8000;
/** In the audit log. */
const NO_CONNECTION = 'the page could not make a new connection to the broker';

/** The file; `denied` if this user may not see it. Rejects with the reason if it can't be read. */
export async function readConfig(gateway: ConfigGateway): Promise<ConfigFile | 'denied'> {
  const response = await gateway.send('api/config', []);
  if (response.status === 403 || response.status === 401) return 'denied';
  if (!response.ok) throw new Error((await response.text()).trim());
  return (await response.json()) as ConfigFile;
}

/** Rejects with the reason if the text can't be checked. */
export async function checkConfig(gateway: ConfigGateway, text: string): Promise<Checked> {
  const response = await gateway.send('api/config/check', [], text);
  if (!response.ok) throw new Error((await response.text()).trim());
  return (await response.json()) as Checked;
}

/**
 * Applies a text, proves that a new connection can be made with it, and keeps it; otherwise it is taken back. `tried` is
 * called while it is in force on trial.
 */
export async function applyConfig(
  gateway: ConfigGateway,
  text: string,
  base: string,
  tried: () => void,
): Promise<Outcome> {
  const response = await gateway.send('api/config/apply', [['base', base]], text);
  if (!response.ok) return outcomeOf(response);
  const { trial, trialMs } = (await response.json()) as Tried;
  tried();
  try {
    if (await canConnect(gateway)) {
      const kept = await gateway.send('api/config/keep', [['trial', trial]], '');
      if (kept.ok) return {};
      return kept.status === 422 ? await outcomeOf(kept) : { isUnconfirmed: true, trialMs };
    }
    const query = [
      ['trial', trial],
      ['reason', NO_CONNECTION],
    ];
    const back = await gateway.send('api/config/take-back', query, '');
    return back.ok ? await outcomeOf(back) : { isUnconfirmed: true, trialMs };
  } catch {
    return { isUnconfirmed: true, trialMs };
  }
}

export async function readAudit(
  gateway: ConfigGateway,
  count: number,
): Promise<AuditLines | undefined> {
  const response = await gateway.send('api/audit', [['last', String(count)]]);
  return response.ok ? ((await response.json()) as AuditLines) : undefined;
}

/** The answer in JSON; where it is a sentence, that is the reason. */
async function outcomeOf(response: Response): Promise<Outcome> {
  const text = (await response.text()).trim();
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  return isJson ? (JSON.parse(text) as Outcome) : { reason: text };
}

/** Whether this user can still connect to the broker. */
async function canConnect(gateway: ConfigGateway): Promise<boolean> {
  const client = gateway.openClient('config');
  try {
    return await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), CONNECT_MS);
      const done = (isConnected: boolean) => () => {
        clearTimeout(timer);
        resolve(isConnected);
      };
      client.on('connect', done(true));
      client.on('error', done(false));
      client.on('close', done(false));
    });
  } finally {
    client.end(true);
  }
}
