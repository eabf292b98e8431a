import fc from 'fast-check';
import { expect, test } from 'vitest';
import { referenceDatabase } from '../../../../src/store/database/migrations.ts';
import { removeOrphans } from '../../../../src/store/database/orphans.ts';
import {
  decodeSegment,
  encodeSegment,
  type SegmentEntry,
} from '../../../../src/store/database/segment.ts';
import { SegmentEdits } from '../../../../src/store/database/segment-edits.ts';
import { LAST_SESSION, SegmentTable } from '../../../../src/store/database/segment-table.ts';

const SESSIONS = [1, 2, LAST_SESSION - 1, LAST_SESSION] as const;

const NONE = { at: 0, body: Buffer.alloc(0) };

/** What the queues hold, kept as plain lists. */
class Model {
  readonly queues = new Map<number, { seq: number; flags: number; body: string; shared: number }[]>(
    SESSIONS.map((session) => [session, []]),
  );
  readonly last = new Map<number, number>(SESSIONS.map((session) => [session, 0]));

  get refs(): Map<number, number> {
    const refs = new Map<number, number>();
    for (const { shared } of [...this.queues.values()].flat()) {
      if (shared > 0) refs.set(shared, (refs.get(shared) ?? 0) + 1);
    }
    return refs;
  }
}

const session = fc.constantFrom(...SESSIONS);
const anyStep = fc.oneof(
  fc.record({
    kind: fc.constant('insert' as const),
    session,
    steady: fc.boolean(),
    /** The number of a shared body, 0 for one of its own. */
    bodies: fc.array(fc.nat(3), { minLength: 1, maxLength: 40 }),
    gap: fc.nat(2),
  }),
  fc.record({
    kind: fc.constant('drop' as const),
    session,
    runs: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(30)), {
      minLength: 1,
      maxLength: 4,
    }),
  }),
  fc.record({
    kind: fc.constant('released' as const),
    session,
    places: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('unreleased' as const), session }),
  fc.record({ kind: fc.constant('end' as const), session }),
);

function apply(
  segments: SegmentTable,
  edits: SegmentEdits,
  model: Model,
  step: typeof anyStep extends fc.Arbitrary<infer S> ? S : never,
): void {
  const queue = model.queues.get(step.session)!;
  const last = model.last.get(step.session)!;
  edits.discardEdits();
  if (step.kind === 'insert') {
    const first = last + 1 + step.gap;
    const entries: SegmentEntry[] = step.bodies.map((shared, index) => {
      const body = Buffer.from(
        `\0\x01t${shared > 0 ? `shared ${shared}` : `own ${first + index}`}`,
      );
      if (shared > 0) segments.hold(shared, 1, body);
      queue.push({ seq: first + index, flags: 2, body: body.toString('latin1'), shared });
      const own = shared > 0 ? Buffer.alloc(0) : body;
      return { seq: first + index, flags: 2, at: 1000, shared, length: body.length, body: own };
    });
    model.last.set(step.session, first + entries.length - 1);
    segments.insert(step.session, first, encodeSegment(entries, first), step.steady);
  } else if (step.kind === 'drop') {
    for (const [place, more] of step.runs) {
      const first = 1 + Math.floor(place * last);
      edits.drop(step.session, first, first + more);
      const kept = queue.filter(({ seq }) => seq < first || seq > first + more);
      queue.splice(0, queue.length, ...kept);
    }
  } else if (step.kind === 'released') {
    for (const place of step.places) {
      const seq = 1 + Math.floor(place * last);
      edits.released(step.session, seq);
      for (const entry of queue) if (entry.seq === seq) entry.flags |= 16;
    }
  } else if (step.kind === 'unreleased') {
    edits.unreleased(step.session);
    for (const entry of queue) entry.flags &= ~16;
  } else {
    edits.dropSession(step.session);
    queue.length = 0;
  }
  edits.flushEdits();
}

test('queues do what plain lists do', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
      const db = referenceDatabase();
      const segments = new SegmentTable(db);
      const edits = new SegmentEdits(db);
      const model = new Model();
      for (const step of steps) apply(segments, edits, model, step);
      for (const [key, queue] of model.queues) {
        const found = [...segments.entries(key)].map(({ seq, flags, body }) => [
          seq,
          flags & ~32,
          body.toString('latin1'),
        ]);
        expect(found).toEqual(queue.map(({ seq, flags, body }) => [seq, flags, body]));
        expect(segments.count(key)).toBe(queue.length);
        for (let seq = 0; seq <= model.last.get(key)! + 1; seq += 7) {
          const [from] = segments.from(key, seq);
          const numbers = decodeSegment({ form: 0, ...(from ?? NONE) }, from?.first ?? 0).entries;
          const next = queue.find((entry) => entry.seq >= seq)?.seq;
          expect(numbers.find((entry) => entry.seq >= seq)?.seq).toBe(next);
        }
      }
      const refs = db.prepare('SELECT id, refs FROM message ORDER BY id').raw().all();
      expect(refs).toEqual([...model.refs].sort(([a], [b]) => a - b));
      // No session of theirs is known.
      expect(removeOrphans(db)).toBe([...model.queues.values()].flat().length);
      expect(db.prepare('SELECT count(*) FROM segment').pluck().get()).toBe(0);
      db.close();
    }),
    { numRuns: 200 },
  );
});
