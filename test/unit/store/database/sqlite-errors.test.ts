import { expect, test } from 'vitest';
import { openMemory } from '../../../../src/store/database/sqlite.ts';
import {
  errorCode,
  isBusy,
  isDamage,
  isFull,
  isReadOnly,
  isTransient,
  isWriteFailure,
} from '../../../../src/store/database/sqlite-errors.ts';

const PREDICATES = {
  isFull,
  isBusy,
  isReadOnly,
  isDamage,
  isWriteFailure,
  isTransient,
};

test.each([
  ['SQLITE_FULL', ['isFull', 'isWriteFailure', 'isTransient']],
  ['SQLITE_BUSY', ['isBusy', 'isTransient']],
  ['SQLITE_LOCKED', ['isTransient']],
  ['SQLITE_NOMEM', ['isTransient']],
  ['SQLITE_PROTOCOL', ['isTransient']],
  ['SQLITE_AUTH', ['isTransient']],
  ['SQLITE_READONLY_DBMOVED', ['isReadOnly', 'isWriteFailure', 'isTransient']],
  ['SQLITE_CANTOPEN', ['isWriteFailure', 'isTransient']],
  ['SQLITE_PERM', ['isWriteFailure', 'isTransient']],
  ['SQLITE_IOERR_FSYNC', ['isWriteFailure', 'isTransient']],
  ['SQLITE_IOERR_READ', ['isDamage', 'isWriteFailure', 'isTransient']],
  ['SQLITE_IOERR_SHORT_READ', ['isDamage', 'isWriteFailure', 'isTransient']],
  ['SQLITE_CORRUPT', ['isDamage']],
  ['SQLITE_NOTADB', ['isDamage']],
  ['SQLITE_ERROR', []],
  ['SQLITE_CONSTRAINT_PRIMARYKEY', []],
  ['EROFS', ['isWriteFailure']],
  ['ENOSPC', ['isWriteFailure']],
  ['EDQUOT', ['isWriteFailure']],
  ['EACCES', []],
  ['', []],
])('what %j means', (code, expected) => {
  const found = Object.entries(PREDICATES).filter(([, holds]) => holds(code));
  expect(found.map(([name]) => name)).toEqual(expected);
});

test('the code of an error is read, whatever was thrown', () => {
  const db = openMemory();
  let thrown: unknown;
  try {
    db.exec('no statement');
  } catch (error) {
    thrown = error;
  }
  db.close();
  expect(errorCode(thrown)).toBe('SQLITE_ERROR');
  for (const none of [undefined, null, 'text', new Error('plain'), { code: 5 }]) {
    expect(errorCode(none)).toBe('');
  }
});
