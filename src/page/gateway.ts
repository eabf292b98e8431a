import mqtt, { type MqttClient } from 'mqtt';
import type { ListedUser } from '../access/users-file.ts';
import type { NumberedLine } from '../base/log.ts';
import type { SessionList } from '../broker/stats/session-list.ts';
import type { Series } from '../history/hour-history.ts';
import type { VisibleCell } from '../http/cell.ts';

/** Who has logged in, and whether users can. */
export interface LoginState {
  readonly user: string | null;
  readonly hasUsers: boolean;
  readonly isAdministrator: boolean;
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export type State = 'connecting' | 'live' | 'lost' | 'login';

/** How far back a chart goes. */
export type Span = 'hour' | 'day' | 'week' | 'month' | 'quarter';

export interface GatewayEvents {
  state(state: State): void;
  message(topic: string, payload: string, retained: boolean): void;
  /** The broker refuses these filters to this user. */
  denied(filters: readonly string[]): void;
}

/** Return codes of CONNACK: bad user name or password, not authorised. */
const NOT_AUTHORISED = [4, 5];
/** The first reason code of an error in a SUBACK. */
const FIRST_ERROR = 0x80;
const RECONNECT_MS = 1000;
const FILTERS_AT_ONCE = 100;
const TOPICS_AT_ONCE = 50;

/** The page's connection to its gateway: MQTT over a WebSocket, and HTTP for the rest. */
export class Gateway {
  readonly #events: GatewayEvents;
  #client: MqttClient | undefined;
  #user: string | undefined;
  #isAdministrator = false;
  #filters = new Set<string>();
  /** Milliseconds by which the gateway's clock is ahead of this one. */
  #ahead = 0;

  constructor(events: GatewayEvents) {
    this.#events = events;
  }

  /** Who has logged in, by the last answer of `login`. */
  get user(): string | undefined {
    return this.#user;
  }

  /** The client ID of this page's connection. */
  get clientId(): string | undefined {
    return this.#client?.options.clientId;
  }

  /** Milliseconds since the epoch, by the gateway's clock. */
  now(): number {
    return Date.now() + this.#ahead;
  }

