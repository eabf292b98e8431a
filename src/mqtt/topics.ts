const LIMIT_BYTES = 65_535;

/** The problem of a topic name, as text to print after the name (`contains + or #`); undefined if it is valid [MQTT-4.7.1-1]. */
export function topicProblem(topic: string): string | undefined {
  if (/[+#]/.test(topic)) return 'contains + or #, which only a filter may';
  return textProblem(topic);
}

/** The problem of a topic filter, as text to print after the filter; undefined if it is valid [MQTT-4.7.1-2] [MQTT-4.7.1-3]. */
export function filterProblem(filter: string): string | undefined {
  const levels = filter.split('/');
  for (const [index, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || index !== levels.length - 1)) {
      return 'has a # that is not alone in its last level';
    }
    if (level.includes('+') && level !== '+') return 'has a + that is not alone in its level';
  }
  return textProblem(filter);
}

/** [MQTT-4.7.3-1] to [MQTT-4.7.3-3] and, for halves of surrogate pairs, [MQTT-1.5.4-1]. */
function textProblem(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (text.includes('\0')) return 'contains the character U+0000';
  if (/\p{Surrogate}/u.test(text)) return 'is not valid Unicode';
  const bytes = Buffer.byteLength(text);
  if (bytes > LIMIT_BYTES) return `has ${bytes} bytes, more than ${LIMIT_BYTES}`;
  return undefined;
}

/** The first control character, such as `U+0002`; a receiver may close the connection at one [MQTT 3.1.1, section 1.5.3]. */
export function controlCharacter(text: string): string | undefined {
  const found = /\p{Cc}/u.exec(text)?.[0];
  return found && `U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Whether a valid filter matches a valid topic name; a wildcard in front never matches a leading $ [MQTT-4.7.2-1]. */
export function matches(filter: string, topic: string): boolean {
  return !isHidden(topic, filter) && matchesLevels(filter, topic);
}

const [HASH, PLUS, SLASH] = [35, 43, 47];
/** Up to here a loop takes less time than a call. */
const FEW = 32;

/** The same for what follows the first levels of a filter and a topic. Needs no memory: there may be 65,536 levels. */
export function matchesLevels(filter: string, topic: string): boolean {
  let at = 0;
  /** Characters that were the same since the last wildcard. */
  let same = 0;
  for (let i = 0; i < filter.length; i++) {
    if (same > FEW) {
      // A long text without wildcards is compared at once, but for the two characters before its end.
      const wildcard = filter.indexOf('+', i);
      const end = (wildcard < 0 ? filter.length : wildcard) - 2;
      if (end > i) {
        if (!topic.startsWith(filter.slice(i, end), at)) return false;
        at += end - i;
        i = end;
      }
      same = Number.NEGATIVE_INFINITY;
    }
    const character = filter.charCodeAt(i);
    if (character === HASH) return true;
    if (character === PLUS) {
      same = 0;
      while (at < topic.length && topic.charCodeAt(at) !== SLASH) at++;
    } else if (at < topic.length && topic.charCodeAt(at) === character) {
      at++;
      same++;
    } else {
      // The rest is `/#`, which matches the level before it too.
      return at === topic.length && i === filter.length - 2 && filter.endsWith('/#');
    }
  }
  return at === topic.length;
}

/** Whether there is a topic that both filters match. */
export function overlaps(a: string, b: string): boolean {
  if (isHidden(a, b) || isHidden(b, a)) return false;
  const [left, right] = [a.split('/'), b.split('/')];
  for (let level = 0; ; level++) {
    const [one, other] = [left[level], right[level]];
    if (one === '#' || other === '#') return true;
    if (one === undefined || other === undefined) return one === other;
    if (one !== other && one !== '+' && other !== '+') return false;
  }
}

/** Whether every topic that `narrow`, a filter or a topic, matches is matched by `wide` too. */
export function covers(wide: string, narrow: string): boolean {
  if (isHidden(narrow, wide)) return false;
  const [left, right] = [wide.split('/'), narrow.split('/')];
  for (let level = 0; ; level++) {
    const [one, other] = [left[level], right[level]];
    if (one === '#') return true;
    if (one === undefined || other === undefined) return one === other;
    if (other === '#' || (one !== '+' && one !== other)) return false;
  }
}

/** Whether a topic or filter begins with $ and the filter with a wildcard, which matches none such [MQTT-4.7.2-1]. */
function isHidden(topic: string, filter: string): boolean {
  return topic.startsWith('$') && /^[+#]/.test(filter);
}
