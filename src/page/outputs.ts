import type { OutputStatus } from '../outputs/output.ts';
import { parseResult } from './command-result.ts';
import type { ConfirmDialog } from './confirm-dialog.ts';
import { createKeyed, element, setText } from './dom.ts';
import { type Gateway, randomId } from './gateway.ts';
import {
  createChange,
  createOutputCard,
  isDisabled,
  type OutputCard,
  showChange,
  showOutput,
  stateText,
} from './output-card.ts';
import { reasonText } from './reasons.ts';
import { addressOf } from './router.ts';
import { translate } from './translations.ts';

const ANSWER_TIMEOUT_MS = 3000;
/** How long the answer to a command is shown. */
const RESULT_MS = 10_000;
/** Outputs in the list of those that were switched last. */
const LATEST = 3;

/** One card for each output, with a switch that asks for confirmation and shows the result. */
export function createOutputs(gateway: Gateway, confirm: ConfirmDialog) {
  const list = element('ul', { class: 'cards' });
  const latest = element('ul', { class: 'rows' });
  const cards = createKeyed<OutputStatus, OutputCard>(list, (status) => {
    const card = createOutputCard(status);
    card.toggle.addEventListener('click', () => void toggle(card, gateway, confirm));
    return card;
  });

  const readRights = async (): Promise<void> => {
    const unknown = [...cards.parts.values()].filter(({ allowed }) => allowed === undefined);
    if (unknown.length === 0) return;
    const topics = unknown.map(({ status }) => `${status.topic}/set`);
    const rights = await gateway.rights(topics).catch(() => ({}) as Record<string, boolean>);
    for (const card of unknown) {
      card.allowed = rights[`${card.status.topic}/set`] === true;
      showOutput(card, gateway.now());
    }
  };

  return {
    node: list,
    /** Those that were switched last, for the overview. */
    latest,
    show(outputs: readonly OutputStatus[]): void {
      cards.show(
        outputs,
        ({ name }) => name,
        (card, status) => {
          card.status = status;
          showOutput(card, gateway.now());
        },
      );
      latest.replaceChildren(...latestOf(outputs, gateway.now()));
      gateway.subscribe(outputs.map(({ topic }) => `${topic}/result`));
      void readRights();
    },
    /** Takes the result of a command; false for any other topic. */
    receive(topic: string, payload: string): boolean {
      const card = [...cards.parts.values()].find((one) => `${one.status.topic}/result` === topic);
      if (!card) return false;
      const { id, ok, reason } = parseResult(payload);
      if (id !== undefined) {
        finish(
          card,
          id,
          ok ? translate('done') : translate('refused', { reason: reasonText(reason ?? '') }),
        );
      }
      return true;
    },
    /** Reads the rights again: another user may have others. */
    reloadRights(): void {
      for (const card of cards.parts.values()) card.allowed = undefined;
      void readRights();
    },
  };
}

function latestOf(outputs: readonly OutputStatus[], now: number): HTMLElement[] {
  const timeOf = ({ changed }: OutputStatus): string => changed?.at ?? '';
  const switched = outputs.filter(({ changed }) => changed !== undefined);
  switched.sort((one, other) => timeOf(other).localeCompare(timeOf(one)));
  return switched.slice(0, LATEST).map(({ name, value, changed }) => {
    const line = createChange();
    showChange(line, changed, now);
    const link = element('a', { href: addressOf('outputs'), lang: 'en' }, name);
    const state = element('b', {}, stateText(value));
    return element('li', { class: 'switched' }, line.time, link, state, line.what);
  });
}

/** Switches an output after a confirmation. */
async function toggle(card: OutputCard, gateway: Gateway, confirm: ConfirmDialog): Promise<void> {
  const { name, topic, value } = card.status;
  if (isDisabled(card)) return;
  const wanted = value !== true;
  const title = translate(wanted ? 'askOn' : 'askOff', { name });
  const action = translate(wanted ? 'switchOn' : 'switchOff');
  if (!(await confirm.ask({ title, why: translate('askWhy'), action }))) return;
  const id = `page-${randomId()}`;
  card.pending = id;
  setText(card.result, translate('sent'));
  const publishing = gateway.publish(`${topic}/set`, { value: wanted, id });
  publishing.catch(() => finish(card, id, translate('noAnswer')));
  setTimeout(() => finish(card, id, translate('noAnswer')), ANSWER_TIMEOUT_MS);
}

/** Shows the result of a command, unless it has one or another command was sent since. */
function finish(card: OutputCard, id: string, text: string): void {
  if (card.pending !== id) return;
  card.pending = undefined;
  setText(card.result, text);
  setTimeout(() => {
    if (card.pending === undefined && card.result.textContent === text) setText(card.result, '');
  }, RESULT_MS);
}
