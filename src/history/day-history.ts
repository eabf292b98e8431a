import type { Service } from '../base/lifecycle.ts';
import type { KeyValueStore } from '../base/state.ts';
import type { SensorConfig } from '../config/schema/sensors.ts';
import type { SensorStatus } from '../sensors/sampler.ts';
import { type HourHistory, POINTS, type Series, type Summary } from './hour-history.ts';

/** One point covers four minutes; the points of one topic cover a day. */
export const DAY_POINT_MS = 240_000;
/** What is written at once: an hour and the topics in it. */
const SHEET_POINTS = 15;
/** A day, and the hour that is being filled. */
const SHEETS = POINTS / SHEET_POINTS + 1;
const POLL_MS = 10_000;
/** A clock that has gone by more than this was set: what this start has kept is dated anew. */
const STEP_MS = DAY_POINT_MS / 2;
/** More would be noise, and wear on the card. */
const DIGITS = 9;

export interface DayHistoryParts {
  /** The last hour, of which the day is made. */
  readonly history: Pick<HourHistory, 'within'>;
  /** What is kept for a day. */
  topics(): Iterable<string>;
  /** What outlives a restart; asked once it starts. */
  state(): KeyValueStore;
  /** Milliseconds that never jump. */
  monotonic(): number;
  /** Milliseconds since the epoch. */
  wall(): number;
  /** Whether `wall` can be believed: until then nothing is written, and nothing from before is shown. */
  isSet(): boolean;
}

export interface DayHistory extends Service {
  /** Undefined for a topic whose day is not kept. */
  of(topic: string): Series | undefined;
}

/** One number where a point had but one value; null where it had none. */
type Cell = number | readonly [low: number, high: number, last: number] | null;

/** Points of all topics in the order of time; the cells of a topic may end early. */
interface Sheet {
  readonly number: number;
  /** Milliseconds since the epoch at which each point ends. */
  readonly times: number[];
  readonly cells: Record<string, Cell[]>;
}

interface OpenSheet extends Sheet {
  /** The same by the clock that never jumps, for the points of this start. */
  readonly at: (number | undefined)[];
  changed: boolean;
}

/**
 * The last day of the sensors that ask for it, through restarts and power cuts: every four minutes one point more
 * is handed to the store. The points of this start lie where they were taken whatever is done to the clock.
 */
