/** What a rule lets a client do with the topics that its filter matches. */
export interface Rule {
  readonly topic: string;
  readonly allow: 'read' | 'write' | 'readwrite';
}

/** Topics whose answer is remembered for one client. */
const KNOWN = 1000;

/** What one client may do, its rules resolved for its user name (`%u`) and client id (`%c`). */
export class Rights {
  readonly #read: readonly (readonly string[])[];
  readonly #write: readonly (readonly string[])[];
  #known = new Map<string, boolean>();

  constructor(rules: readonly Rule[], user: string | undefined, clientId: string) {
    const resolved = rules.flatMap(({ topic, allow }) => {
      const filter = resolve(topic, user, clientId);
      return filter === undefined ? [] : [{ levels: filter.split('/'), allow }];
    });
    const of = (way: 'read' | 'write') =>
      resolved
        .filter(({ allow }) => allow === way || allow === 'readwrite')
        .map((one) => one.levels);
    this.#read = of('read');
    this.#write = of('write');
  }

  mayPublish(topic: string): boolean {
    const known = this.#known.get(topic);
    if (known !== undefined) return known;
    const may = this.#write.some((rule) => covers(rule, topic.split('/')));
    if (this.#known.size >= KNOWN) this.#known = new Map();
    this.#known.set(topic, may);
    return may;
  }

  /** Whether a rule covers everything that the filter can match: nothing is looked at again when a message comes. */
  maySubscribe(filter: string): boolean {
    const levels = filter.split('/');
    return this.#read.some((rule) => covers(rule, levels));
  }
}

/** The rule's filter for one client; undefined where a name would change what the filter means. */
function resolve(topic: string, user: string | undefined, clientId: string): string | undefined {
  let harmless = true;
  const filter = topic.replaceAll(/%[uc]/g, (which) => {
    const value = which === '%u' ? user : clientId;
    if (value === undefined || value === '' || /[+#/\0]|^\$/.test(value)) harmless = false;
    return value ?? '';
  });
  return harmless ? filter : undefined;
}

/** Whether all topics that `wanted`, a filter or a topic, matches are matched by `rule`. */
function covers(rule: readonly string[], wanted: readonly string[]): boolean {
  for (let i = 0; i < rule.length; i++) {
    const level = wanted[i];
    // [MQTT-4.7.2-1]: a leading wildcard matches no topic that begins with $.
    const reserved = i === 0 && level?.startsWith('$');
    if (rule[i] === '#') return !reserved;
    if (level === undefined || level === '#') return false;
    if (rule[i] === '+' ? reserved : rule[i] !== level) return false;
  }
  return rule.length === wanted.length;
}
