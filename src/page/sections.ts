import { element } from './dom.ts';
import { TABS, type Tab } from './router.ts';
import { type TextKey, translate } from './translations.ts';

/** A part of a section. */
export interface Part {
  readonly node: Element;
  /** Its heading, if the section has several parts. */
  readonly title?: TextKey;
  /** What to say while it has no children. */
  readonly empty?: TextKey;
}

/** One section for each tab; only the chosen one is shown. */
export function createSections(parts: Readonly<Record<Tab, readonly Part[]>>) {
  const sections = TABS.map((tab) => {
    const id = `${tab}-title`;
    const title = element('h2', { id, class: 'section-title' }, translate(tab));
    const children = parts[tab].flatMap(nodesOf);
    const node = element('section', { id: `tab-${tab}`, 'aria-labelledby': id, hidden: true });
    node.append(title, ...children);
    return { tab, node };
  });
  return {
    nodes: sections.map(({ node }) => node),
    choose(chosen: Tab): void {
      for (const { tab, node } of sections) node.hidden = tab !== chosen;
    },
  };
}

/** The sentence for an empty list is behind it: `frame.css` hides it while the list has an item. */
function nodesOf({ node, title, empty }: Part): Element[] {
  return [
    ...(title === undefined ? [] : [element('h3', { class: 'part-title' }, translate(title))]),
    node,
    ...(empty === undefined ? [] : [element('p', { class: 'empty' }, translate(empty))]),
  ];
}
