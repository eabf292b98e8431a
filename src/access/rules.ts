import { covers } from '../mqtt/topics.ts';

/** What a rule lets a client do with the topics that its filter matches. */
export interface Rule {
  readonly topic: string;
  readonly allow: 'read' | 'write' | 'readwrite';
}

/** The most topics whose result is cached for one client. */
const KNOWN = 1000;

/** What one client may do, its rules resolved for its user name (`%u`) and client id (`%c`). */
export class Rights {
  /** Filters of the rules that allow it. */
  readonly #read: readonly string[];
  readonly #write: readonly string[];
  #known = new Map<string, boolean>();

  constructor(rules: readonly Rule[], user: string | undefined, clientId: string) {
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

  mayPublish(topic: string): boolean {
    const known = this.#known.get(topic);
    if (known !== undefined) return known;
    const may = this.#write.some((filter) => covers(filter, topic));
    if (this.#known.size >= KNOWN) this.#known = new Map();
    this.#known.set(topic, may);
    return may;
  }

  /** Whether a rule covers everything that the filter can match: messages are not checked again. */
  maySubscribe(filter: string): boolean {
    return this.#read.some((rule) => covers(rule, filter));
  }
}

/** The rule's filter for one client; undefined if the name would change the meaning of the filter. */
function resolve(topic: string, user: string | undefined, clientId: string): string | undefined {
  let safe = true;
  const filter = topic.replaceAll(/%[uc]/g, (which) => {
    const value = which === '%u' ? user : clientId;
    if (value === undefined || value === '' || /[+#/\0]|^\$/.test(value)) safe = false;
    return value ?? '';
  });
  return safe ? filter : undefined;
}
