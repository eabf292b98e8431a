import { createKeyed, element, setAttribute, setText } from '../dom.ts';
import { number, translate } from '../translations.ts';
import { cut, payloadPreview, visible } from './payload-text.ts';
import type { TopicNode, TopicRow } from './topic-rows.ts';
import { isCut } from './topic-store.ts';
import { ageOf } from './topic-texts.ts';

interface Line {
  readonly node: HTMLLIElement;
  readonly name: HTMLElement;
  readonly count: HTMLElement;
  readonly preview: HTMLElement;
  readonly state: HTMLElement;
  readonly age: HTMLElement;
  row: TopicRow;
  /** The messages of the entry that is shown. */
  shown: number;
}

export interface TopicTreeEvents {
  toggle(path: string, isOpen: boolean): void;
  open(path: string): void;
}

const NAME_CHARACTERS = 200;

/** The lines of the tree: arrow keys move, open and close as in every tree [ARIA practices, tree view]. */
export function createTopicTree(events: TopicTreeEvents) {
  const list = element('ul', { class: 'topics', role: 'tree', 'aria-label': translate('topics') });
  const lines = createKeyed<TopicRow, Line>(list, (row) => createLine(row));
  let focused: Line | undefined;

  const lineOf = (target: EventTarget | null): Line | undefined => {
    const path = target instanceof Element ? target.closest('li')?.dataset.path : undefined;
    return path === undefined ? undefined : lines.parts.get(path);
  };
  const focus = (line: Line | undefined): void => {
    if (!line) return;
    if (focused) focused.node.tabIndex = -1;
    focused = line;
    line.node.tabIndex = 0;
  };
  const move = (node: Element | null | undefined): void => {
    const line = lineOf(node ?? null);
    focus(line);
    line?.node.focus();
  };
  const activate = ({ row }: Line): void => {
    if (row.node.entry) events.open(row.node.path);
    else events.toggle(row.node.path, !row.isOpen);
  };
  const right = ({ row, node }: Line): void => {
    if (row.node.children.size === 0) return;
    if (row.isOpen) move(node.nextElementSibling);
    else events.toggle(row.node.path, true);
  };
  const left = ({ row, node }: Line): void => {
    if (row.isOpen) return events.toggle(row.node.path, false);
    let before = node.previousElementSibling;
    while (before && (lineOf(before)?.row.level ?? 0) >= row.level) {
      before = before.previousElementSibling;
    }
    move(before);
  };
  const keys: Readonly<Record<string, (line: Line) => void>> = {
    ArrowDown: ({ node }) => move(node.nextElementSibling),
    ArrowUp: ({ node }) => move(node.previousElementSibling),
    ArrowRight: right,
    ArrowLeft: left,
    Home: () => move(list.firstElementChild),
    End: () => move(list.lastElementChild),
    Enter: activate,
    ' ': activate,
  };
  list.addEventListener('keydown', (event) => {
    const line = lineOf(event.target);
    const action = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
    if (!line || !action || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    action(line);
  });
  list.addEventListener('focusin', ({ target }) => focus(lineOf(target)));
  list.addEventListener('click', ({ target }) => {
    const line = lineOf(target);
    if (!line) return;
    const isArrow = target instanceof Element && target.closest('.arrow') !== null;
    if (isArrow && line.row.node.children.size > 0) {
      events.toggle(line.row.node.path, !line.row.isOpen);
    } else activate(line);
  });

  return {
    node: list,
    show(rows: readonly TopicRow[], now: number): void {
      const hadFocus = focused?.node.contains(document.activeElement) ?? false;
      lines.show(
        rows,
        ({ node }) => node.path,
        (line, row) => showLine(line, row, now),
      );
      if (focused?.node.isConnected) return;
      focused = undefined;
      focus(lineOf(list.firstElementChild));
      if (hadFocus) move(list.firstElementChild);
    },
  };
}

function createLine(row: TopicRow): Line {
  const arrow = element('span', { class: 'arrow', 'aria-hidden': 'true' });
  const name = element('bdi', { class: 'level', lang: 'en' });
  const count = element('span', { class: 'age' });
  const preview = element('bdi', { class: 'preview', lang: 'en' });
  const state = element('span', { class: 'retained' });
  const age = element('span', { class: 'age' });
  const node = element('li', { role: 'treeitem', tabindex: -1 });
  node.append(arrow, name, count, preview, state, age);
  node.dataset.path = row.node.path;
  setText(name, visible(cut(row.node.name, NAME_CHARACTERS)) || translate('emptyLevel'));
  setAttribute(name, 'title', name.textContent || undefined);
  // Set by the program, which the page's security policy allows.
  node.style.setProperty('--level', String(row.level - 1));
  return { node, name, count, preview, state, age, row, shown: -1 };
}

function showLine(line: Line, row: TopicRow, now: number): void {
  line.row = row;
  const { node, count, preview, state, age } = line;
  const { children, entry, topics }: TopicNode = row.node;
  setAttribute(node, 'aria-level', row.level);
  setAttribute(node, 'aria-posinset', row.place);
  setAttribute(node, 'aria-setsize', row.places);
  setAttribute(node, 'aria-expanded', children.size > 0 ? String(row.isOpen) : undefined);
  setText(count, children.size > 0 ? `(${number(topics)})` : '');
  setText(age, entry ? ageOf(entry, now) : '');
  setText(state, entry?.isRetained ? translate('retained') : '');
  if (!entry) setText(preview, '');
  else if (line.shown !== entry.count)
    setText(preview, visible(payloadPreview(entry.payload, isCut(entry))));
  line.shown = entry?.count ?? -1;
}
