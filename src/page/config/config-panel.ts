import { element, setText } from '../dom.ts';
import { number } from '../translations.ts';
import type { Checked, LineFinding } from './config-requests.ts';
import type { ConfigTexts } from './config-texts.ts';
import { lineDifference } from './line-difference.ts';

/** Lines of a difference, and findings, that are shown. */
const MOST_LINES = 400;
const MOST_FINDINGS = 100;

/** Beside the text: what was found in it, and what it changes. */
export function createConfigPanel(texts: ConfigTexts, go: (line: number, column: number) => void) {
  const findings = element('ul', { class: 'findings' });
  const title = element('h3', { class: 'part-title' }, texts('changes'));
  const inFile = element('pre', { class: 'difference', lang: 'en', tabindex: 0, role: 'group' });
  inFile.setAttribute('aria-label', texts('inFile'));
  const inForce = element('ul', { class: 'in-force', lang: 'en' });
  const obstacle = element('p', { class: 'reason' });
  const difference = element('div', { hidden: true }, title, inFile);
  difference.append(element('h4', {}, texts('inGateway')), inForce, obstacle);
  const rowOf = ({ line, column, path, message }: LineFinding, isProblem: boolean): Element => {
    const link = element('button', { type: 'button' }, texts('line', { line: number(line) }));
    link.addEventListener('click', () => go(line, column));
    const kind = element('b', {}, texts(isProblem ? 'problem' : 'warning'));
    const words = element('span', { lang: 'en' }, `${path}: ${message}`);
    return element('li', { 'data-kind': isProblem ? 'problem' : 'warning' }, link, kind, words);
  };
  return {
    node: element('div', { class: 'config-panel' }, findings, difference),
    showFindings(problems: readonly LineFinding[], warnings: readonly LineFinding[]): void {
      const rows = [
        ...problems.map((one) => rowOf(one, true)),
        ...warnings.map((one) => rowOf(one, false)),
      ];
      findings.replaceChildren(...rows.slice(0, MOST_FINDINGS));
    },
    /** The lines that differ from the file, and what the gateway says that changes. */
    showDifference(before: string, after: string, { changes, obstacle: why }: Checked): void {
      const lines = lineDifference(before, after);
      inFile.replaceChildren(
        ...lines.slice(0, MOST_LINES).map(({ kind, text }) => {
          const sign = { removed: '− ', added: '+ ', same: '  ' }[kind];
          return element('span', { 'data-kind': kind }, `${sign}${text}\n`);
        }),
      );
      const more = lines.length - MOST_LINES;
      if (more > 0) inFile.append(texts('moreLines', { count: number(more) }));
      const shown = changes.length > 0 ? changes : [texts('nothingInForce')];
      inForce.replaceChildren(...shown.map((change) => element('li', {}, change)));
      setText(obstacle, why === undefined ? '' : texts('obstacle', { reason: why }));
      difference.hidden = false;
    },
    hideDifference(): void {
      difference.hidden = true;
    },
  };
}
