import { element, setAttribute } from '../dom.ts';
import { panned, RANGES, type TimeRange, zoomed } from '../sensor-address.ts';
import type { SensorTexts } from './sensor-texts.ts';

/** Another range, made of the present one. */
export type MovedRange = (range: TimeRange, now: number) => TimeRange;

const NAMES = {
  '5min': 'min5',
  '1h': 'h1',
  '8h': 'h8',
  '1d': 'd1',
  '7d': 'd7',
  '30d': 'd30',
  '90d': 'd90',
  '1y': 'y1',
} as const;
const MOVES = [
  ['‹', 'earlier', (range, now) => panned(range, -0.5, now)],
  ['›', 'later', (range, now) => panned(range, 0.5, now)],
  ['−', 'zoomOut', (range, now) => zoomed(range, 2, now)],
  ['+', 'zoomIn', (range, now) => zoomed(range, 0.5, now)],
] as const satisfies readonly (readonly [string, string, MovedRange])[];

/** What the keys do while the chart has the focus. */
export const RANGE_KEYS: Readonly<Record<string, MovedRange>> = {
  ArrowLeft: (range, now) => panned(range, -0.25, now),
  ArrowRight: (range, now) => panned(range, 0.25, now),
  '+': (range, now) => zoomed(range, 0.5, now),
  '-': (range, now) => zoomed(range, 2, now),
};

/** Buttons for the time until now, and to move and zoom it. */
export function createRangeChoice(texts: SensorTexts, choose: (rangeOf: MovedRange) => void) {
  const create = (text: string, rangeOf: MovedRange): HTMLButtonElement => {
    const button = element('button', { type: 'button' }, text);
    button.addEventListener('click', () => choose(rangeOf));
    return button;
  };
  const ranges = Object.entries(RANGES).map(([name, lastMs]) => {
    const text = texts(NAMES[name as keyof typeof NAMES]);
    return { lastMs, button: create(text, () => ({ lastMs })) };
  });
  const moves = MOVES.map(([symbol, key, rangeOf]) => {
    const button = create(symbol, rangeOf);
    setAttribute(button, 'aria-label', texts(key));
    setAttribute(button, 'title', texts(key));
    return button;
  });
  const label = texts('range');
  const node = element('div', { class: 'choice', role: 'group', 'aria-label': label });
  node.append(...ranges.map(({ button }) => button), ...moves);
  return {
    node,
    show(range: TimeRange): void {
      for (const { lastMs, button } of ranges) {
        const isChosen = 'lastMs' in range && range.lastMs === lastMs;
        setAttribute(button, 'aria-pressed', String(isChosen));
      }
    },
  };
}
