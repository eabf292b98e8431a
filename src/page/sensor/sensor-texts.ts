import { filled, language } from '../translations.ts';
import { ENGLISH, type SensorTextKey } from './texts-en.ts';

/** Loaded with this section, so that the first load of the page has none of them. */
const TEXTS = {
  en: async () => ENGLISH,
  de: async () => (await import('./texts-de.ts')).GERMAN,
  zh: async () => (await import('./texts-zh.ts')).CHINESE,
};

export type SensorTexts = (key: SensorTextKey, values?: Readonly<Record<string, string>>) => string;

/** Loads the texts of this section in the language of the page. */
export async function loadSensorTexts(): Promise<SensorTexts> {
  const texts: Readonly<Record<SensorTextKey, string>> = await TEXTS[language]();
  return (key, values = {}) => filled(texts[key], values);
}
