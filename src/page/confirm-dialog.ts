import { element, setText } from './dom.ts';
import { translate } from './translations.ts';

export interface ConfirmDialog {
  /** Resolves with whether the action was chosen. */
  ask(words: {
    readonly title: string;
    readonly why: string;
    readonly action: string;
  }): Promise<boolean>;
}

/** A dialog that asks before something happens; Escape and the first button mean no. */
export function createConfirmDialog(): ConfirmDialog {
  const title = element('h2', { id: 'question', class: 'question' });
  const why = element('p');
  const no = element('button', { type: 'button' }, translate('cancel'));
  const yes = element('button', { type: 'button', class: 'primary' });
  const buttons = element('div', { class: 'buttons' }, no, yes);
  const dialog = element('dialog', { 'aria-labelledby': 'question' }, title, why, buttons);
  document.body.append(dialog);
  let answer = false;
  no.addEventListener('click', () => dialog.close());
  yes.addEventListener('click', () => {
    answer = true;
    dialog.close();
  });
  return {
    ask(words) {
      setText(title, words.title);
      setText(why, words.why);
      setText(yes, words.action);
      answer = false;
      dialog.showModal();
      return new Promise((resolve) => {
        dialog.addEventListener('close', () => resolve(answer), { once: true });
      });
    },
  };
}
