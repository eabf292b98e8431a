import { expect, test } from 'vitest';
import { referenceDatabase } from '../../../../src/store/database/migrations.ts';
import { salvage } from '../../../../src/store/recovery/salvage.ts';

test('a session of an older version, found in a page whose tree is lost, has no owner yet', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec('DROP TABLE session');
  const found = salvage(from, to, () => [
    { rowid: 7, values: [null, 'older', 1000, 3] },
    { rowid: 8, values: [null, 'newer', 2000, 4, 'hmi'] },
    { rowid: 9, values: [null, 'of another table', 1] },
  ]);
  expect(found).toMatchObject({ sessions: 2, unreadable: 1 });
  expect(to.prepare('SELECT * FROM session ORDER BY key').all()).toEqual([
    { key: 7, client_id: 'older', seen: 1000, sent: 3, owner: '' },
    { key: 8, client_id: 'newer', seen: 2000, sent: 4, owner: 'hmi' },
  ]);
});
