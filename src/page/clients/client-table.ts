import type { SessionSort } from '../../broker/stats/session-list.ts';
import type { SessionStatus } from '../../broker/stats/status.ts';
import { cutName } from '../cut-name.ts';
import { createKeyed, element, setAttribute, setText } from '../dom.ts';
import { number, translate } from '../translations.ts';
import { type ClientQuery, COLUMNS } from './client-query.ts';
import { heldOf, noteOf, seenOf, subscriptionsOf, userOf, versionOf } from './client-texts.ts';

interface Row {
  readonly node: HTMLTableRowElement;
  readonly cells: Readonly<Record<SessionSort, HTMLElement>>;
  readonly state: HTMLElement;
  readonly note: HTMLElement;
  readonly button: HTMLButtonElement;
  session: SessionStatus;
}

export interface ClientTableEvents {
  sort(by: SessionSort): void;
  open(clientId: string): void;
  disconnect(clientId: string): void;
}

/** The table of clients; on a phone each of them has two lines. */
export function createClientTable(events: ClientTableEvents) {
  const heads = COLUMNS.map(({ sort, title }) => {
    const button = element('button', { type: 'button' }, translate(title));
    setAttribute(button, 'title', translate(title));
    button.addEventListener('click', () => events.sort(sort));
    const node = element('th', { scope: 'col', role: 'columnheader', 'data-column': sort }, button);
    return { sort, node };
  });
  const last = element('th', { scope: 'col', role: 'columnheader', 'data-column': 'action' });
  last.append(element('span', { class: 'hidden' }, translate('disconnect')));
  const head = element('tr', { role: 'row' }, ...heads.map(({ node }) => node), last);
  const body = element('tbody', { role: 'rowgroup' });
  const node = element('table', { class: 'clients', role: 'table' });
  setAttribute(node, 'aria-label', translate('clients'));
  node.append(element('thead', { role: 'rowgroup' }, head), body);
  const rows = createKeyed<SessionStatus, Row>(body, (session) => createRow(session, events));
  return {
    node,
    rows: rows.parts,
    showSort({ sort, descending }: ClientQuery): void {
      for (const one of heads) {
        const order = descending ? 'descending' : 'ascending';
        setAttribute(one.node, 'aria-sort', one.sort === sort ? order : undefined);
      }
    },
    show(
      sessions: readonly SessionStatus[],
      now: number,
      mayEnd: (session: SessionStatus) => boolean,
      isOwn: (clientId: string) => boolean,
    ): void {
      rows.show(
        sessions,
        ({ clientId }) => clientId,
        (row, session) => {
          row.session = session;
          showRow(row, now, isOwn(session.clientId));
          row.button.hidden = !mayEnd(session);
        },
      );
    },
    /** Durations continue between two answers of the gateway. */
    showTimes(now: number): void {
      for (const { cells, session } of rows.parts.values()) {
        setText(cells.seen, seenOf(session, now));
      }
    },
  };
}

function createRow(session: SessionStatus, events: ClientTableEvents): Row {
  const { clientId } = session;
  const cells = {} as Record<SessionSort, HTMLElement>;
  for (const { sort, title } of COLUMNS) {
    cells[sort] = element('td', { role: 'cell', 'data-column': sort });
    setAttribute(cells[sort], 'data-label', translate(title));
  }
  const state = element('span', { class: 'hidden' });
  const name = element(
    'button',
    { type: 'button', class: 'link', lang: 'en' },
    ...cutName(clientId),
  );
  setAttribute(name, 'title', clientId);
  setAttribute(name, 'aria-label', clientId);
  name.addEventListener('click', () => events.open(clientId));
  const note = element('span', { class: 'note' });
  cells.clientId.append(state, name, note);
  const button = element('button', { type: 'button', class: 'small' }, translate('disconnect'));
  setAttribute(button, 'aria-label', `${translate('disconnect')} ${clientId}`);
  button.addEventListener('click', () => events.disconnect(clientId));
  const action = element('td', { role: 'cell', 'data-column': 'action' }, button);
  const node = element('tr', { class: 'client', role: 'row' });
  node.append(...COLUMNS.map(({ sort }) => cells[sort]), action);
  return { node, cells, state, note, button, session };
}

function showRow({ node, cells, state, note, session }: Row, now: number, isOwn: boolean): void {
  const { online, address } = session;
  setAttribute(node, 'data-state', online ? 'connected' : 'down');
  setText(state, translate(online ? 'online' : 'offline'));
  setText(note, noteOf(session, isOwn));
  setAttribute(note, 'title', note.textContent || undefined);
  setText(cells.version, versionOf(session));
  setText(cells.user, userOf(session));
  setText(cells.address, address ?? '–');
  setText(cells.queued, number(session.queued));
  setText(cells.held, heldOf(session));
  setText(cells.dropped, number(session.dropped));
  setText(cells.seen, seenOf(session, now));
  setText(cells.subscriptions, subscriptionsOf(session));
}
