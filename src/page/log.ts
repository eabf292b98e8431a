import { element, setText } from './dom.ts';
import type { Gateway } from './gateway.ts';
import type { LiveSection } from './lazy-section.ts';
import { createSupportButton, type SupportButton } from './support-button.ts';
import { number, translate } from './translations.ts';

/** Lines that are kept; those of one level or with one word are searched among them. */
const LINES = 1000;
/** What each choice shows. */
const LEVELS = [
  ['all', undefined],
  ['warnings', ['warn', 'error', 'fatal']],
  ['errors', ['error', 'fatal']],
] as const;

/** The last lines of the gateway's log, with a choice of the level and a search. */
export class Log implements LiveSection {
  readonly node: HTMLElement;
  readonly #gateway: Gateway;
  readonly #list = element('ol', { class: 'lines', lang: 'en' });
  readonly #box = element(
    'div',
    { class: 'card log', tabindex: 0, role: 'group', 'aria-label': translate('log') },
    this.#list,
  );
  readonly #tools = element('div', { class: 'tools' });
  readonly #support: SupportButton;
  readonly #status = element('p', { class: 'age', role: 'status' });
  #levels: readonly string[] | undefined;
  #words: readonly string[] = [];
  /** The number of the last line. */
  #after = 0;
  #polling = false;
  #isDenied = false;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    const options = LEVELS.map(([name]) => element('option', { value: name }, translate(name)));
    const level = element('select', { 'aria-label': translate('level') }, ...options);
    level.addEventListener('change', () => {
      this.#levels = LEVELS.find(([name]) => name === level.value)?.[1];
      this.#filter();
    });
    const search = element('input', { type: 'search', placeholder: translate('findLine') });
    search.setAttribute('aria-label', translate('findLine'));
    search.addEventListener('input', () => {
      this.#words = search.value.toLowerCase().split(/\s+/);
      this.#filter();
    });
    this.#tools.append(search, level, this.#status);
    this.#support = createSupportButton(gateway);
    this.node = element('div', {}, this.#tools, this.#box, this.#support.node);
  }

  /** Starts over: a gateway that has restarted numbers its lines from 1. */
  open(): void {
    this.#after = 0;
    this.#isDenied = false;
    this.#list.replaceChildren();
    this.poll();
  }

  close(): void {}

  render(): void {}

  poll(): void {
    this.#support.poll();
    void this.#read();
  }

  /** Appends the newer lines. */
  async #read(): Promise<void> {
    if (this.#polling || this.#isDenied || document.hidden) return;
    this.#polling = true;
    const lines = await this.#gateway.log(this.#after).catch(() => []);
    this.#polling = false;
    this.#isDenied = lines === undefined;
    this.#tools.hidden = this.#isDenied;
    if (lines === undefined) {
      const topic = '$SYS/cellgate/log';
      this.#list.replaceChildren(element('li', {}, translate('needsRight', { topic })));
      return;
    }
    if (lines.length === 0) return;
    const { scrollTop, clientHeight, scrollHeight } = this.#box;
    const isAtEnd = scrollTop + clientHeight >= scrollHeight - 8;
    for (const { number: line, line: text } of lines) {
      // Smaller numbers are of a gateway that has restarted.
      if (line > this.#after) this.#list.append(lineOf(text));
      this.#after = line;
    }
    while (this.#list.children.length > LINES) this.#list.firstElementChild?.remove();
    this.#filter();
    if (isAtEnd) this.#box.scrollTop = this.#box.scrollHeight;
  }

  #filter(): void {
    let found = 0;
    for (const line of this.#list.children as HTMLCollectionOf<HTMLElement>) {
      line.hidden = !this.#matches(line);
      if (!line.hidden) found++;
    }
    const counts = { found: number(found), all: number(this.#list.children.length) };
    setText(this.#status, translate('lineCount', counts));
  }

  #matches(line: HTMLElement): boolean {
    if (this.#levels && !this.#levels.includes(line.dataset.level ?? '')) return false;
    const text = line.textContent.toLowerCase();
    return this.#words.every((word) => text.includes(word));
  }
}

function lineOf(line: string): HTMLLIElement {
  const { level, time, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const clock = typeof time === 'string' ? new Date(time).toLocaleTimeString('sv') : '';
  const details = Object.entries(rest)
    .filter(([name]) => name !== 'error' && name !== 'err')
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return element(
    'li',
    { 'data-level': String(level) },
    element('time', {}, clock),
    ' ',
    element('b', {}, String(level)),
    ` ${String(msg ?? '')} `,
    element('small', {}, details.join(' ')),
  );
}
