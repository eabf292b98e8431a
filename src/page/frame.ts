import { element, setAttribute, setText } from './dom.ts';
import { icon } from './icons.ts';
import { addressOf, TABS, type Tab } from './router.ts';
import { chooseLanguage, counted, LANGUAGES, language, translate } from './translations.ts';

/** Tabs that the bar of a phone shows; the others are behind its last button. */
const ON_PHONE = 4;

/** What the header shows. */
export interface FrameState {
  readonly cell: string;
  readonly about: string;
  readonly alarms: number;
  readonly troubles: number;
}

/** The header, which stays on the screen: the cell, its connection, what is wrong, the user; and the tabs below it. */
export function createFrame(header: Element, logInOrOut: () => void) {
  const title = element('h1', { lang: 'en' }, 'cellgate');
  const about = element('p', { class: 'about' });
  const connection = element('span', { class: 'pill connection', role: 'status' });
  const alarms = countLink('alarms', 'alarm');
  const troubles = countLink('overview', 'trouble');
  const user = element('span', { class: 'user', lang: 'en' });
  const out = element('button', { type: 'button', hidden: true }, translate('logout'));
  out.addEventListener('click', logInOrOut);
  const tabs = createTabs();
  header.append(
    element(
      'div',
      { class: 'bar' },
      element('div', { class: 'names' }, title, about),
      element('div', { class: 'state' }, connection, alarms.node, troubles.node),
      element('div', { class: 'tools' }, user, languageChoice(), out),
    ),
    tabs.node,
  );
  return {
    show(state: FrameState): void {
      setText(title, state.cell);
      setAttribute(title, 'title', state.cell);
      setText(about, state.about);
      alarms.show(state.alarms);
      troubles.show(state.troubles);
    },
    /** The user, and the button for the login: to log out, or to log in where it works without a login too. */
    showUser(name: string, button: 'login' | 'logout' | undefined): void {
      setText(user, name);
      setAttribute(user, 'title', name);
      if (button) setText(out, translate(button));
      out.hidden = button === undefined;
    },
    /** Without a connection to show tabs for, there are none. */
    showConnection(text: string, hasTabs: boolean): void {
      setText(connection, text);
      tabs.node.hidden = !hasTabs;
    },
    choose: tabs.choose,
  };
}

/** A number of things that are wrong, with a link to them; hidden while there are none. */
function countLink(tab: Tab, what: 'alarm' | 'trouble') {
  const number = element('b');
  const word = element('span', { class: 'word' });
  const node = element('a', {
    class: 'count',
    'data-count': what,
    href: addressOf(tab),
    hidden: true,
  });
  node.append(icon(what), number, ' ', word);
  return {
    node,
    show(count: number): void {
      node.hidden = count === 0;
      setText(number, String(count));
      setText(word, counted(what, count));
      setAttribute(node, 'aria-label', `${count} ${counted(what, count)}`);
    },
  };
}

function languageChoice(): HTMLSelectElement {
  const options = Object.entries(LANGUAGES).map(([code, name]) =>
    element('option', { value: code, selected: code === language }, name),
  );
  const select = element('select', { 'aria-label': translate('language') }, ...options);
  select.addEventListener('change', () => chooseLanguage(select.value));
  return select;
}

function createTabs() {
  const links = new Map<Tab, HTMLAnchorElement>();
  const items = TABS.map((tab, index) => {
    const link = element('a', { href: addressOf(tab) }, icon(tab), translate(tab));
    links.set(tab, link);
    return element('li', { class: index < ON_PHONE ? undefined : 'extra' }, link);
  });
  const more = element('button', { type: 'button', 'aria-expanded': 'false' }, icon('more'));
  more.append(translate('more'));
  const list = element('ul');
  list.append(...items.slice(0, ON_PHONE), element('li', { class: 'more' }, more));
  list.append(...items.slice(ON_PHONE));
  const node = element('nav', { 'aria-label': translate('sections'), hidden: true }, list);
  const open = (isOpen: boolean): void => {
    setAttribute(node, 'data-open', isOpen);
    setAttribute(more, 'aria-expanded', String(isOpen));
  };
  more.addEventListener('click', () => open(more.getAttribute('aria-expanded') === 'false'));
  return {
    node,
    choose(chosen: Tab): void {
      open(false);
      for (const [tab, link] of links) {
        setAttribute(link, 'aria-current', tab === chosen ? 'page' : undefined);
      }
      setAttribute(more, 'data-current', TABS.indexOf(chosen) >= ON_PHONE);
    },
  };
}
