import { element } from './dom.ts';
import type { Gateway } from './gateway.ts';
import { translate } from './translations.ts';

const LINES = 200;

/** The last lines of the gateway's log. */
export function createLog(gateway: Gateway) {
  const list = element('ol', { class: 'lines', lang: 'en' });
  const node = element(
    'div',
    { class: 'card log', tabindex: 0, role: 'group', 'aria-label': translate('log') },
    list,
  );
  let after = 0;
  let polling = false;
  let isDenied = false;
  return {
    node,
    /** Appends the newer lines; called every few seconds. */
    async poll(): Promise<void> {
      if (polling || isDenied || document.hidden) return;
      polling = true;
      const lines = await gateway.log(after).catch(() => []);
      polling = false;
      isDenied = lines === undefined;
      if (lines === undefined)
        return list.replaceChildren(
          element('li', {}, translate('needsRight', { topic: '$SYS/cellgate/log' })),
        );
      if (lines.length === 0) return;
      const atEnd = node.scrollTop + node.clientHeight >= node.scrollHeight - 8;
      for (const { number, line } of lines) {
        // Smaller numbers are of a gateway that has restarted.
        if (number > after) list.append(lineOf(line));
        after = number;
      }
      while (list.children.length > LINES) list.firstElementChild?.remove();
      if (atEnd) node.scrollTop = node.scrollHeight;
    },
    /** Starts over: a gateway that has restarted numbers its lines from 1. */
    clear(): void {
      after = 0;
      isDenied = false;
      list.replaceChildren();
    },
  };
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
