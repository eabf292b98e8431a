import { scryptSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { hashPassword, PASSWORD_FORM, PasswordVerifier } from '../../../src/access/passwords.ts';

const PASSWORD = Buffer.from('hmi-secret');

/** A stored password that is quick to compare: the cost is a part of it. */
function quickHash(password: Buffer): string {
  const salt = Buffer.alloc(16, 1);
  const hash = scryptSync(password, salt, 32, { N: 2 ** 10, r: 1, p: 1 });
  return `scrypt$10$1$1$${salt.toString('base64')}$${hash.toString('base64')}`;
}

test('of a hundred passwords at the same moment 66 are compared, the others are not, and later ones are', async () => {
  const verifier = new PasswordVerifier();
  const stored = quickHash(PASSWORD);
  expect(stored).toMatch(PASSWORD_FORM);
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => verifier.isRight(Buffer.from(`wrong ${i}`), stored)),
  );
  expect(answers).toEqual([
    ...Array.from({ length: 66 }, () => false),
    ...Array.from({ length: 34 }, () => undefined),
  ]);
  expect(await verifier.isRight(PASSWORD, stored)).toBe(true);
});

test('a password that was right is not compared again, a wrong one and that of an unknown user are', async () => {
  const verifier = new PasswordVerifier();
  const stored = quickHash(PASSWORD);
  expect(await verifier.isRight(PASSWORD, stored)).toBe(true);
  const busy = Array.from({ length: 66 }, () => verifier.isRight(Buffer.from('wrong'), stored));
  expect(await verifier.isRight(PASSWORD, stored)).toBe(true);
  expect(await verifier.isRight(PASSWORD, undefined)).toBe(undefined);
  await Promise.all(busy);
  expect(await verifier.isRight(PASSWORD, undefined)).toBe(false);
});

test('the same password is stored in another way each time, and each of them is right', async () => {
  const [one, other] = [await hashPassword('hmi-secret'), await hashPassword('hmi-secret')];
  expect(one).not.toBe(other);
  const verifier = new PasswordVerifier();
  for (const stored of [one, other]) {
    expect(await verifier.isRight(PASSWORD, stored)).toBe(true);
    expect(await verifier.isRight(Buffer.from('hmi-secre'), stored)).toBe(false);
  }
});
