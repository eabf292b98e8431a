import type { SessionStatus } from '../broker/stats/status.ts';
import type { ConfirmDialog } from './confirm-dialog.ts';
import { createFacts, createKeyed, element, setAttribute, setText } from './dom.ts';
import type { Gateway } from './gateway.ts';
import { number, span, translate } from './translations.ts';

interface Card {
  readonly node: HTMLLIElement;
  readonly state: HTMLElement;
  readonly facts: ReturnType<typeof createFacts>;
  readonly button: HTMLButtonElement;
  readonly note: HTMLElement;
  online: boolean;
  own: boolean;
}

/** A user with the right to publish here may end connections; nothing is ever published here. */
const RIGHT_TOPIC = '$SYS/cellgate/disconnect';

function noteOf({ slow, held }: SessionStatus, own: boolean): string {
  if (slow) return translate('slowReader');
  if (held.isWaiting) return translate('waitsForReader');
  return own ? translate('thisPage') : '';
}

function subscriptionsOf({ subscriptions, shares }: SessionStatus): string {
  if (shares === 0) return number(subscriptions);
  return translate('ofThemShared', { count: number(subscriptions), shares: number(shares) });
}

/** How long the session outlives its connection. */
function expiryOf({ sessionExpiry }: SessionStatus): string {
  if (sessionExpiry === null) return translate('keptLong');
  return sessionExpiry === 0 ? translate('notKept') : span(sessionExpiry * 1000);
}

/** Aliases of the client, and of the gateway towards it; only MQTT 5 has some. */
function aliasesOf({ version, aliases }: SessionStatus): string {
  if (version !== '5') return '–';
  return `${number(aliases.fromClient)} / ${number(aliases.toClient)}`;
}

/** One card for each session of the broker, connected or not. */
export function createClients(gateway: Gateway, confirm: ConfirmDialog) {
  const list = element('ul', { class: 'cards' });
  let allowed = false;

  const cards = createKeyed<SessionStatus, Card>(list, ({ clientId }) => {
    const state = element('span', { class: 'pill' });
    const facts = createFacts([
      ['user', translate('user')],
      ['address', translate('address')],
      ['waiting', translate('waiting')],
      ['inflight', translate('inflight')],
      ['dropped', translate('dropped')],
      ['subscriptions', translate('subscriptions')],
      ['version', translate('protocol')],
      ['session', translate('sessionKept')],
      ['aliases', translate('aliases')],
      ['heldUp', translate('heldUp')],
    ]);
    const title = element('h3', { lang: 'en' }, clientId);
    const head = element('div', { class: 'head' }, title, state);
    const button = element('button', { type: 'button', class: 'small' }, translate('disconnect'));
    setAttribute(button, 'aria-label', `${translate('disconnect')} ${clientId}`);
    button.addEventListener('click', () => void disconnect(clientId));
    const note = element('p', { class: 'address' });
    const node = element('li', { class: 'card client' }, head, note, facts.node, button);
    return { node, state, note, facts, button, online: false, own: false };
  });

  const disconnect = async (clientId: string): Promise<void> => {
    const title = translate('askDisconnect', { name: clientId });
    const texts = { title, why: translate('disconnectWhy'), action: translate('disconnect') };
    if (await confirm.ask(texts)) await gateway.disconnect(clientId).catch(() => undefined);
  };

  const showButton = ({ button, online, own }: Card): void => {
    setAttribute(button, 'hidden', !allowed || !online || own);
  };

  return {
    node: list,
    show(sessions: readonly SessionStatus[]): void {
      cards.show(
        sessions,
        ({ clientId }) => clientId,
        (card, session) => {
          const { node, state, facts } = card;
          const { online, since, user, address } = session;
          card.online = online;
          setAttribute(node, 'data-state', online ? 'connected' : 'down');
          const time = translate('since', { time: span(gateway.now() - since) });
          card.own = session.clientId === gateway.clientId;
          setText(card.note, noteOf(session, card.own));
          showButton(card);
          setText(state, `${translate(online ? 'online' : 'offline')} ${time}`);
          facts.set('user', user || translate('anonymous'));
          facts.set('address', address ?? '–');
          facts.set('waiting', number(session.queued));
          facts.set('inflight', number(session.inflight));
          facts.set('dropped', number(session.dropped));
          facts.set('subscriptions', subscriptionsOf(session));
          facts.set('version', session.version === null ? '–' : `MQTT ${session.version}`);
          facts.set('session', expiryOf(session));
          facts.set('aliases', aliasesOf(session));
          facts.set('heldUp', span(session.held.ms));
        },
      );
    },
    /** Reads whether this user may end connections. */
    async readRight(): Promise<void> {
      const rights = await gateway
        .rights([RIGHT_TOPIC])
        .catch(() => ({}) as Record<string, boolean>);
      allowed = rights[RIGHT_TOPIC] === true;
      for (const card of cards.parts.values()) showButton(card);
    },
  };
}
