import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSecret } from '../../../src/uplink/secret.ts';
import { tempFolder } from '../../support/temp-folder.ts';

function fileOf(text: string): { folder: string; file: string } {
  const folder = tempFolder();
  const file = join(folder, 'plant');
  writeFileSync(file, text);
  return { folder, file };
}

test('of a variable, with every character', () => {
  expect(readSecret('env:PLANT', { PLANT: ' a:b\n' })).toBe(' a:b\n');
  expect(readSecret('env:PLANT', { PLANT: '' })).toBe('');
});

test.each([
  ['without an end of line', 'se cret', 'se cret'],
  ['with one', 'secret\n', 'secret'],
  ['with one of Windows', 'secret\r\n', 'secret'],
  ['with two, of which the first belongs to it', 'secret\n\n', 'secret\n'],
])('of a file %s', (_, text, secret) => {
  expect(readSecret(`file:${fileOf(text).file}`, {})).toBe(secret);
});

test('of a credential of systemd', () => {
  const { folder } = fileOf('secret\n');
  expect(readSecret('credential:plant', { CREDENTIALS_DIRECTORY: folder })).toBe('secret');
});

describe('an error says where it was looked for', () => {
  test('a variable', () => {
    expect(() => readSecret('env:PLANT', {})).toThrow('the environment variable PLANT is not set');
  });

  test('a credential of which there is no folder', () => {
    expect(() => readSecret('credential:plant', {})).toThrow(
      'the credential plant is not there: systemd gives it by LoadCredential=plant:FILE',
    );
  });

  test('a file, with the cause', () => {
    const folder = tempFolder();
    const error = (() => {
      try {
        return readSecret('credential:none', { CREDENTIALS_DIRECTORY: folder });
      } catch (cause) {
        return cause as Error;
      }
    })();
    expect(error).toMatchObject({
      message: `the password in ${join(folder, 'none')} can't be read (ENOENT)`,
      cause: { code: 'ENOENT' },
    });
  });
});
