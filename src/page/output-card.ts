import type { OutputStatus } from '../outputs/output.ts';
import { element, setAttribute, setText } from './dom.ts';
import { showReason } from './reasons.ts';
import { translate } from './translations.ts';

/** One output with its switch. */
export interface OutputCard {
  readonly node: HTMLLIElement;
  readonly toggle: HTMLButtonElement;
  readonly state: HTMLElement;
  readonly reason: HTMLElement;
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
  const result = element('p', { class: 'result', role: 'status' });
  const node = element(
    'li',
    { class: 'card output', 'data-output': status.name },
    element('div', { class: 'head' }, name, element('span', { class: 'control' }, state, toggle)),
    reason,
    result,
  );
  return { node, toggle, state, reason, result, status, allowed: undefined, pending: undefined };
}

export function showOutput({ node, toggle, state, reason, status, allowed }: OutputCard): void {
  const { value, quality, reason: why } = status;
  setAttribute(node, 'data-quality', quality);
  setText(state, translate(value === null ? 'unknown' : value ? 'on' : 'off'));
  setAttribute(toggle, 'aria-checked', String(value === true));
  setAttribute(toggle, 'aria-disabled', allowed !== true || undefined);
  if (why === undefined) {
    showReason(reason, '');
    setText(reason, allowed === false ? translate('mayNot') : '');
  } else showReason(reason, why);
}

/** A disabled switch stays in the order of the keyboard, so that a user finds it and its reason. */
export function isDisabled({ toggle }: OutputCard): boolean {
  return toggle.getAttribute('aria-disabled') !== null;
}
