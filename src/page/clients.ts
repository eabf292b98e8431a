import type { SessionStatus } from '../broker/report.ts';
import { createFacts, createKeyed, element, setAttribute, setText } from './dom.ts';
import { number, say, span } from './words.ts';

interface Card {
  readonly node: HTMLLIElement;
  readonly state: HTMLElement;
  readonly facts: ReturnType<typeof createFacts>;
}

/** One card for each session of the broker, connected or not. */
export function createClients(now: () => number) {
  const list = element('ul', { class: 'cards' });
  const cards = createKeyed<SessionStatus, Card>(list, ({ clientId }) => {
    const state = element('span', { class: 'pill' });
    const facts = createFacts([
      ['user', say('user')],
      ['address', say('address')],
      ['waiting', say('waiting')],
      ['inflight', say('inflight')],
      ['dropped', say('dropped')],
      ['subscriptions', say('subscriptions')],
    ]);
    const title = element('h3', { lang: 'en' }, clientId);
    const head = element('div', { class: 'head' }, title, state);
    return { node: element('li', { class: 'card client' }, head, facts.node), state, facts };
  });
  return {
    node: list,
    show(sessions: readonly SessionStatus[]): void {
      cards.show(
        sessions,
        ({ clientId }) => clientId,
        ({ node, state, facts }, session) => {
          const { online, since, user, address } = session;
          setAttribute(node, 'data-state', online ? 'connected' : 'down');
          const time = say('since', { time: span(now() - since) });
          setText(state, `${say(online ? 'online' : 'away')} ${time}`);
          facts.set('user', user || say('anonymous'));
          facts.set('address', address ?? '–');
          facts.set('waiting', number(session.queued));
          facts.set('inflight', number(session.inflight));
          facts.set('dropped', number(session.dropped));
          facts.set('subscriptions', number(session.subscriptions));
        },
      );
    },
  };
}
