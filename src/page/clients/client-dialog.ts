import type { SessionStatus } from '../../broker/stats/status.ts';
import { createFacts, element, setAttribute, setText } from '../dom.ts';
import { bytes, number, translate } from '../translations.ts';
import {
  aliasesOf,
  expiryOf,
  heldOf,
  noteOf,
  seenOf,
  subscriptionsOf,
  userOf,
  versionOf,
} from './client-texts.ts';

/** A dialog with all that is known of one client. */
export function createClientDialog(disconnect: (clientId: string) => void) {
  const title = element('h2', { id: 'client', class: 'dialog-title', lang: 'en' });
  const note = element('p', { class: 'address' });
  const facts = createFacts([
    ['seen', translate('lastSeen')],
    ['user', translate('user')],
    ['address', translate('address')],
    ['version', translate('protocol')],
    ['waiting', translate('waiting')],
    ['size', translate('size')],
    ['inflight', translate('inflight')],
    ['dropped', translate('dropped')],
    ['heldUp', translate('heldUp')],
    ['subscriptions', translate('subscriptions')],
    ['session', translate('sessionKept')],
    ['aliases', translate('aliases')],
  ]);
  const end = element('button', { type: 'button' }, translate('disconnect'));
  const close = element('button', { type: 'button', class: 'primary' }, translate('close'));
  const buttons = element('div', { class: 'buttons' }, end, close);
  const dialog = element('dialog', { 'aria-labelledby': 'client' });
  dialog.append(title, note, facts.node, buttons);
  document.body.append(dialog);
  let shown = '';
  close.addEventListener('click', () => dialog.close());
  end.addEventListener('click', () => disconnect(shown));
  dialog.addEventListener('close', () => {
    shown = '';
  });
  return {
    /** The client ID that is shown; empty while the dialog is closed. */
    get shown(): string {
      return shown;
    },
    open(clientId: string): void {
      shown = clientId;
      setText(title, clientId);
      if (!dialog.open) dialog.showModal();
    },
    show(session: SessionStatus, now: number, mayEnd: boolean, isOwn: boolean): void {
      end.hidden = !mayEnd;
      setText(note, noteOf(session, isOwn));
      setAttribute(dialog, 'data-state', session.online ? 'connected' : 'down');
      facts.set('seen', seenOf(session, now));
      facts.set('user', userOf(session));
      facts.set('address', session.address ?? '–');
      facts.set('version', versionOf(session));
      facts.set('waiting', number(session.queued));
      facts.set('size', bytes(session.bytes));
      facts.set('inflight', number(session.inflight));
      facts.set('dropped', number(session.dropped));
      facts.set('heldUp', heldOf(session));
      facts.set('subscriptions', subscriptionsOf(session));
      facts.set('session', expiryOf(session));
      facts.set('aliases', aliasesOf(session));
    },
  };
}
