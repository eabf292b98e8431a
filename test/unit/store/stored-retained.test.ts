import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RetainedSnapshot } from '../../../src/store/recovery/retained-snapshot.ts';
import { StoredRetainedMessages } from '../../../src/store/stored-retained.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** Retained messages whose reading fails with this code; gives what the next start is asked for. */
function failed(code: string) {
  const file = join(tempFolder(), 'cellgate.db');
  const fatal: string[] = [];
  let closed = 0;
  const snapshot = {
    count: 1,
    take: () => {
      throw Object.assign(new Error('made to fail'), { code });
    },
    close: () => void closed++,
  } as unknown as RetainedSnapshot;
  const onFatal = ({ message }: Error): void => void fatal.push(message);
  const stored = new StoredRetainedMessages({
    ...{ snapshot, file, log: createQuietLog().log, onFatal },
    onUnfit: () => fatal.push('unfit'),
  });
  expect(stored.take(1)).toBeUndefined();
  const marker = `${file}.suspect`;
  return { fatal, closed, asked: existsSync(marker) ? readFileSync(marker, 'utf8') : undefined };
}

test.each(['SQLITE_CORRUPT', 'SQLITE_NOTADB', ''])(
  'if the data can not be read (%s), the gateway ends and the next start recovers them',
  (code) => {
    const { fatal, closed, asked } = failed(code);
    expect([fatal.length, closed]).toEqual([1, 1]);
    expect(asked).toBe("its retained messages can't be read: made to fail");
  },
);

test.each(['SQLITE_BUSY', 'SQLITE_NOMEM', 'SQLITE_IOERR_LOCK'])(
  'an error that says nothing about the data (%s) sets no database aside',
  (code) => {
    const { fatal, asked } = failed(code);
    expect([fatal.length, asked]).toEqual([1, '']);
  },
);
