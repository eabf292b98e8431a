import { setAttribute, setText } from './dom.ts';
import { language } from './translations.ts';

type Translate = (sentence: string) => string;

/** Loads the sentences of troubles and reasons in the language of the page; undefined in English, which the gateway has. */
const load = {
  en: undefined,
  de: async (): Promise<Translate> => {
    const { createSentences } = await import('./troubles/sentences.ts');
    return createSentences((await import('./troubles/sentences-de.ts')).GERMAN_SENTENCES);
  },
  zh: async (): Promise<Translate> => {
    const { createSentences } = await import('./troubles/sentences.ts');
    return createSentences((await import('./troubles/sentences-zh.ts')).CHINESE_SENTENCES);
  },
}[language];

let sentences: Translate | undefined;
let isLoading = false;
/** Elements that have their sentence in English until the others are loaded. */
const pending = new Map<Element, string>();

/** A sentence of the gateway in the language of the page; in English until the sentences are loaded, and where it is not known. */
export function reasonText(sentence: string): string {
  if (!load || sentence === '') return sentence;
  if (sentences) return sentences(sentence);
  void loadOnce();
  return sentence;
}

/** Shows a sentence of the gateway; an element with a title has it there too, because its text may be cut. */
export function showReason(node: Element, sentence: string, hasTitle = false): void {
  const text = reasonText(sentence);
  setText(node, text);
  // What is not known is in English.
  setAttribute(node, 'lang', text === sentence && sentence !== '' ? 'en' : undefined);
  if (hasTitle) setAttribute(node, 'title', text === '' ? undefined : text);
  if (load && !sentences) pending.set(node, sentence);
}

async function loadOnce(): Promise<void> {
  if (isLoading || !load) return;
  isLoading = true;
  try {
    sentences = await load();
    for (const [node, sentence] of pending) {
      showReason(node, sentence, node.hasAttribute('title'));
    }
    pending.clear();
  } catch {
    // The next sentence tries again.
  } finally {
    isLoading = false;
  }
}
