import { filled, language } from '../translations.ts';
import { type ConfigTextKey, ENGLISH } from './texts-en.ts';

/** Loaded with this section, so that the first load of the page has none of them. */
const TEXTS = {
  en: async () => ENGLISH,
  de: async () => (await import('./texts-de.ts')).GERMAN,
  zh: async () => (await import('./texts-zh.ts')).CHINESE,
};

export type ConfigTexts = (key: ConfigTextKey, values?: Readonly<Record<string, string>>) => string;

/** Loads the texts of this section in the language of the page. */
export async function loadConfigTexts(): Promise<ConfigTexts> {
  const texts: Readonly<Record<ConfigTextKey, string>> = await TEXTS[language]();
  return (key, values = {}) => filled(texts[key], values);
}
