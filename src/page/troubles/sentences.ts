/** A part of a sentence that differs is `…` in its form, and `{1}`, `{2}` in the translation. */
export interface SentenceForms {
  readonly forms: Readonly<Record<string, string>>;
  /** What the beginning of a sentence has for an uplink: `{1}` is its name. */
  readonly uplink: string;
  /** What may fail together, after its count. */
  readonly counted: Readonly<Record<'sensor' | 'output' | 'uplink', string>>;
  readonly and: string;
  readonly colon: string;
}

interface Form {
  readonly pattern: RegExp;
  readonly translation: string;
  /** Characters that always are in it: of two forms that fit, the one with more says more. */
  readonly fixed: number;
}

interface Found {
  readonly text: string;
  readonly fixed: number;
}

/** Parts of sentences have parts at most so often. */
const DEPTH = 3;
const LONGEST = 600;
const COUNTED = /^\d+ (?:sensor|output|uplink)s?(?: and \d+ (?:sensor|output|uplink)s?)*$/;

/**
 * Translates the sentences of troubles and reasons by their forms. What it does not know stays in English: names,
 * and errors of the kernel.
 */
export function createSentences(texts: SentenceForms): (sentence: string) => string {
  const forms = Object.entries(texts.forms).map(([form, translation]) => formOf(form, translation));
  // The same few sentences are shown again and again.
  const known = new Map<string, string>();

  const translated = (sentence: string, depth: number): Found => {
    const found = [whole(sentence, depth), named(sentence, depth), clauses(sentence, depth)];
    return found.reduce((best, one) => (one.fixed > best.fixed ? one : best));
  };
  const whole = (sentence: string, depth: number): Found => {
    let best: Found = { text: sentence, fixed: 0 };
    for (const { pattern, translation, fixed } of forms) {
      if (fixed <= best.fixed) continue;
      const [, ...parts] = pattern.exec(sentence) ?? [];
      if (parts.length === 0 && !pattern.test(sentence)) continue;
      const inner = depth > 0 ? parts.map((part) => translated(part, depth - 1).text) : parts;
      best = { text: translation.replaceAll(/\{(\d)\}/g, (_, at) => inner[at - 1] ?? ''), fixed };
    }
    return best;
  };
  /** A name or a count before the cause. */
  const named = (sentence: string, depth: number): Found => {
    const at = sentence.indexOf(': ');
    if (at < 0 || depth === 0) return { text: sentence, fixed: 0 };
    const cause = translated(sentence.slice(at + 2), depth - 1);
    if (cause.fixed === 0) return { text: sentence, fixed: 0 };
    const text = `${nameOf(sentence.slice(0, at), texts)}${texts.colon}${cause.text}`;
    // A name is clearer than one that is taken for a part of the cause.
    return { text, fixed: cause.fixed + 1 };
  };
  /** Sentences behind each other, and a number in parentheses behind the first. */
  const clauses = (sentence: string, depth: number): Found => {
    const [, begin, number, rest] = /^(.+?)( \(\d+\))?(; .+)?$/.exec(sentence) ?? [];
    if (begin === undefined || depth === 0 || (!number && !rest))
      return { text: sentence, fixed: 0 };
    const [first, second] = [
      translated(begin, depth - 1),
      translated((rest ?? '').slice(2), depth - 1),
    ];
    if (first.fixed === 0) return { text: sentence, fixed: 0 };
    const text = `${first.text}${number ?? ''}${rest ? `; ${second.text}` : ''}`;
    return { text, fixed: first.fixed + second.fixed };
  };
  return (sentence) => {
    if (sentence.length > LONGEST) return sentence;
    const before = known.get(sentence);
    if (before !== undefined) return before;
    const { text } = translated(sentence, DEPTH);
    if (known.size >= 1000) known.clear();
    known.set(sentence, text);
    return text;
  };
}

function formOf(form: string, translation: string): Form {
  const parts = form.split('…').map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&'));
  const last = parts.length - 1;
  // The last part takes the rest, all others as little as fits; the numbers and endings between them are one word.
  const pattern = parts.map((part, at) => (at === last ? part : `${part}(.*?)`)).join('');
  return {
    pattern: new RegExp(`^${pattern}$`, 's'),
    translation,
    fixed: form.replaceAll('…', '').length,
  };
}

/** `uplink plant`, `12 sensors`, `11 sensors and 1 output`, or a name. */
function nameOf(name: string, { uplink, counted, and }: SentenceForms): string {
  if (name.startsWith('uplink ')) return uplink.replace('{1}', name.slice('uplink '.length));
  if (!COUNTED.test(name)) return name;
  return name
    .split(' and ')
    .map((part) => {
      const [count = '', kind = ''] = part.split(' ');
      const word = counted[kind.replace(/s$/, '') as keyof typeof counted];
      return word.replace('{1}', count);
    })
    .join(and);
}
