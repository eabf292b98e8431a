import './clients.css';
import type { SessionSort } from '../../broker/stats/session-list.ts';
import type { SessionStatus } from '../../broker/stats/status.ts';
import type { ConfirmDialog } from '../confirm-dialog.ts';
import { element, setText } from '../dom.ts';
import type { Gateway } from '../gateway.ts';
import type { LiveSection } from '../lazy-section.ts';
import { number, translate } from '../translations.ts';
import { createClientDialog } from './client-dialog.ts';
import { type ClientQuery, COLUMNS, FIRST_QUERY, parametersOf, sortedBy } from './client-query.ts';
import { createClientTable } from './client-table.ts';

/** A user with the right to publish here may end connections; nothing is ever published here. */
const RIGHT_TOPIC = '$SYS/cellgate/disconnect';
/** Between the last letter of the search and its request. */
const TYPING_MS = 250;
const STATES = ['all', 'online', 'offline'] as const;

/** The sessions of the broker, connected or not: a table with a search, and what can be done with them. */
export class Clients implements LiveSection {
  readonly node: HTMLElement;
  readonly #gateway: Gateway;
  readonly #confirm: ConfirmDialog;
  readonly #status = element('p', { class: 'age', role: 'status' });
  readonly #result = element('p', { class: 'result', role: 'status' });
  readonly #sorting = sortChoice();
  readonly #table = createClientTable({
    sort: (by) => this.#sort(by),
    open: (clientId) => this.#open(clientId),
    disconnect: (clientId) => void this.#disconnect(clientId),
  });
  readonly #dialog = createClientDialog((clientId) => void this.#disconnect(clientId));
  #query: ClientQuery = FIRST_QUERY;
  #sessions: readonly SessionStatus[] = [];
  #mayDisconnect = false;
  #polling = false;
  #isOld = false;
  #isDenied = false;
  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor(gateway: Gateway, confirm: ConfirmDialog) {
    this.#gateway = gateway;
    this.#confirm = confirm;
    const search = element('input', { type: 'search', placeholder: translate('findClient') });
    search.setAttribute('aria-label', translate('findClient'));
    search.addEventListener('input', () => this.#ask({ ...this.#query, text: search.value }));
    const states = STATES.map((one) => element('option', { value: one }, translate(one)));
    const state = element('select', { 'aria-label': translate('state') }, ...states);
    state.addEventListener('change', () => {
      const chosen = STATES.find((one) => one === state.value) ?? 'all';
      this.#ask({ ...this.#query, state: chosen });
    });
    this.#sorting.addEventListener('change', () => {
      const chosen = COLUMNS.find(({ sort }) => sort === this.#sorting.value);
      if (chosen) this.#sort(chosen.sort);
    });
    const tools = element('div', { class: 'tools' }, search, state, this.#sorting, this.#status);
    this.node = element('div', {}, tools, this.#result, this.#table.node);
    this.#table.showSort(this.#query);
  }

  open(): void {
    this.#isDenied = false;
    void this.#readRight();
    this.poll();
  }

  close(): void {
    clearTimeout(this.#typing);
  }

  poll(): void {
    void this.#list();
  }

  /** Asks the gateway for the clients that match. */
  async #list(): Promise<void> {
    if (this.#polling || this.#isDenied) return;
    this.#polling = true;
    this.#isOld = false;
    const answer = await this.#gateway
      .clients(parametersOf(this.#query))
      .catch(() => ({ total: 0, found: 0, sessions: undefined }));
    this.#polling = false;
    // The query has changed meanwhile.
    if (this.#isOld) return this.#list();
    if (answer === undefined) {
      setText(this.#status, translate('needsRight', { topic: '$SYS/cellgate/clients' }));
      this.#table.node.hidden = true;
      this.#isDenied = true;
    } else if (answer.sessions) this.#show(answer.sessions, answer.found, answer.total);
  }

  /** The durations move on. */
  render(): void {
    this.#table.showTimes(this.#gateway.now());
    this.#renderDialog();
  }

  /** Reads whether this user may end connections. */
  async #readRight(): Promise<void> {
    const rights = await this.#gateway
      .rights([RIGHT_TOPIC])
      .catch((): Record<string, boolean> => ({}));
    this.#mayDisconnect = rights[RIGHT_TOPIC] === true;
    await this.#list();
  }

  #show(sessions: readonly SessionStatus[], found: number, total: number): void {
    this.#sessions = sessions;
    const now = this.#gateway.now();
    const isOwn = (clientId: string): boolean => this.#isOwn(clientId);
    this.#table.show(sessions, now, (session) => this.#mayEnd(session), isOwn);
    this.#table.node.hidden = sessions.length === 0;
    setText(this.#status, statusOf(this.#query, sessions.length, found, total));
    this.#renderDialog();
  }

  #renderDialog(): void {
    const { shown } = this.#dialog;
    const session = shown === '' ? undefined : this.#sessionOf(shown);
    if (!session) return;
    const [mayEnd, isOwn] = [this.#mayEnd(session), this.#isOwn(shown)];
    this.#dialog.show(session, this.#gateway.now(), mayEnd, isOwn);
  }

  #sessionOf(clientId: string): SessionStatus | undefined {
    return this.#sessions.find((one) => one.clientId === clientId);
  }

  #isOwn(clientId: string): boolean {
    const own = this.#gateway.clientId;
    return own !== undefined && (clientId === own || clientId === `${own}-topics`);
  }

  #mayEnd({ clientId, online }: SessionStatus): boolean {
    return this.#mayDisconnect && online && !this.#isOwn(clientId);
  }

  #sort(by: SessionSort): void {
    this.#ask(sortedBy(this.#query, by));
    this.#sorting.value = by;
    this.#table.showSort(this.#query);
  }

  #ask(query: ClientQuery): void {
    this.#query = query;
    this.#isOld = true;
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.poll(), TYPING_MS);
  }

  #open(clientId: string): void {
    this.#dialog.open(clientId);
    this.#renderDialog();
  }

  async #disconnect(clientId: string): Promise<void> {
    const title = translate('askDisconnect', { name: clientId });
    const texts = { title, why: translate('disconnectWhy'), action: translate('disconnect') };
    if (!(await this.#confirm.ask(texts))) return;
    const reason = await this.#gateway.disconnect(clientId).catch(() => translate('noAnswerYet'));
    const done = translate('wasDisconnected', { name: clientId });
    setText(this.#result, reason === '' ? done : translate('refused', { reason }));
    await this.#list();
  }
}

/** How many there are, and how many of them are not shown. */
function statusOf(query: ClientQuery, shown: number, found: number, total: number): string {
  if (total === 0) return translate('noClients');
  if (found === 0) return translate('noClientFound', { text: query.text.trim() });
  const counts = { shown: number(shown), found: number(found), total: number(total) };
  if (found > shown) return translate('moreClients', { ...counts, more: number(found - shown) });
  return found === total ? translate('allClients', counts) : translate('foundClients', counts);
}

/** On a phone, where the columns have no heads. */
function sortChoice(): HTMLSelectElement {
  const options = COLUMNS.map(({ sort, title }) =>
    element('option', { value: sort }, translate(title)),
  );
  const select = element('select', { class: 'sorting' }, ...options);
  select.setAttribute('aria-label', translate('sortBy'));
  return select;
}
