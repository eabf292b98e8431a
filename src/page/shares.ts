import type { ShareStatus } from '../broker/stats/share-status.ts';
import { createFacts, createKeyed, element, setAttribute, setText } from './dom.ts';
import { number, translate } from './translations.ts';

interface Card {
  readonly node: HTMLLIElement;
  readonly state: HTMLElement;
  readonly facts: ReturnType<typeof createFacts>;
}

/** One card for each group of a shared subscription. */
export function createShares() {
  const list = element('ul', { class: 'cards' });
  const cards = createKeyed<ShareStatus, Card>(list, ({ filter }) => {
    const state = element('span', { class: 'pill' });
    const facts = createFacts([
      ['members', translate('members')],
      ['online', translate('online')],
      ['offline', translate('offline')],
    ]);
    const head = element('div', { class: 'head' }, element('h3', { lang: 'en' }, filter), state);
    return { node: element('li', { class: 'card share' }, head, facts.node), state, facts };
  });
  return {
    node: list,
    show(groups: readonly ShareStatus[]): void {
      cards.show(
        groups,
        ({ filter }) => filter,
        ({ node, state, facts }, { online, away, members }) => {
          setAttribute(node, 'data-state', online > 0 ? 'connected' : 'down');
          setText(state, translate(online > 0 ? 'online' : 'offline'));
          const more = members.length < online + away ? ', …' : '';
          facts.set('members', members.join(', ') + more);
          facts.set('online', number(online));
          facts.set('offline', number(away));
        },
      );
    },
  };
}
