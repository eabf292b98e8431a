import { element, setText } from '../dom.ts';
import { translate } from '../translations.ts';

/** What the form asks for; `name` is given when only the password changes. */
export interface AskedUser {
  readonly name: string;
  readonly password: string;
  readonly rights: string;
}

/** As `RIGHTS` of the gateway's `users.ts`. */
const RIGHTS = [
  ['read', 'mayRead'],
  ['operate', 'mayOperate'],
  ['all', 'mayAll'],
  ['administrator', 'mayManage'],
] as const;
const SHORTEST_PASSWORD = 8;
const LONGEST_PASSWORD = 256;

/** A dialog for a new user, or the new password of one; `save` resolves with why it is refused, or with ''. */
export function createUserDialog(save: (asked: AskedUser, isNew: boolean) => Promise<string>) {
  const title = element('h2', { id: 'user-dialog', class: 'dialog-title' });
  const name = element('input', {
    ...{ id: 'user-name', required: true, maxlength: 64, autocomplete: 'off' },
  });
  const password = element('input', {
    ...{ id: 'user-password', type: 'password', required: true, autocomplete: 'new-password' },
    ...{ minlength: SHORTEST_PASSWORD, maxlength: LONGEST_PASSWORD },
  });
  const options = RIGHTS.map(([value, text]) => element('option', { value }, translate(text)));
  const rights = element('select', { id: 'user-rights' }, ...options);
  const rightsLabel = element('label', { for: 'user-rights' }, translate('rights'));
  const hint = element('p', { class: 'address', id: 'user-hint' }, translate('passwordHint'));
  password.setAttribute('aria-describedby', 'user-hint');
  const wrong = element('p', { class: 'reason', role: 'alert' });
  const cancel = element('button', { type: 'button' }, translate('cancel'));
  const submit = element('button', { type: 'submit', class: 'primary' }, translate('save'));
  const form = element(
    'form',
    { class: 'user-form' },
    ...[title, element('label', { for: 'user-name' }, translate('name')), name],
    ...[element('label', { for: 'user-password' }, translate('newPassword')), password, hint],
    ...[rightsLabel, rights, wrong, element('div', { class: 'buttons' }, cancel, submit)],
  );
  const dialog = element('dialog', { 'aria-labelledby': 'user-dialog' }, form);
  document.body.append(dialog);
  let isNew = true;
  cancel.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    password.value = '';
  });
  const send = async (): Promise<void> => {
    submit.disabled = true;
    const asked = { name: name.value, password: password.value, rights: rights.value };
    const reason = await save(asked, isNew);
    submit.disabled = false;
    if (reason === '') dialog.close();
    else setText(wrong, reason);
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void send();
  });
  return {
    /** Without a name for a new user. */
    open(ofUser = ''): void {
      isNew = ofUser === '';
      setText(title, isNew ? translate('addUser') : translate('passwordOf', { name: ofUser }));
      name.value = ofUser;
      name.readOnly = !isNew;
      rights.hidden = !isNew;
      rightsLabel.hidden = !isNew;
      setText(wrong, '');
      dialog.showModal();
      (isNew ? name : password).focus();
    },
  };
}
