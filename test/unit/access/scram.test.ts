import { describe, expect, test } from 'vitest';
import {
  readClientFirst,
  SCRAM_FORM,
  ScramError,
  ScramExchange,
  scramKeysOf,
} from '../../../src/access/scram.ts';

/** The example of [RFC 7677, section 3]. */
const RFC = {
  password: 'pencil',
  salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  serverFirst:
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};
const rfcKeys = () => scramKeysOf(RFC.password, RFC.salt, 4096);

async function exchange(clientFirst = RFC.clientFirst) {
  const first = readClientFirst(Buffer.from(clientFirst));
  return new ScramExchange(first, await rfcKeys(), RFC.serverNonce);
}

const verify = async (clientFinal: string, clientFirst?: string) =>
  (await exchange(clientFirst)).verify(Buffer.from(clientFinal))?.toString();

describe('SCRAM-SHA-256', () => {
  test('the example of RFC 7677', async () => {
    const scram = await exchange();
    expect(scram.challenge.toString()).toBe(RFC.serverFirst);
    expect(scram.verify(Buffer.from(RFC.clientFinal))?.toString()).toBe(RFC.serverFinal);
  });

  test('the keys of a password have the form of the access file, and another salt each time', async () => {
    const [one, other] = await Promise.all([scramKeysOf('pencil'), scramKeysOf('pencil')]);
    expect(one).toMatch(SCRAM_FORM);
    expect(one).not.toBe(other);
    // The form of PostgreSQL, here as its version 15 stores the password "pencil" with this salt.
    expect(await rfcKeys()).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
  });

  test.each([
    ['SCRAM-SHA-256$4095:W22ZaJ0SNY7soEsUEjb6gQ==', false],
    ['SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==', true],
    ['SCRAM-SHA-256$9999999:W22ZaJ0SNY7soEsUEjb6gQ==', true],
    ['SCRAM-SHA-256$10000000:W22ZaJ0SNY7soEsUEjb6gQ==', false],
    ['SCRAM-SHA-1$4096:W22ZaJ0SNY7soEsUEjb6gQ==', false],
  ])('keys that begin with %s are taken: %s', (head, taken) => {
    const key = 'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=';
    expect(SCRAM_FORM.test(`${head}$${key}:${key}`)).toBe(taken);
  });

  test('a wrong proof has no answer', async () => {
    expect(await verify(RFC.clientFinal.replace('p=dHz', 'p=eHz'))).toBeUndefined();
    const stored = await scramKeysOf('pencil2', RFC.salt, 4096);
    const scram = new ScramExchange(
      readClientFirst(Buffer.from(RFC.clientFirst)),
      stored,
      RFC.serverNonce,
    );
    expect(scram.verify(Buffer.from(RFC.clientFinal))).toBeUndefined();
  });

  test.each([
    ['another nonce', RFC.clientFinal.replace('r=rO', 'r=RO'), /nonce/],
    ['only its own nonce', RFC.clientFinal.replace(/r=[^,]*/, 'r=rOprNGfwEbeRWgbNEkqO'), /nonce/],
    ['the header of another message', RFC.clientFinal.replace('biws', 'eSws'), /channel binding/],
    ['no proof', RFC.clientFinal.replace(/,p=.*/, ''), /proof/],
    ['a short proof', RFC.clientFinal.replace('VQ=', 'V=='), /proof/],
    ['no nonce', RFC.clientFinal.replace(/,r=[^,]*/, ''), /nonce/],
    ['nothing', '', /channel binding/],
  ])('a final message with %s is no message of SCRAM', async (_name, message, reason) => {
    await expect(verify(message)).rejects.toThrow(reason);
    await expect(verify(message)).rejects.toThrow(ScramError);
  });

  test('an extension in the final message is ignored, and belongs to what is proved', async () => {
    const [head, proof] = RFC.clientFinal.split(',p=');
    expect(await verify(`${head},x=ext,p=${proof}`)).toBeUndefined();
  });

  test.each([
    ['n,,n=user,r=abc', 'user', 'abc'],
    ['y,,n=user,r=abc', 'user', 'abc'],
    ['n,a=user,n=user,r=abc', 'user', 'abc'],
    ['n,,n=a=2Cb=3Dc,r=abc', 'a,b=c', 'abc'],
    ['n,,n=Bedienfeld Süd,r=abc,x=ignored', 'Bedienfeld Süd', 'abc'],
  ])('%s has user and nonce', (message, user, nonce) => {
    expect(readClientFirst(Buffer.from(message))).toMatchObject({ user, nonce });
  });

  test.each([
    ['p=tls-exporter,,n=user,r=abc', /channel binding/],
    ['p=,,n=user,r=abc', /channel binding/],
    ['n,a=other,n=user,r=abc', /another user/],
    ['n,,m=mandatory,n=user,r=abc', /extension/],
    ['n,,n=,r=abc', /user name/],
    ['n,,n=a=2cb,r=abc', /user name/],
    ['n,,n=a=,r=abc', /user name/],
    ['n,,n=user,r=', /nonce/],
    ['n,,n=user,r=a b', /nonce/],
    ['n,,n=user', /nonce/],
    [`n,,n=user,r=${'a'.repeat(257)}`, /nonce/],
    ['n,n=user,r=abc', /SCRAM/],
    ['n,,r=abc,n=user', /user name/],
    ['', /SCRAM/],
    [`n,,n=user,r=abc,x=${'a'.repeat(2048)}`, /too long/],
  ])('%s is refused', (message, reason) => {
    expect(() => readClientFirst(Buffer.from(message))).toThrow(reason);
    expect(() => readClientFirst(Buffer.from(message))).toThrow(ScramError);
  });

  test('bytes that are no UTF-8 are refused', () => {
    expect(() => readClientFirst(Buffer.from('n,,n=\xff,r=abc', 'latin1'))).toThrow(/UTF-8/);
  });

  test('[RFC 4013] forms of one password that look the same have the same keys', async () => {
    const keys = (password: string) => scramKeysOf(password, RFC.salt, 4096);
    expect(await keys('I\u00adX')).toBe(await keys('IX'));
    expect(await keys('\u00aa')).toBe(await keys('a'));
    expect(await keys('\u2168')).toBe(await keys('IX'));
    expect(await keys('a\u00a0b')).toBe(await keys('a b'));
    expect(await keys('u\u0308')).toBe(await keys('\u00fc'));
    expect(await keys('USER')).not.toBe(await keys('user'));
  });
});
