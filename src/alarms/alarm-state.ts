import type { Value } from '../driver-kit/reading.ts';

/**
 * The state of one alarm, in the words of IEC 62682: normal; active, unacknowledged or acknowledged; returned to normal
 * unacknowledged (`cleared`).
 */
export interface AlarmState {
  /** Whether its condition is met. */
  readonly isMet: boolean;
  /** Whether it is active: its condition is met, or it is latched. */
  readonly active: boolean;
  readonly acknowledged: boolean;
  /** Who acknowledged it last. */
  readonly acknowledgedBy?: string;
  /** When it became active, or when that ended, in milliseconds since the Unix epoch; undefined if it never was. */
  readonly since?: number;
  /** The value at that moment. */
  readonly value: Value;
  /** Shelved until this moment of the stored clock. */
  readonly shelvedUntil?: number;
}

export type AlarmEvent =
  | { readonly event: 'met' | 'unmet'; readonly value: Value; readonly at: number }
  | { readonly event: 'acknowledge'; readonly by: string; readonly at: number }
  | { readonly event: 'shelve'; readonly until: number }
  | { readonly event: 'unshelve' };

/** An alarm that was never active. */
export const NORMAL: AlarmState = { isMet: false, active: false, acknowledged: true, value: null };

/** The state after an event; the same object if the event changes nothing. */
export function next(state: AlarmState, event: AlarmEvent, latching: boolean): AlarmState {
  switch (event.event) {
    case 'met': {
      if (state.isMet) return state;
      const { acknowledgedBy: _, ...others } = state;
      const { value, at: since } = event;
      return { ...others, isMet: true, active: true, acknowledged: false, value, since };
    }
    case 'unmet': {
      if (!state.isMet) return state;
      if (latching && !state.acknowledged) return { ...state, isMet: false };
      return { ...state, isMet: false, active: false, value: event.value, since: event.at };
    }
    case 'acknowledge': {
      if (state.acknowledged) return state;
      const done = { ...state, acknowledged: true, acknowledgedBy: event.by };
      return state.isMet || !state.active ? done : { ...done, active: false, since: event.at };
    }
    case 'shelve':
      return state.shelvedUntil === event.until ? state : { ...state, shelvedUntil: event.until };
    case 'unshelve': {
      if (state.shelvedUntil === undefined) return state;
      const { shelvedUntil: _, ...others } = state;
      return others;
    }
  }
}

/** The word for the state. */
export function nameOf({ active, acknowledged }: AlarmState): 'normal' | 'active' | 'cleared' {
  if (active) return 'active';
  return acknowledged ? 'normal' : 'cleared';
}

/** A state that was stored, if it has its form: it may be from another version. */
export function storedState(value: unknown): AlarmState | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const given = value as Readonly<Record<keyof AlarmState, unknown>>;
  const { isMet, active, acknowledged, acknowledgedBy, since, shelvedUntil } = given;
  if (typeof isMet !== 'boolean' || typeof active !== 'boolean') return undefined;
  if (typeof acknowledged !== 'boolean') return undefined;
  return {
    isMet,
    active,
    acknowledged,
    value: isValue(given.value) ? given.value : null,
    ...(typeof acknowledgedBy === 'string' ? { acknowledgedBy } : {}),
    ...(typeof since === 'number' ? { since } : {}),
    ...(typeof shelvedUntil === 'number' ? { shelvedUntil } : {}),
  };
}

function isValue(value: unknown): value is Value {
  return ['number', 'boolean', 'string'].includes(typeof value);
}
