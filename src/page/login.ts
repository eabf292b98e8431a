import { element, setText } from './dom.ts';
import type { Credentials } from './gateway.ts';
import { translate } from './translations.ts';

/** A form for user and password; `enter` resolves with whether they are right. */
export function createLogin(enter: (credentials: Credentials) => Promise<boolean>) {
  const user = element('input', { id: 'user', autocomplete: 'username', required: true });
  const password = element('input', {
    id: 'password',
    type: 'password',
    autocomplete: 'current-password',
  });
  const wrong = element('p', { class: 'reason', role: 'alert' });
  const button = element('button', { type: 'submit', class: 'primary' }, translate('login'));
  const form = element(
    'form',
    { class: 'card login', 'aria-labelledby': 'login' },
    element('h2', { id: 'login' }, translate('login')),
    element('p', {}, translate('loginWhy')),
    element('label', { for: 'user' }, translate('name')),
    user,
    element('label', { for: 'password' }, translate('password')),
    password,
    wrong,
    button,
  );
  const submit = async (): Promise<void> => {
    button.disabled = true;
    setText(wrong, '');
    try {
      const isRight = await enter({ user: user.value, password: password.value });
      password.value = '';
      if (isRight) return;
      setText(wrong, translate('loginWrong'));
      password.focus();
    } catch (error) {
      setText(wrong, `${translate('noAnswerYet')} (${String(error)})`);
    } finally {
      button.disabled = false;
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void submit();
  });
  return {
    node: form,
    show(): void {
      (user.value === '' ? user : password).focus();
    },
  };
}
