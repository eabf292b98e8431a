/** A line of a difference between two texts. */
export interface DifferentLine {
  readonly kind: 'removed' | 'added' | 'same';
  readonly text: string;
}

/** Above so many pairs of lines the whole middle is shown as replaced: to compare them takes time and memory. */
const MOST_PAIRS = 4_000_000;
/** Lines that are the same around a difference. */
const CONTEXT = 2;

/** The lines that differ, with some around them; none if the texts are the same. */
export function lineDifference(before: string, after: string): readonly DifferentLine[] {
  if (before === after) return [];
  const [old, next] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < old.length && start < next.length && old[start] === next[start]) start++;
  let [oldEnd, nextEnd] = [old.length, next.length];
  while (oldEnd > start && nextEnd > start && old[oldEnd - 1] === next[nextEnd - 1]) {
    oldEnd--;
    nextEnd--;
  }
  const middle = compared(old.slice(start, oldEnd), next.slice(start, nextEnd));
  const same = (texts: readonly string[]): DifferentLine[] =>
    texts.map((text) => ({ kind: 'same', text }));
  return [
    ...same(old.slice(Math.max(0, start - CONTEXT), start)),
    ...middle,
    ...same(old.slice(oldEnd, oldEnd + CONTEXT)),
  ];
}

/** By the longest common subsequence of the lines. */
function compared(old: readonly string[], next: readonly string[]): readonly DifferentLine[] {
  const [rows, columns] = [old.length + 1, next.length + 1];
  const removed = old.map((text): DifferentLine => ({ kind: 'removed', text }));
  const added = next.map((text): DifferentLine => ({ kind: 'added', text }));
  if (rows * columns > MOST_PAIRS) return [...removed, ...added];
  const lengths = new Uint16Array(rows * columns);
  for (let row = rows - 2; row >= 0; row--) {
    for (let column = columns - 2; column >= 0; column--) {
      const here = row * columns + column;
      lengths[here] =
        old[row] === next[column]
          ? lengths[here + columns + 1]! + 1
          : Math.max(lengths[here + columns]!, lengths[here + 1]!);
    }
  }
  const found: DifferentLine[] = [];
  let [row, column] = [0, 0];
  while (row < old.length || column < next.length) {
    const here = row * columns + column;
    if (row < old.length && column < next.length && old[row] === next[column]) {
      found.push({ kind: 'same', text: old[row++]! });
      column++;
    } else if (
      column === next.length ||
      (row < old.length && lengths[here + columns]! >= lengths[here + 1]!)
    ) {
      found.push(removed[row++]!);
    } else found.push(added[column++]!);
  }
  return found;
}
