type Child = Node | string;
type Properties = Readonly<Record<string, string | boolean | number | undefined>>;

/** An element with attributes and children; an attribute that is `undefined` or false is left out. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) setAttribute(made, name, value);
  made.append(...children);
  return made;
}

/** Sets the text if it is another one. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(
  node: Element,
  name: string,
  value: string | boolean | number | undefined,
): void {
  if (value === undefined || value === false) node.removeAttribute(name);
  else {
    const text = value === true ? '' : String(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

/** Children of a list, one for each item in their order; each is made once and kept by its key, and ended with its item. */
export function createKeyed<Item, Part extends { readonly node: Element; end?(): void }>(
  list: Element,
  make: (item: Item) => Part,
) {
  const parts = new Map<string, Part>();
  return {
    parts: parts as ReadonlyMap<string, Part>,
    show(
      items: readonly Item[],
      keyOf: (item: Item) => string,
      update: (part: Part, item: Item) => void,
    ) {
      const gone = new Set(parts.keys());
      let before: Element | null = null;
      for (const item of items) {
        const key = keyOf(item);
        gone.delete(key);
        let part = parts.get(key);
        if (!part) {
          part = make(item);
          parts.set(key, part);
        }
        update(part, item);
        const place: Element | null = before ? before.nextElementSibling : list.firstElementChild;
        if (place !== part.node) list.insertBefore(part.node, place);
        before = part.node;
      }
      for (const key of gone) {
        const part = parts.get(key);
        part?.node.remove();
        part?.end?.();
        parts.delete(key);
      }
    },
  };
}

/** A list of names and values: `set` gives a value its text. */
export function createFacts(names: readonly (readonly [key: string, name: string])[]) {
  const values = new Map<string, HTMLElement>();
  const node = element('dl', { class: 'facts' });
  for (const [key, name] of names) {
    const value = element('dd', {}, '–');
    values.set(key, value);
    node.append(element('div', {}, element('dt', {}, name), value));
  }
  return {
    node,
    set(key: string, text: string): void {
      const value = values.get(key);
      if (value) setText(value, text);
    },
  };
}
