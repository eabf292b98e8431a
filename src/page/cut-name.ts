import { element } from './dom.ts';

/** Of a name that is cut, so many characters at its end stay. */
const TAIL = 14;

/** A name in two parts: where there is little room, the first one is cut. */
export function cutName(name: string): HTMLElement[] {
  const at = Math.max(0, name.length - TAIL);
  const parts = at === 0 ? [name] : [name.slice(0, at), name.slice(at)];
  return parts.map((part) => element('span', {}, part));
}
