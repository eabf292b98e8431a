import { expect, test } from 'vitest';
import { referenceDatabase } from '../../../../src/store/database/migrations.ts';
import {
  asLoss,
  describeLoss,
  LOSS_KEY,
  LOSS_OWNER,
  recordLoss,
} from '../../../../src/store/recovery/loss.ts';

const AT = Date.UTC(2026, 0, 2, 3, 4, 5);

test('losses add up until one is acknowledged; the damaged file stays known', () => {
  const db = referenceDatabase();
  const stored = () =>
    asLoss(
      JSON.parse(
        db
          .prepare('SELECT value FROM state WHERE owner = ? AND key = ?')
          .pluck()
          .get(LOSS_OWNER, LOSS_KEY) as string,
      ),
    );
  recordLoss(db, { at: 1, aside: 'one', messages: 5, places: 2 });
  expect(stored()).toEqual({ at: 1, aside: 'one', messages: 5, places: 2 });
  recordLoss(db, { at: 2, aside: undefined, messages: 3, places: 1 });
  expect(stored()).toEqual({ at: 2, aside: 'one', messages: 8, places: 3 });
  recordLoss(db, { at: 3, aside: 'two', messages: 0, places: 0 });
  expect(stored()).toEqual({ at: 3, aside: 'two', messages: 8, places: 3 });
  // Acknowledged.
  db.prepare(`UPDATE state SET value = 'null'`).run();
  recordLoss(db, { at: 4, aside: undefined, messages: 1, places: 0 });
  expect(stored()).toEqual({ at: 4, messages: 1, places: 0 });
  db.close();
});

test.each([null, 5, 'text', {}, { at: 1, messages: 1 }, { at: 1, messages: '1', places: 0 }])(
  'no loss: %j',
  (value) => expect(asLoss(value)).toBeUndefined(),
);

test('a loss is a sentence with its day, its messages, its places and the file', () => {
  const loss = { at: AT, aside: 'cellgate.db.damaged-1', messages: 7, places: 2 };
  expect(describeLoss(loss)).toBe(
    'the database was found damaged at 2026-01-02 03:04 UTC: at least 7 messages are lost, and what was in 2 unreadable places; the damaged file is cellgate.db.damaged-1; "cellgate acknowledge" ends this trouble',
  );
  expect(describeLoss({ ...loss, aside: undefined, places: 0 })).toBe(
    'the database was found damaged at 2026-01-02 03:04 UTC: at least 7 messages are lost; "cellgate acknowledge" ends this trouble',
  );
});
