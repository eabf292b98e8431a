import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AlarmEvent,
  type AlarmState,
  NORMAL,
  nameOf,
  next,
  storedState,
} from '../../../src/alarms/alarm-state.ts';

/**
 * The states and transitions of IEC 62682, clause 4.2, as a table: A normal, B unacknowledged, C acknowledged, D returned to
 * normal unacknowledged; L latched: the process is normal again, the alarm is not, until it is acknowledged.
 */
const STANDARD: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  plain: {
    'A met': 'B',
    'B unmet': 'D',
    'B acknowledge': 'C',
    'C unmet': 'A',
    'D met': 'B',
    'D acknowledge': 'A',
  },
  latching: {
    'A met': 'B',
    'B unmet': 'L',
    'B acknowledge': 'C',
    'C unmet': 'A',
    'L met': 'B',
    'L acknowledge': 'A',
  },
};

function letterOf(state: AlarmState): string {
  const { isMet, acknowledged } = state;
  switch (nameOf(state)) {
    case 'normal':
      return 'A';
    case 'cleared':
      return 'D';
    default:
      return isMet ? (acknowledged ? 'C' : 'B') : 'L';
  }
}

const events = fc.array(
  fc.oneof(
    fc.record({
      event: fc.constantFrom('met' as const, 'unmet' as const),
      value: fc.integer(),
      at: fc.integer(),
    }),
    fc.record({ event: fc.constant('acknowledge' as const), by: fc.string(), at: fc.integer() }),
    fc.record({ event: fc.constant('shelve' as const), until: fc.integer() }),
    fc.constant({ event: 'unshelve' as const }),
  ),
);

describe.each(['plain', 'latching'])('%s', (kind) => {
  const table = STANDARD[kind] ?? {};
  const step = (state: AlarmState, event: AlarmEvent) => next(state, event, kind === 'latching');

  test('the transitions are those of the standard, shelved or not, over restarts', () => {
    fc.assert(
      fc.property(events, fc.array(fc.boolean()), (all, restarts) => {
        let state = NORMAL;
        let letter = 'A';
        for (const [index, event] of all.entries()) {
          const before = state;
          state = step(state, event);
          letter = table[`${letter} ${event.event}`] ?? letter;
          expect(letterOf(state)).toBe(letter);
          if (event.event === 'shelve') expect(state.shelvedUntil).toBe(event.until);
          else if (event.event === 'unshelve') expect(state.shelvedUntil).toBeUndefined();
          else expect(state.shelvedUntil).toBe(before.shelvedUntil);
          if (restarts[index]) state = storedState(JSON.parse(JSON.stringify(state))) ?? NORMAL;
        }
      }),
    );
  });

  test('who acknowledged is known until it is active again', () => {
    let state = step(NORMAL, { event: 'met', value: 71, at: 5 });
    expect(state).toMatchObject({ value: 71, since: 5, acknowledged: false });
    state = step(state, { event: 'acknowledge', by: 'Anna', at: 6 });
    expect(state).toMatchObject({ acknowledgedBy: 'Anna', since: 5, value: 71 });
    state = step(state, { event: 'unmet', value: 60, at: 7 });
    expect(state).toMatchObject({ acknowledgedBy: 'Anna', since: 7, value: 60 });
    expect(step(state, { event: 'met', value: 72, at: 8 })).not.toHaveProperty('acknowledgedBy');
  });
});

test.each([
  undefined,
  null,
  5,
  'x',
  {},
  { isMet: true },
  { isMet: 1, active: true, acknowledged: true },
])('a stored %j is no state', (value) => {
  expect(storedState(value)).toBeUndefined();
});
