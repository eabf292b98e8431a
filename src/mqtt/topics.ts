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

/** Whether a valid filter matches a valid topic name; a wildcard in front never matches a leading $ [MQTT-4.7.2-1]. */
export function matches(filter: string, topic: string): boolean {
  if (isHidden(topic, filter)) return false;
  const wanted = filter.split('/');
  const levels = topic.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= levels.length || (level !== '+' && level !== levels[index])) {
      return false;
    }
    if (index === levels.length - 1 && wanted[index + 1] === '#') return true;
  }
  return wanted.length === levels.length;
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
