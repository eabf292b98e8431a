/** Characters that look like one of ASCII, by the one that they look like. */
const LOOK_LIKE: Readonly<Record<string, string>> = {
  a: 'аɑα',
  c: 'сϲ',
  d: 'ԁ',
  e: 'еҽ',
  h: 'һ',
  i: 'іıι',
  j: 'ј',
  k: 'кκ',
  l: 'ӏ',
  m: 'м',
  n: 'п',
  o: 'оοσ',
  p: 'рρ',
  r: 'г',
  s: 'ѕ',
  t: 'т',
  u: 'υս',
  v: 'ѵν',
  w: 'ѡω',
  x: 'хχ',
  y: 'уγ',
  A: 'АΑ',
  B: 'ВΒ',
  C: 'СϹ',
  D: 'ᗞ',
  E: 'ЕΕ',
  H: 'НΗ',
  I: 'ІΙ',
  K: 'КΚ',
  M: 'МΜ',
  N: 'Ν',
  O: 'ОΟ',
  P: 'РΡ',
  S: 'Ѕ',
  T: 'ТΤ',
  X: 'ХΧ',
  Y: 'УΥ',
  '-': '‐‑‒–—―−',
  '"': '“”„‟«»',
  "'": '‘’‚‛',
  ',': '、‚',
  ':': '∶ː',
  '/': '⁄∕',
  '.': '·．。',
  '#': '＃',
  '*': '∗',
};

const ASCII_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(LOOK_LIKE).flatMap(([ascii, others]) => [...others].map((one) => [one, ascii])),
);

/** The character of ASCII that it looks like: also of the full width of East Asian text, and of spaces. */
function asciiOf(character: string): string | undefined {
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0xff01 && code <= 0xff5e) return String.fromCodePoint(code - 0xfee0);
  if (/[\p{Zs}]/u.test(character) && character !== ' ') return ' ';
  return ASCII_OF.get(character);
}

/** The text with its look-alikes replaced and what can't be seen left out; equal to the text if it has neither. */
export function inAscii(text: string): string {
  return [...text.replaceAll(/\p{Cf}/gu, '')].map((one) => asciiOf(one) ?? one).join('');
}

/** `U+043E looks like o` for each character of the text that does, or can't be seen; at most three. */
export function lookAlikes(text: string): string {
  const strange = [...new Set(text)].filter(
    (one) => /\p{Cf}/u.test(one) || asciiOf(one) !== undefined,
  );
  const said = strange.slice(0, 3).map((one) => {
    const code = `U+${one.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
    const ascii = asciiOf(one);
    if (ascii === undefined) return `${code} can't be seen`;
    return `${code} looks like ${ascii === ' ' ? 'a space' : ascii}`;
  });
  return said.join(', ');
}
