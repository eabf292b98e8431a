/** The sections of the page, in the order of their tabs. */
export const TABS = [
  'overview',
  'sensors',
  'alarms',
  'outputs',
  'plant',
  'clients',
  'topics',
  'system',
  'config',
] as const;
export type Tab = (typeof TABS)[number];

export interface Place {
  readonly tab: Tab;
  /** A part of the section, such as a group of sensors; empty for all of it. */
  readonly part: string;
  /** The same as the address has it. */
  readonly encoded: string;
}

/** The place that the fragment of an address names, such as `#sensors/robot`; undefined for another one. */
export function placeOf(hash: string): Place | undefined {
  const [, name = '', part = ''] = /^#?([^/]*)\/?(.*)$/s.exec(hash) ?? [];
  const tab = TABS.find((one) => one === name);
  return tab && { tab, part: decoded(part), encoded: part };
}

/** The address of a place, for a link. */
export function addressOf(tab: Tab, part = ''): string {
  return part === '' ? `#${tab}` : `#${tab}/${encodeURIComponent(part)}`;
}

/** A part that is not encoded correctly is no part. */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
