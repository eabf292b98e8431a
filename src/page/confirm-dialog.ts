import { element, setText } from './dom.ts';
import { translate } from './translations.ts';

export interface ConfirmDialog {
  /** Resolves with whether the user chose the action. */
  ask(texts: {
    readonly title: string;
    readonly why: string;
    readonly action: string;
  }): Promise<boolean>;
}

/** A dialog that asks for a confirmation; Escape and the first button mean no. */
export function createConfirmDialog(): ConfirmDialog {
  const title = element('h2', { id: 'confirm', class: 'dialog-title' });
  const why = element('p');
  const no = element('button', { type: 'button' }, translate('cancel'));
  const yes = element('button', { type: 'button', class: 'primary' });
  const buttons = element('div', { class: 'buttons' }, no, yes);
  const dialog = element('dialog', { 'aria-labelledby': 'confirm' }, title, why, buttons);
  document.body.append(dialog);
  let answer = false;
  no.addEventListener('click', () => dialog.close());
  yes.addEventListener('click', () => {
    answer = true;
    dialog.close();
  });
  return {
    ask(texts) {
      setText(title, texts.title);
      setText(why, texts.why);
      setText(yes, texts.action);
      answer = false;
      dialog.showModal();
      return new Promise((resolve) => {
        dialog.addEventListener('close', () => resolve(answer), { once: true });
      });
    },
  };
}
