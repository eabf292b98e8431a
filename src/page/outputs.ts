import type { OutputStatus } from '../outputs/output.ts';
import type { ConfirmDialog } from './confirm-dialog.ts';
import { createKeyed, element, setAttribute, setText } from './dom.ts';
import { type Gateway, randomId } from './gateway.ts';
import { translate } from './translations.ts';

interface Card {
  readonly node: HTMLLIElement;
  readonly toggle: HTMLButtonElement;
  readonly state: HTMLElement;
  readonly reason: HTMLElement;
  readonly result: HTMLElement;
  status: OutputStatus;
  may: boolean | undefined;
  /** The id of the command that is on its way. */
  pending: string | undefined;
}

const PATIENCE_MS = 3000;

/** One card for each output, with a switch that asks first and says what came of it. */
export function createOutputs(gateway: Gateway, question: ConfirmDialog) {
  const list = element('ul', { class: 'cards' });

  const cards = createKeyed<OutputStatus, Card>(list, (status) => {
    const name = element('h3', { lang: 'en' }, status.name);
    const toggle = element('button', {
      type: 'button',
      role: 'switch',
      class: 'switch',
      'aria-label': status.name,
    });
    const state = element('span', { class: 'state' });
    const reason = element('p', { class: 'reason', lang: 'en' });
    const result = element('p', { class: 'result', role: 'status' });
    const node = element(
      'li',
      { class: 'card output', 'data-output': status.name },
      element('div', { class: 'head' }, name, element('span', { class: 'control' }, state, toggle)),
      reason,
      result,
    );
    const card: Card = {
      node,
      toggle,
      state,
      reason,
      result,
      status,
      may: undefined,
      pending: undefined,
    };
    toggle.addEventListener('click', () => void change(card));
    return card;
  });

  const change = async (card: Card): Promise<void> => {
    const { name, topic, value } = card.status;
    if (toggleIsOff(card.toggle)) return;
    const wanted = value !== true;
    const title = translate(wanted ? 'askOn' : 'askOff', { name });
    const action = translate(wanted ? 'switchOn' : 'switchOff');
    if (!(await question.ask({ title, why: translate('askWhy'), action }))) return;
    const id = `page-${randomId()}`;
    card.pending = id;
    setText(card.result, translate('sent'));
    const publishing = gateway.publish(`${topic}/set`, { value: wanted, id });
    publishing.catch(() => settle(card, id, translate('noAnswer')));
    setTimeout(() => settle(card, id, translate('noAnswer')), PATIENCE_MS);
  };

  const settle = (card: Card, id: string, text: string): void => {
    if (card.pending !== id) return;
    card.pending = undefined;
    setText(card.result, text);
  };

  const learnRights = async (): Promise<void> => {
    const unknown = [...cards.parts.values()].filter(({ may }) => may === undefined);
    if (unknown.length === 0) return;
    const topics = unknown.map(({ status }) => `${status.topic}/set`);
    const rights = await gateway.rights(topics).catch(() => ({}) as Record<string, boolean>);
    for (const card of unknown) {
      card.may = rights[`${card.status.topic}/set`] === true;
      showCard(card);
    }
  };

  return {
    node: list,
    show(outputs: readonly OutputStatus[]): void {
      cards.show(
        outputs,
        ({ name }) => name,
        (card, status) => {
          card.status = status;
          showCard(card);
        },
      );
      gateway.subscribe(outputs.map(({ topic }) => `${topic}/result`));
      void learnRights();
    },
    /** False for a topic on which no result is told. */
    take(topic: string, payload: string): boolean {
      const card = [...cards.parts.values()].find((one) => `${one.status.topic}/result` === topic);
      if (!card) return false;
      const { id, ok, reason } = parseResult(payload);
      if (id !== undefined) {
        settle(card, id, ok ? translate('done') : translate('refused', { reason: reason ?? '' }));
      }
      return true;
    },
    /** Another user may do other things. */
    forgetRights(): void {
      for (const card of cards.parts.values()) card.may = undefined;
      void learnRights();
    },
  };
}

function showCard({ node, toggle, state, reason, status, may }: Card): void {
  const { value, quality, reason: why } = status;
  setAttribute(node, 'data-quality', quality);
  setText(state, translate(value === null ? 'unknown' : value ? 'on' : 'off'));
  setAttribute(toggle, 'aria-checked', String(value === true));
  setAttribute(toggle, 'aria-disabled', may !== true || undefined);
  setText(reason, why ?? (may === false ? translate('mayNot') : ''));
  setAttribute(reason, 'lang', why === undefined ? undefined : 'en');
}

/** It stays in the order of the keyboard, so that it can be found and says why. */
function toggleIsOff(toggle: HTMLButtonElement): boolean {
  return toggle.getAttribute('aria-disabled') !== null;
}

function parseResult(payload: string): { id?: string; ok?: boolean; reason?: string } {
  try {
    return JSON.parse(payload);
  } catch {
    return {};
  }
}
