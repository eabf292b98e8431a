import { FilterTree } from '../mqtt/filter-tree.ts';
import { birthFilter } from '../mqtt/sparkplug-topics.ts';
import { covers, matches } from '../mqtt/topics.ts';

/** What a rule lets a client do with the topics that its filter matches. */
export interface Rule {
  readonly topic: string;
  readonly allow: 'read' | 'write' | 'readwrite';
}

/** The most topics whose result is cached for one client. */
const KNOWN = 1000;
/** A longer topic is decided each time: to keep it would need too much memory. */
const KNOWN_LENGTH = 512;

/** What one client may do, its rules resolved for its user name (`%u`) and client id (`%c`); undefined for one that is not proven. */
export class Rights {
  /** Filters of the rules that allow it. */
  readonly #read: readonly string[];
  readonly #write: readonly string[];
  #known = new Map<string, boolean>();

  constructor(rules: readonly Rule[], user: string | undefined, clientId: string | undefined) {
    const resolved = rules.flatMap(({ topic, allow }) => {
      const filter = resolve(topic, user, clientId);
      return filter === undefined ? [] : [{ filter, allow }];
    });
    const of = (action: 'read' | 'write') =>
      resolved
        .filter(({ allow }) => allow === action || allow === 'readwrite')
        .map(({ filter }) => filter);
    this.#read = of('read');
    this.#write = of('write');
  }

  /** The filters of the rules that allow reading, without those that another one covers. */
  get readable(): readonly string[] {
    const all = [...new Set(this.#read)];
    const tree = new FilterTree<string>();
    for (const filter of all) tree.add(filter, filter);
    return all.filter((one) => tree.covering(one).every((other) => other === one));
  }

  mayPublish(topic: string): boolean {
    const known = this.#known.get(topic);
    if (known !== undefined) return known;
    const may = this.#write.some((filter) => matches(filter, topic));
    if (topic.length > KNOWN_LENGTH) return may;
    if (this.#known.size >= KNOWN) this.#known = new Map();
    this.#known.set(topic, may);
    return may;
  }

  /**
   * Whether a rule covers everything that the filter can match: messages are not checked again. The certificates of
   * Sparkplug need the rule for the births that they show.
   */
  maySubscribe(filter: string): boolean {
    const read = birthFilter(filter) ?? filter;
    return this.#read.some((rule) => covers(rule, read));
  }
}

/** The rule's filter for one client; undefined where a name would change what the filter means. */
function resolve(
  topic: string,
  user: string | undefined,
  clientId: string | undefined,
): string | undefined {
  let safe = true;
  const filter = topic.replaceAll(/%[uc]/g, (which) => {
    const value = which === '%u' ? user : clientId;
    if (value === undefined || value === '' || /[+#/\0]|^\$/.test(value)) safe = false;
    return value ?? '';
  });
  return safe ? filter : undefined;
}
