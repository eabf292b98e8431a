/** The name under which all names without a separate count are counted. */
export const OTHERS = 'others';

/** Counts by name within bounded memory: the names with the highest counts, and all others together. */
export class TopCounts {
  readonly #most: number;
  #counts = new Map<string, number>();
  #others = 0;

  /** `most` names are shown. */
  constructor(most: number) {
    this.#most = most;
  }

  add(name: string, count = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
    // Twice as many are counted: a name that comes often is not lost among many that come once.
    if (this.#counts.size > 2 * this.#most) this.#drop();
  }

  #drop(): void {
    const sorted = [...this.#counts].sort(([, a], [, b]) => b - a);
    this.#counts = new Map(sorted.slice(0, this.#most));
    for (const [, count] of sorted.slice(this.#most)) this.#others += count;
  }

  /** The highest counts first, then those of all other names together if there are any. */
  get top(): Readonly<Record<string, number>> {
    const sorted = [...this.#counts].sort(([, a], [, b]) => b - a);
    const rest = sorted.slice(this.#most).reduce((sum, [, count]) => sum + count, this.#others);
    const shown = sorted.slice(0, this.#most);
    return Object.fromEntries(rest > 0 ? [...shown, [OTHERS, rest]] : shown);
  }
}
