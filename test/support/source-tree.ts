/** The circles among these arrows: each a sorted list of the places that reach each other. */
export function circles(
  arrows: readonly { readonly from: string; readonly to: string }[],
): string[][] {
  const targets = new Map<string, Set<string>>();
  for (const { from, to } of arrows) {
    targets.set(from, (targets.get(from) ?? new Set()).add(to));
  }
  const reached = new Map<string, Set<string>>();
  for (const start of targets.keys()) {
    const seen = new Set<string>();
    const open = [start];
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      for (const next of targets.get(place) ?? []) {
        if (seen.has(next)) continue;
        seen.add(next);
        open.push(next);
      }
    }
    reached.set(start, seen);
  }
  const found = new Map<string, string[]>();
  for (const [place, seen] of reached) {
    if (!seen.has(place)) continue;
    const circle = [...seen].filter((other) => reached.get(other)?.has(place)).sort();
    found.set(circle.join(), circle);
  }
  return [...found.values()];
}

export interface LongFunction {
  readonly at: string;
  readonly lines: number;
  /** Whether a comment right above says why it is one function. */
  readonly reason: boolean;
}

/** What opens a function, a method or a function in parentheses, in code as the formatter leaves it. */
const OPENS =
  /^(\s*)(?:export |default |async |static |get |set |override |readonly )*(?:function\b.*|(?:const|let) [\w$]+(?:: .*?)? = .*=>|(?:#?[\w$]+)(?:<.*>)?\(.*|#?[\w$]+(?:: .*)? = .*=>|.*=>) ?\{$/;
const OPENS_OVER_LINES = /^(\s*)\)(?:: .*)?(?: =>)? \{$/;
const NOT_A_FUNCTION = /^\s*(?:if|for|while|switch|catch|do|else|try|return switch)\b/;
const REASON = /(?:\*|\/\/).*\bone function\b/i;

/** Functions with more lines than `limit`; the text must be formatted, so a function ends at the indentation of its start. */
export function longFunctions(file: string, text: string, limit: number): LongFunction[] {
  const lines = text.split('\n');
  const found: LongFunction[] = [];
  lines.forEach((line, i) => {
    if (NOT_A_FUNCTION.test(line) || line.endsWith('({')) return;
    const indentation = (OPENS.exec(line) ?? OPENS_OVER_LINES.exec(line))?.[1];
    if (indentation === undefined) return;
    const end = lines.findIndex(
      (other, j) =>
        j > i && other.startsWith(`${indentation}}`) && other[indentation.length] === '}',
    );
    if (end - i + 1 <= limit) return;
    // Parameters over several lines stand above the opening brace.
    let first = i;
    while (first > 0 && !new RegExp(`^${indentation}[^\\s)]`).test(lines[first]!)) first--;
    let above = first - 1;
    let reason = false;
    while (above >= 0 && /^\s*(?:\/\*\*|\*|\/\/)/.test(lines[above]!)) {
      reason ||= REASON.test(lines[above]!);
      above--;
    }
    found.push({ at: `${file}:${i + 1}`, lines: end - i + 1, reason });
  });
  return found;
}
