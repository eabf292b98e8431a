import { ENGLISH, type TextKey } from './texts-en.ts';
import type { Wrong } from './verdict.ts';

export type { TextKey } from './texts-en.ts';

/** The texts of each language; those that are not chosen are not loaded. */
const TEXTS = {
  en: async () => ENGLISH,
  de: async () => (await import('./texts-de.ts')).GERMAN,
  zh: async () => (await import('./texts-zh.ts')).CHINESE,
};
export type Language = keyof typeof TEXTS;

/** The languages of the page by their codes, which need no special font. */
export const LANGUAGES: Readonly<Record<Language, string>> = { en: 'EN', de: 'DE', zh: 'ZH' };
const STORAGE_KEY = 'cellgate-language';
const LOCALES: Readonly<Record<Language, string>> = { en: 'en', de: 'de', zh: 'zh-CN' };

/** The language that the user has chosen, else that of the browser. */
export const language: Language = ((): Language => {
  const kept = localStorage.getItem(STORAGE_KEY);
  const wanted = [kept ?? '', ...navigator.languages].map((tag) => tag.split('-', 1)[0]);
  return wanted.find((tag): tag is Language => Object.hasOwn(TEXTS, tag ?? '')) ?? 'en';
})();

const texts: Readonly<Record<TextKey, string>> = await TEXTS[language]();

/** Loads the page again in another language. */
export function chooseLanguage(chosen: string): void {
  localStorage.setItem(STORAGE_KEY, chosen);
  location.reload();
}

/** A text in the language of the page; `{name}` is filled in. */
export function translate(key: TextKey, values: Readonly<Record<string, string>> = {}): string {
  return filled(texts[key], values);
}

/** A text with its places filled in. */
export function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
}

/** The word for so many things, without their number. */
export function counted(what: Wrong, count: number): string {
  return translate(count === 1 ? `${what}One` : `${what}Other`);
}

/** The tag of the page's language. */
export const locale = LOCALES[language];
const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 });
const rounded = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });
const unitOf = (unit: string) =>
  new Intl.NumberFormat(locale, {
    style: 'unit',
    unit,
    unitDisplay: language === 'zh' ? 'long' : 'short',
    maximumFractionDigits: 0,
  });
const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;
const SYMBOLS = ['d', 'h', 'min', 's'];
const spans = UNITS.map(([unit, seconds]) => ({ seconds, format: unitOf(unit) }));

const clockFormat = new Intl.DateTimeFormat(locale, {
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});
const dayFormat = new Intl.DateTimeFormat(locale, {
  ...{ month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
});
const fullFormat = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' });

/** A time since the epoch: `14:02` on the day of `now`, else with its date. */
export function moment(time: number, now: number): string {
  const isToday = new Date(time).toDateString() === new Date(now).toDateString();
  return (isToday ? clockFormat : dayFormat).format(time);
}

/** The whole date and time. */
export function momentInFull(time: number): string {
  return fullFormat.format(time);
}

export function number(value: number): string {
  return numbers.format(value);
}

const decimals = [0, 1, 2, 3].map((digits) => {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(locale, options);
});

/** A number with so many decimals, at most 3; one that is smaller than these can show has its first digits. */
export function decimal(value: number, digits: number): string {
  if (value !== 0 && Math.abs(value) < 0.5 / 10 ** digits) return rounded.format(value);
  return (decimals[digits] ?? numbers).format(value);
}

/** A time span in its two largest units, such as 2 d 4 h. */
export function longSpan(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const first = spans.findIndex((one) => seconds >= one.seconds);
  const [large, small] = [spans[first], spans[first + 1]];
  if (!large) return span(0);
  const count = Math.floor(seconds / large.seconds);
  const rest = small ? Math.floor((seconds - count * large.seconds) / small.seconds) : 0;
  const text = inUnit(count, first);
  return rest > 0 ? `${text} ${inUnit(rest, first + 1)}` : text;
}

/** With the symbol of the unit, which is short; Chinese has words that are as short. */
function inUnit(count: number, index: number): string {
  const words = spans[index]?.format.format(count) ?? '';
  return language === 'zh' ? words : `${number(count)} ${SYMBOLS[index]}`;
}

/** A time span in the largest unit of which it has at least two. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const fitting = spans.find((one) => seconds >= one.seconds * 2) ?? spans.at(-1)!;
  return fitting.format.format(Math.floor(seconds / fitting.seconds));
}

export function bytes(count: number): string {
  const powers = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let power = 0;
  let left = count;
  while (left >= 1024 && power < powers.length - 1) {
    left /= 1024;
    power++;
  }
  return `${rounded.format(left)} ${powers[power]}`;
}
