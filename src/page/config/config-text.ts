import { element, setText } from '../dom.ts';
import type { ConfigTexts } from './config-texts.ts';

/** The text of the config in an editor with the numbers of its lines; those with findings have a mark. */
export function createConfigText(texts: ConfigTexts, edited: () => void) {
  const numbers = element('pre', { class: 'line-numbers', 'aria-hidden': 'true' });
  const area = element('textarea', {
    ...{ 'aria-label': texts('text'), lang: 'en', wrap: 'off', spellcheck: 'false' },
    ...{ autocomplete: 'off', autocapitalize: 'off' },
  });
  const node = element('div', { class: 'config-text' }, numbers, area);
  let marked: ReadonlySet<number> = new Set();
  let drawn = '';
  const draw = (): void => {
    const count = area.value.split('\n').length;
    const now = `${count} ${[...marked].join()}`;
    if (now === drawn) return;
    drawn = now;
    const lines = Array.from({ length: count }, (_, index) =>
      marked.has(index + 1) ? `▲ ${index + 1}` : String(index + 1),
    );
    setText(numbers, lines.join('\n'));
    numbers.scrollTop = area.scrollTop;
  };
  area.addEventListener('input', () => {
    draw();
    edited();
  });
  area.addEventListener('scroll', () => {
    numbers.scrollTop = area.scrollTop;
  });
  return {
    node,
    get text(): string {
      return area.value;
    },
    set text(text: string) {
      area.value = text;
      marked = new Set();
      draw();
    },
    /** While a change is applied the text stays as it is. */
    set isLocked(isLocked: boolean) {
      area.readOnly = isLocked;
    },
    mark(lines: readonly number[]): void {
      marked = new Set(lines);
      draw();
    },
    /** Puts the cursor at a place and shows it. */
    go(line: number, column: number): void {
      const lines = area.value.split('\n');
      const start = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0);
      area.focus();
      area.setSelectionRange(start + column - 1, start + (lines[line - 1]?.length ?? 0));
      area.scrollTop = (area.scrollHeight / lines.length) * Math.max(0, line - 4);
    },
  };
}