  /** The browser sends the cookie of a login with the request. */
  connect(): void {
    this.#client?.end(true);
    this.#events.state('connecting');
    const client = connectTo(`page-${randomId()}`, 4);
    this.#client = client;
    client.on('connect', () => {
      this.#events.state('live');
      this.#subscribe([...this.#filters]);
    });
    client.on('message', (topic, payload, { retain }) => {
      this.#events.message(topic, payload.toString(), retain);
    });
    client.on('close', () => {
      if (this.#client === client) this.#events.state('lost');
    });
    client.on('error', (error) => {
      if (!NOT_AUTHORISED.includes((error as { code?: unknown }).code as number)) return;
      this.#client = undefined;
      client.end(true);
      this.#events.state('login');
    });
  }

  /** Logs in, for the next connection; false if the gateway refuses the user or the password. The password is not kept. */
  async logIn(credentials: Credentials): Promise<boolean> {
    const response = await this.#fetch('api/login', [], 'POST', credentials);
    if (!response.ok && response.status !== 401) throw new Error((await response.text()).trim());
    return response.ok;
  }

  /** Ends the login of this browser, also for its other pages. */
  async logOut(): Promise<void> {
    const response = await this.#fetch('api/logout', [], 'POST');
    if (!response.ok) throw new Error((await response.text()).trim());
  }

  /** Who has logged in; undefined if the gateway does not answer. */
  async login(): Promise<LoginState | undefined> {
    const present = (await this.#request('api/login', [])) as LoginState | undefined;
    this.#user = present?.user ?? undefined;
    this.#isAdministrator = present?.isAdministrator ?? false;
    return present;
  }

  /** Whether the user who has logged in may change users. */
  get isAdministrator(): boolean {
    return this.#isAdministrator;
  }

  /** The users of the gateway, after a change if one is given; a text is the reason why it is refused. */
  async users(change: object | undefined): Promise<readonly ListedUser[] | string> {
    const response = await this.#fetch('api/users', [], change ? 'POST' : 'GET', change);
    if (!response.ok) return (await response.text()).trim();
    return ((await response.json()) as { users: ListedUser[] }).users;
  }

  /** Another connection of the same user, with MQTT 5; its client id is that of the page with this name behind it. */
  openClient(name: string): MqttClient {
    return connectTo(`${this.clientId}-${name}`, 5);
  }

  /** Subscribes to these filters too, also after a reconnect. */
  subscribe(filters: readonly string[]): void {
    const added = filters.filter((filter) => !this.#filters.has(filter));
    for (const filter of added) this.#filters.add(filter);
    if (this.#client?.connected) this.#subscribe(added);
  }

  /** Takes subscriptions back. */
  unsubscribe(filters: readonly string[]): void {
    for (const filter of filters) this.#filters.delete(filter);
    if (!this.#client?.connected) return;
    for (let first = 0; first < filters.length; first += FILTERS_AT_ONCE) {
      this.#client.unsubscribe(filters.slice(first, first + FILTERS_AT_ONCE));
    }
  }

  #subscribe(filters: readonly string[]): void {
    for (let first = 0; first < filters.length; first += FILTERS_AT_ONCE) {
      const some = filters.slice(first, first + FILTERS_AT_ONCE);
      this.#client?.subscribe(some, { qos: 0 }, (_error, _granted, packet) => {
        const denied = refusedOf(some, packet);
        if (denied.length > 0) this.#events.denied(denied);
      });
    }
  }

  /** Resolves when the broker has acknowledged the message. */
  async publish(topic: string, value: unknown): Promise<void> {
    if (!this.#client?.connected) throw new Error('not connected');
    await this.#client.publishAsync(topic, JSON.stringify(value), { qos: 1 });
  }

  /** The last hour, or a longer time, of each topic that has it. */
  history(topics: readonly string[], span: Span = 'hour'): Promise<Record<string, Series>> {
    return this.#requestForEach('api/history', topics, [['span', span]]);
  }

  /** Which of the topics this user may publish to. */
  rights(topics: readonly string[]): Promise<Record<string, boolean>> {
    return this.#requestForEach('api/rights', topics);
  }

  /** What this user may see of the cell; undefined if nothing. */
  async cell(): Promise<VisibleCell | undefined> {
    return (await this.#request('api/cell', [])) as VisibleCell | undefined;
  }

  /** The filters that cover all topics that this user may read; `all` counts also those that are left out. */
  async filters(): Promise<{ readonly read: readonly string[]; readonly all: number } | undefined> {
    return (await this.#request('api/filters', [])) as { read: string[]; all: number } | undefined;
  }

  async #requestForEach<Value>(
    path: string,
    topics: readonly string[],
    also: string[][] = [],
  ): Promise<Record<string, Value>> {
    const found: Record<string, Value> = {};
    for (let first = 0; first < topics.length; first += TOPICS_AT_ONCE) {
      const some = topics.slice(first, first + TOPICS_AT_ONCE);
      const query = [...also, ...some.map((topic) => ['topic', topic])];
      Object.assign(found, await this.#request(path, query));
    }
    return found;
  }

  /** The sessions that match the parameters; undefined if this user may not see them. */
  async clients(parameters: string[][]): Promise<SessionList | undefined> {
    return (await this.#request('api/clients', parameters)) as SessionList | undefined;
  }

  /** Ends the connection of a client of the broker; its waiting messages are kept. Resolves with the reason if it is refused, else with ''. */
  async disconnect(clientId: string): Promise<string> {
    const response = await this.#fetch('api/disconnect', [['client', clientId]], 'POST');
    return response.ok ? '' : (await response.text()).trim();
  }

  /** Deletes the retained message of a topic. Resolves with the reason if it is refused, else with ''. */
  async clearRetained(topic: string): Promise<string> {
    const response = await this.#fetch('api/clear', [['topic', topic]], 'POST');
    return response.ok ? '' : (await response.text()).trim();
  }

  /** The lines after this number; undefined if this user may not see the log. */
  async log(after: number): Promise<NumberedLine[] | undefined> {
    return (await this.#request('api/log', [['after', String(after)]])) as
      | NumberedLine[]
      | undefined;
  }

  /** A request over HTTP as the user of this page, with a body if it changes something. */
  send(path: string, query: string[][], body?: string): Promise<Response> {
    return this.#fetch(path, query, body === undefined ? 'GET' : 'POST', body);
  }

  async #request(path: string, query: string[][]): Promise<unknown> {
    const response = await this.#fetch(path, query, 'GET');
    return response.ok ? response.json() : undefined;
  }

  async #fetch(
    path: string,
    query: string[][],
    method: string,
    content?: unknown,
  ): Promise<Response> {
    const response = await fetch(`${path}?${new URLSearchParams(query)}`, {
      method,
      ...bodyOf(content),
    });
    const date = Date.parse(response.headers.get('date') ?? '');
    // The header has whole seconds.
    if (!Number.isNaN(date) && Math.abs(date - this.now()) > 1500) this.#ahead = date - Date.now();
    return response;
  }
}

function connectTo(clientId: string, protocolVersion: 4 | 5): MqttClient {
  const url = new URL('mqtt', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return mqtt.connect(url.href, {
    clientId,
    protocolVersion,
    clean: true,
    keepalive: 10,
    connectTimeout: 8000,
    reconnectPeriod: RECONNECT_MS,
    resubscribe: false,
    queueQoSZero: false,
    // The page's security policy forbids a worker made from text.
    timerVariant: 'native',
    createWebsocket: openSocket,
  });
}

/** The browser reports an error for each packet that is sent while its connection is closing, and sends none of them. */
function openSocket(url: string, protocols: string[]): WebSocket {
  const socket = new WebSocket(url, protocols);
  const send = socket.send.bind(socket);
  socket.send = (data) => {
    if (socket.readyState === WebSocket.OPEN) send(data);
  };
  return socket;
}

/** The filters that a SUBACK refuses. With one of them refused, mqtt.js reports an error for all. */
export function refusedOf(
  filters: readonly string[],
  suback: { readonly granted?: unknown } | undefined,
): string[] {
  const codes = (suback?.granted ?? []) as readonly number[];
  return filters.filter((_filter, index) => (codes[index] ?? 0) >= FIRST_ERROR);
}

/** Seven random letters and digits. */
export function randomId(): string {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return random.toString(36).padStart(7, '0');
}

/** What is sent: a text as it is, anything else as JSON. */
function bodyOf(content: unknown): RequestInit {
  if (content === undefined || typeof content === 'string') return { body: content ?? null };
  return { body: JSON.stringify(content), headers: { 'content-type': 'application/json' } };
}
