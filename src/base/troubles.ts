/** What may fail together with others of its kind. */
export type TroubleKind = 'sensor' | 'output' | 'uplink';

/** One thing that does not work; many may have one cause. */
export interface Trouble {
  readonly kind: TroubleKind;
  readonly name: string;
  /** Why, as its own status has it. */
  readonly cause: string;
  /** The same for all that fail for one cause; without it the cause itself. Shown where the causes differ. */
  readonly shared?: string;
}

/** One sentence for each cause: of one with its name, of several with their count. */
export function troubleSentences(troubles: readonly Trouble[]): string[] {
  const groups = new Map<string, Trouble[]>();
  for (const trouble of troubles) {
    const cause = trouble.shared ?? trouble.cause;
    const group = groups.get(cause);
    if (group) group.push(trouble);
    else groups.set(cause, [trouble]);
  }
  return [...groups].map(([shared, group]) => sentenceOf(group, shared));
}

function sentenceOf(group: readonly Trouble[], shared: string): string {
  const [{ kind, name, cause } = group[0]!] = group;
  if (group.length === 1)
    return kind === 'uplink' ? `uplink ${name}: ${cause}` : `${name}: ${cause}`;
  const same = group.every((one) => one.cause === cause);
  return `${countOf(group)}: ${same ? cause : shared}`;
}

/** `12 sensors`, or `11 sensors and 1 output`. */
export function countOf(group: readonly Pick<Trouble, 'kind'>[]): string {
  const counts = new Map<TroubleKind, number>();
  for (const { kind } of group) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts]
    .map(([kind, count]) => `${count} ${kind}${count === 1 ? '' : 's'}`)
    .join(' and ');
}
