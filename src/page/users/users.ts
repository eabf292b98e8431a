import './users.css';
import type { Rule } from '../../access/rules.ts';
import type { ListedUser } from '../../access/users-file.ts';
import type { ConfirmDialog } from '../confirm-dialog.ts';
import { createKeyed, element, setText } from '../dom.ts';
import type { Gateway } from '../gateway.ts';
import type { LiveSection } from '../lazy-section.ts';
import { translate } from '../translations.ts';
import { type AskedUser, createUserDialog } from './user-dialog.ts';

/** Rules that are shown of one user; the file may have a thousand. */
const MOST_RULES = 12;

/** The users of the access file, for those who may change them. */
export class Users implements LiveSection {
  readonly node: HTMLElement;
  readonly #gateway: Gateway;
  readonly #confirm: ConfirmDialog;
  readonly #result = element('p', { class: 'result', role: 'status' });
  readonly #dialog = createUserDialog((asked, isNew) => this.#save(asked, isNew));
  readonly #rows: ReturnType<typeof createKeyed<ListedUser, Row>>;

  constructor(gateway: Gateway, confirm: ConfirmDialog) {
    this.#gateway = gateway;
    this.#confirm = confirm;
    const list = element('ul', { class: 'rows users' });
    this.#rows = createKeyed<ListedUser, Row>(list, ({ name }) =>
      createRow(name, {
        setPassword: () => this.#dialog.open(name),
        remove: () => void this.#remove(name),
      }),
    );
    const add = element('button', { type: 'button' }, translate('addUser'));
    add.addEventListener('click', () => this.#dialog.open());
    const title = element('h3', { class: 'part-title' }, translate('users'));
    this.node = element('div', {}, title, element('div', { class: 'tools' }, add, this.#result));
    this.node.append(list);
  }

  open(): void {
    setText(this.#result, '');
    void this.#read();
  }

  close(): void {}

  poll(): void {}

  render(): void {}

  async #read(): Promise<void> {
    await this.#send(undefined);
  }

  async #save({ name, password, rights }: AskedUser, isNew: boolean): Promise<string> {
    const asked = isNew
      ? { action: 'add', name, password, rights }
      : { action: 'password', name, password };
    const reason = await this.#send(asked);
    if (reason === '') setText(this.#result, translate('userSaved', { name }));
    return reason;
  }

  async #remove(name: string): Promise<void> {
    const texts = { title: translate('askRemove', { name }), why: translate('removeWhy') };
    if (!(await this.#confirm.ask({ ...texts, action: translate('remove') }))) return;
    const reason = await this.#send({ action: 'remove', name });
    setText(this.#result, reason === '' ? translate('userRemoved', { name }) : reason);
  }

  /** Shows the users that the gateway answers with; resolves with why it refuses, or with ''. */
  async #send(asked: object | undefined): Promise<string> {
    try {
      const users = await this.#gateway.users(asked);
      if (typeof users === 'string') {
        if (!asked) setText(this.#result, users);
        return translate('refused', { reason: users });
      }
      this.#rows.show(
        users,
        ({ name }) => name,
        (row, user) => row.show(user, this.#gateway.user),
      );
      return '';
    } catch {
      return translate('noAnswerYet');
    }
  }
}

interface Row {
  readonly node: HTMLLIElement;
  show(user: ListedUser, own: string | undefined): void;
}

function createRow(name: string, events: { setPassword(): void; remove(): void }): Row {
  const rights = element('span', { class: 'rights' });
  const ways = element('small');
  const password = element('button', { type: 'button' }, translate('setPassword'));
  const remove = element('button', { type: 'button' }, translate('remove'));
  password.setAttribute('aria-label', `${translate('setPassword')}: ${name}`);
  remove.setAttribute('aria-label', `${translate('remove')}: ${name}`);
  password.addEventListener('click', events.setPassword);
  remove.addEventListener('click', events.remove);
  const node = element('li', { 'data-user': name });
  const text = element('div', { class: 'text' }, element('b', { lang: 'en' }, name), rights, ways);
  node.append(text, element('div', { class: 'buttons' }, password, remove));
  return {
    node,
    show(user, own): void {
      setText(rights, rightsOf(user));
      setText(ways, user.ways.length === 0 ? translate('certificateOnly') : '');
      // The last administrator is the one who sees this, so it is never removed.
      remove.hidden = name === own;
    },
  };
}

/** The rights of a user in words. */
function rightsOf({ rules, isAdministrator }: ListedUser): string {
  const words = [...(isAdministrator ? [translate('mayManage')] : []), ...ruleWords(rules)];
  return words.join(' · ');
}

function ruleWords(rules: readonly Rule[] | undefined): string[] {
  if (rules === undefined) return [translate('mayAll')];
  if (rules.length === 0) return [translate('mayNothing')];
  const shown = rules.slice(0, MOST_RULES);
  const topicsOf = (allow: Rule['allow']): string =>
    shown
      .filter((rule) => rule.allow === allow)
      .map(({ topic }) => topic)
      .join(', ');
  const kinds = [
    ['readwrite', 'readsAndWrites'],
    ['read', 'reads'],
    ['write', 'writes'],
  ] as const;
  const words = kinds.flatMap(([allow, text]) => {
    const topics = topicsOf(allow);
    return topics === '' ? [] : [translate(text, { topics })];
  });
  const count = String(rules.length - shown.length);
  return rules.length > shown.length ? [...words, translate('othersToo', { count })] : words;
}