export function createDayHistory(parts: DayHistoryParts): DayHistory {
  const { history, topics, monotonic, wall, isSet } = parts;
  const began = monotonic();
  let begun = began;
  let state: KeyValueStore;
  let sheets: OpenSheet[] = [];
  let dated: number | undefined;
  let timer: NodeJS.Timeout | undefined;

  const openSheet = (): OpenSheet => {
    const newest = sheets.at(-1);
    if (newest && newest.times.length < SHEET_POINTS) return newest;
    const number = (newest?.number ?? -1) + 1;
    const sheet = { number, times: [], cells: {}, at: [], changed: false };
    sheets = [...sheets, sheet].slice(-SHEETS);
    return sheet;
  };

  const close = (end: number): void => {
    const found = [...topics()].flatMap((topic) => {
      const extent = history.within(topic, begun, end);
      return extent ? [[topic, cellOf(extent)] as const] : [];
    });
    begun = end;
    if (found.length === 0) return;
    const sheet = openSheet();
    const index = sheet.times.length;
    sheet.times.push(dateOf(end));
    sheet.at[index] = end;
    for (const [topic, cell] of found) {
      sheet.cells[topic] ??= [];
      const cells = sheet.cells[topic];
      while (cells.length < index) cells.push(null);
      cells.push(cell);
    }
    sheet.changed = true;
  };

  const dateOf = (at: number): number => Math.round(wall() - monotonic() + at);

  const save = (): void => {
    if (!isSet()) return;
    const ahead = dateOf(0);
    const moved = dated === undefined || Math.abs(ahead - dated) > STEP_MS;
    if (moved) dated = ahead;
    for (const sheet of sheets) {
      if (moved) {
        sheet.at.forEach((at, index) => {
          if (at === undefined) return;
          sheet.times[index] = dateOf(at);
          sheet.changed = true;
        });
      }
      if (!sheet.changed) continue;
      sheet.changed = false;
      const { number, times, cells } = sheet;
      state.set(String(number % SHEETS), { number, times, cells });
    }
  };

  const look = (): void => {
    const end = Math.floor(monotonic() / DAY_POINT_MS) * DAY_POINT_MS;
    if (end > begun) close(end);
    save();
  };

  return {
    name: 'day',
    async start() {
      state = parts.state();
      sheets = read(state);
      timer = setInterval(look, POLL_MS);
    },
    async stop() {
      clearInterval(timer);
      close(monotonic());
      save();
    },
    of(topic) {
      if (![...topics()].includes(topic)) return undefined;
      const now = monotonic();
      const end = (Math.floor(now / DAY_POINT_MS) + 1) * DAY_POINT_MS;
      const empty = (): (number | null)[] => Array(POINTS).fill(null);
      const [low, high, last] = [empty(), empty(), empty()];
      const put = (at: number, cell: Cell): void => {
        const index = POINTS - 1 - Math.round((end - at) / DAY_POINT_MS);
        if (index < 0 || index >= POINTS || cell === null) return;
        const [lowest, highest, newest] = typeof cell === 'number' ? [cell, cell, cell] : cell;
        low[index] = Math.min(low[index] ?? lowest, lowest);
        high[index] = Math.max(high[index] ?? highest, highest);
        last[index] = newest;
      };
      for (const { times, at, cells } of sheets) {
        for (const [index, cell] of (cells[topic] ?? []).entries()) {
          const own = at[index];
          const before = times[index]! - dateOf(0);
          if (own !== undefined) put(own, cell);
          // What was kept before this start can't be younger: its clock was wrong.
          else if (isSet() && before < began + DAY_POINT_MS) put(before, cell);
        }
      }
      const extent = history.within(topic, begun, end);
      if (extent) put(end, cellOf(extent));
      return { end: dateOf(end), everyMs: DAY_POINT_MS, low, high, last };
    },
  };
}

/** The topics of the sensors whose config asks for a day. */
export function* recordedTopics(
  configured: readonly SensorConfig[],
  sensors: readonly SensorStatus[],
): Iterable<string> {
  const names = new Set(
    configured.filter(({ history }) => history === 'day').map(({ name }) => name),
  );
  if (names.size === 0) return;
  for (const { name, channels } of sensors) {
    if (names.has(name)) yield* channels.map(({ topic }) => topic);
  }
}

function cellOf({ low, high, last }: Summary): Cell {
  if (low === high) return short(low);
  return [short(low), short(high), short(last)];
}

function short(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(DIGITS));
}

/** The sheets of former starts, oldest first; what makes no sense is left out. */
function read(state: KeyValueStore): OpenSheet[] {
  const sheets: OpenSheet[] = [];
  for (let key = 0; key < SHEETS; key++) {
    const sheet = state.get(String(key));
    if (isSheet(sheet)) sheets.push({ ...sheet, at: [], changed: false });
  }
  return sheets.sort((one, other) => one.number - other.number);
}

function isSheet(value: unknown): value is Sheet {
  if (typeof value !== 'object' || value === null) return false;
  const { number, times, cells } = value as Partial<Sheet>;
  return (
    Number.isSafeInteger(number) &&
    Array.isArray(times) &&
    times.every(Number.isFinite) &&
    typeof cells === 'object' &&
    cells !== null &&
    Object.values(cells).every((column) => Array.isArray(column) && column.every(isCell))
  );
}

function isCell(value: unknown): value is Cell {
  if (value === null || Number.isFinite(value)) return true;
  return Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
}
