import { element, setText } from './dom.ts';
import type { Credentials } from './gateway.ts';
import { translate } from './translations.ts';

/** A form for user and password; they stay in the memory of this page. */
export function createLogin(enter: (credentials: Credentials) => void) {
  const user = element('input', { id: 'user', autocomplete: 'username', required: true });
  const password = element('input', {
    id: 'password',
    type: 'password',
    autocomplete: 'current-password',
  });
  const wrong = element('p', { class: 'reason', role: 'alert' });
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
    element('button', { type: 'submit', class: 'primary' }, translate('login')),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    enter({ username: user.value, password: password.value });
  });
  return {
    node: form,
    show(wasWrong: boolean): void {
      setText(wrong, wasWrong ? translate('loginWrong') : '');
      password.value = '';
      (user.value === '' ? user : password).focus();
    },
  };
}
