import type { QualityCounts } from './readings.ts';

/** What the overview knows beside the readings; undefined while it is not known. */
export interface Facts {
  readonly alarms: number;
  readonly troubles: readonly string[] | undefined;
  /** Uplinks to the plant: how many are connected, how many there are, and their waiting messages. */
  readonly uplinks: { readonly connected: number; readonly all: number; readonly waiting: number };
  readonly clients: number;
  readonly isLive: boolean;
  /** Whether the user may not read all of the gateway's state: then it is never well. */
  readonly isDenied: boolean;
}

/** Things that may be wrong, the most severe first. */
export type Wrong =
  | 'alarm'
  | 'trouble'
  | 'badValue'
  | 'staleValue'
  | 'uplinkDown'
  | 'uncertainValue';

export interface Verdict {
  readonly state: 'well' | 'uncertain' | 'bad' | 'unknown';
  readonly wrong: readonly (readonly [what: Wrong, count: number])[];
}

/** Whether the cell is well: only if nothing at all is wrong or unknown. */
export function verdictOf(facts: Facts, counts: QualityCounts): Verdict {
  const { alarms, troubles, uplinks, isLive, isDenied } = facts;
  if (!isLive || (troubles === undefined && !isDenied)) return { state: 'unknown', wrong: [] };
  const all: Verdict['wrong'] = [
    ['alarm', alarms],
    ['trouble', troubles?.length ?? 0],
    ['badValue', counts.bad],
    ['staleValue', counts.stale],
    ['uplinkDown', uplinks.all - uplinks.connected],
    ['uncertainValue', counts.uncertain],
  ];
  const wrong = all.filter(([, count]) => count > 0);
  if (wrong.length === 0) return { state: isDenied ? 'unknown' : 'well', wrong };
  const isUncertain = wrong.every(([what]) => what === 'uncertainValue');
  return { state: isUncertain ? 'uncertain' : 'bad', wrong };
}
