import { element } from './dom.ts';
import type { Span } from './gateway.ts';
import { translate } from './translations.ts';

export const SPANS: readonly Span[] = ['hour', 'day', 'week', 'month', 'quarter'];

/** The elements of the dialog with one sensor's large chart. */
export interface DetailDialog {
  readonly dialog: HTMLDialogElement;
  readonly title: HTMLElement;
  readonly value: HTMLElement;
  readonly quality: HTMLElement;
  /** The buttons of the spans, in their order, and their parent. */
  readonly buttons: readonly HTMLButtonElement[];
  readonly choice: HTMLElement;
  /** The element for the chart. */
  readonly place: HTMLElement;
  /** The point under the pointer. */
  readonly pointer: HTMLElement;
  /** Lowest and highest value. */
  readonly range: HTMLElement;
  /** How to configure a longer history. */
  readonly hint: HTMLElement;
}

/** The closed dialog, in the document. */
export function createDetailDialog(): DetailDialog {
  const title = element('h2', { id: 'detail', class: 'dialog-title', lang: 'en' });
  const value = element('p', { class: 'figure' });
  const quality = element('p', { class: 'quality' });
  const buttons = SPANS.map((span) => element('button', { type: 'button' }, translate(span)));
  const choice = element(
    'div',
    { class: 'choice', role: 'group', 'aria-label': translate('span') },
    ...buttons,
  );
  const place = element('div', { class: 'large' });
  const pointer = element('p', { class: 'pointer', 'aria-hidden': 'true' });
  const range = element('p', { class: 'age' });
  const hint = element('p', { class: 'age' }, translate('keepDay'));
  const close = element('button', { type: 'button', class: 'primary' }, translate('close'));
  const dialog = element(
    'dialog',
    { class: 'detail', 'aria-labelledby': 'detail' },
    element('div', { class: 'head' }, title, choice),
    element('div', { class: 'head' }, value, quality),
    place,
    pointer,
    range,
    hint,
    element('div', { class: 'buttons' }, close),
  );
  document.body.append(dialog);
  close.addEventListener('click', () => dialog.close());
  // Beside the dialog: only its backdrop has no child there.
  dialog.addEventListener('click', ({ target }) => {
    if (target === dialog) dialog.close();
  });
  return { dialog, title, value, quality, buttons, choice, place, pointer, range, hint };
}
