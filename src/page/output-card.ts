import type { OutputStatus } from '../outputs/output.ts';
import { element, setAttribute, setText } from './dom.ts';
import { showReason } from './reasons.ts';
import { moment, momentInFull, translate } from './translations.ts';

/** When an output was switched last, and by whom or why. */
export interface ChangeLine {
  readonly time: HTMLElement;
  readonly what: HTMLElement;
}

/** One output with its switch. */
export interface OutputCard {
  readonly node: HTMLLIElement;
  readonly toggle: HTMLButtonElement;
  readonly state: HTMLElement;
  readonly reason: HTMLElement;
  readonly changed: ChangeLine;
  readonly result: HTMLElement;
  status: OutputStatus;
  /** Whether this user may switch it; undefined while that is not known. */
  allowed: boolean | undefined;
  /** The id of a command that has not been answered. */
  pending: string | undefined;
}

export function createOutputCard(status: OutputStatus): OutputCard {
  const name = element('h3', { lang: 'en' }, status.name);
  const toggle = element('button', {
    type: 'button',
    role: 'switch',
    class: 'switch',
    'aria-label': status.name,
  });
  const state = element('span', { class: 'state' });
  const reason = element('p', { class: 'reason', lang: 'en' });
  const changed = createChange();
  const result = element('p', { class: 'result', role: 'status' });
  const node = element(
    'li',
    { class: 'card output', 'data-output': status.name },
    element('div', { class: 'head' }, name, element('span', { class: 'control' }, state, toggle)),
    reason,
    element('p', { class: 'changed' }, changed.time, changed.what),
    result,
  );
  return {
    node,
    toggle,
    state,
    reason,
    changed,
    result,
    status,
    allowed: undefined,
    pending: undefined,
  };
}

export function createChange(): ChangeLine {
  return { time: element('time', { class: 'when' }), what: element('span') };
}

/** `now` is the time of the gateway. */
export function showChange(
  { time, what }: ChangeLine,
  changed: OutputStatus['changed'],
  now: number,
): void {
  const at = changed && Date.parse(changed.at);
  setText(time, at === undefined ? '' : moment(at, now));
  setAttribute(time, 'title', at === undefined ? undefined : momentInFull(at));
  showReason(what, changed?.what ?? '');
}

export function showOutput(card: OutputCard, now: number): void {
  const { node, toggle, state, reason, changed, status, allowed } = card;
  const { value, quality, reason: why } = status;
  setAttribute(node, 'data-quality', quality);
  setText(state, stateText(value));
  showChange(changed, status.changed, now);
  setAttribute(toggle, 'aria-checked', String(value === true));
  setAttribute(toggle, 'aria-disabled', allowed !== true || undefined);
  if (why === undefined) {
    showReason(reason, '');
    setText(reason, allowed === false ? translate('mayNot') : '');
  } else showReason(reason, why);
}

export function stateText(value: OutputStatus['value']): string {
  return translate(value === null ? 'unknown' : value ? 'on' : 'off');
}

/** A disabled switch stays in the order of the keyboard, so that a user finds it and its reason. */
export function isDisabled({ toggle }: OutputCard): boolean {
  return toggle.getAttribute('aria-disabled') !== null;
}
