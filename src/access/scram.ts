import { isUtf8 } from 'node:buffer';
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * The form of a stored password for SCRAM: iterations, salt, StoredKey and ServerKey [RFC 5802, section 3], as PostgreSQL
 * stores them. At least 4096 iterations [RFC 7677, section 4].
 */
export const SCRAM_FORM: RegExp =
  /^SCRAM-SHA-256\$(?:409[6-9]|4[1-9]\d\d|[5-9]\d{3}|[1-9]\d{4,6}):[A-Za-z0-9+/]{16,88}={0,2}\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/;

/** The client computes them at each login: some 10 ms on a PC, a second on a small controller. */
export const ITERATIONS = 15_000;
export const SALT_BYTES = 16;
export const KEY_BYTES = 32;
/** Bytes of a message, and of the nonce in it. */
const MESSAGE_BYTES = 2048;
const NONCE_BYTES = 256;
/** Any printable ASCII but the comma. */
const NONCE = /^[\x21-\x2b\x2d-\x7e]+$/;
const PROOF = /^[A-Za-z0-9+/]{43}=$/;

/** A message that is not one of SCRAM, or asks for what the gateway does not have. */
export class ScramError extends Error {}

/** The keys of a password, in the form of the access file. */
export async function scramKeysOf(
  password: string,
  salt: Buffer = randomBytes(SALT_BYTES),
  iterations: number = ITERATIONS,
): Promise<string> {
  const salted = await new Promise<Buffer>((resolve, reject) => {
    pbkdf2(prepared(password), salt, iterations, KEY_BYTES, 'sha256', (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
  const storedKey = sha256(hmac(salted, 'Client Key'));
  return formatKeys(iterations, salt, storedKey, hmac(salted, 'Server Key'));
}

export function formatKeys(
  iterations: number,
  salt: Buffer,
  storedKey: Buffer,
  serverKey: Buffer,
): string {
  const [salt64, stored64, server64] = [salt, storedKey, serverKey].map((each) =>
    each.toString('base64'),
  );
  return `SCRAM-SHA-256$${iterations}:${salt64}$${stored64}:${server64}`;
}

interface Keys {
  readonly iterations: string;
  readonly salt: string;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** `stored` has the form of the access file. */
export function parseKeys(stored: string): Keys {
  const [, cost, keys] = stored.split('$');
  const [iterations, salt] = cost!.split(':');
  const [storedKey, serverKey] = keys!.split(':').map((each) => Buffer.from(each, 'base64'));
  return { iterations: iterations!, salt: salt!, storedKey: storedKey!, serverKey: serverKey! };
}

/** The client-first-message [RFC 5802, section 7]. */
export interface ClientFirst {
  readonly user: string;
  readonly nonce: string;
  /** The GS2 header, and what comes after it. */
  readonly header: string;
  readonly bare: string;
}

/** Throws a ScramError. Channel binding is refused: the gateway has only the mechanism without it [RFC 5802, section 6]. */
export function readClientFirst(message: Buffer): ClientFirst {
  const text = textOf(message);
  if (text.startsWith('p=')) throw new ScramError('it asks for channel binding, use SCRAM-SHA-256');
  const [, header, authzid, bare] = /^([ny],(?:a=([^,]*))?,)(.*)$/s.exec(text) ?? [];
  if (header === undefined || bare === undefined) throw new ScramError('not a message of SCRAM');
  if (bare.startsWith('m=')) throw new ScramError('it asks for an extension of SCRAM');
  const [name, nonce] = bare.split(',');
  const user = decodeName(attributeOf('n', name));
  if (user === undefined) throw new ScramError('no valid user name');
  if (authzid && decodeName(authzid) !== user) throw new ScramError('it asks for another user');
  return { user, nonce: decodeNonce(attributeOf('r', nonce)), header, bare };
}

/** The server's side of one login: `stored` are the user's keys, `serverNonce` must be new for each. */
export class ScramExchange {
  /** The server-first-message. */
  readonly challenge: Buffer;
  readonly #first: ClientFirst;
  readonly #keys: Keys;
  readonly #nonce: string;

  constructor(
    first: ClientFirst,
    stored: string,
    serverNonce: string = randomBytes(18).toString('base64'),
  ) {
    this.#first = first;
    this.#keys = parseKeys(stored);
    this.#nonce = first.nonce + serverNonce;
    const { salt, iterations } = this.#keys;
    this.challenge = Buffer.from(`r=${this.#nonce},s=${salt},i=${iterations}`);
  }

  /** Gives the server-final-message for a client-final-message with the right proof; undefined for a wrong one. Throws a ScramError. */
  verify(message: Buffer): Buffer | undefined {
    const text = textOf(message);
    const { header, bare } = this.#first;
    const [binding, nonce] = text.split(',');
    if (attributeOf('c', binding) !== Buffer.from(header).toString('base64')) {
      throw new ScramError('the channel binding is not that of its first message');
    }
    if (attributeOf('r', nonce) !== this.#nonce)
      throw new ScramError('not the nonce of the server');
    const proofAt = text.lastIndexOf(',p=');
    const proof64 = proofAt < 0 ? '' : text.slice(proofAt + 3);
    if (!PROOF.test(proof64)) throw new ScramError('no valid proof');
    const { storedKey, serverKey } = this.#keys;
    const authMessage = [bare, this.challenge, text.slice(0, proofAt)].join(',');
    const signature = hmac(storedKey, authMessage);
    const clientKey = Buffer.from(proof64, 'base64').map((byte, i) => byte ^ signature[i]!);
    if (!timingSafeEqual(sha256(clientKey), storedKey)) return undefined;
    return Buffer.from(`v=${hmac(serverKey, authMessage).toString('base64')}`);
  }
}

function textOf(message: Buffer): string {
  if (message.length > MESSAGE_BYTES) throw new ScramError('its message is too long');
  if (!isUtf8(message)) throw new ScramError('its message is not UTF-8');
  return message.toString('utf8');
}

function attributeOf(name: string, attribute = ''): string | undefined {
  return attribute.startsWith(`${name}=`) ? attribute.slice(2) : undefined;
}

/** In a name "=2C" is a comma and "=3D" an equals sign; undefined if it has another one or is empty. */
function decodeName(encoded = ''): string | undefined {
  if (encoded === '' || /=(?!2C|3D)/.test(encoded)) return undefined;
  return encoded.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

function decodeNonce(nonce = ''): string {
  if (nonce.length <= NONCE_BYTES && NONCE.test(nonce)) return nonce;
  throw new ScramError('no valid nonce');
}

/** Spaces other than that of ASCII [RFC 3454, table C.1.2], and characters that are left out [table B.1]. */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g;
const NOTHING = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g;

/** The password as clients prepare it before they hash it: SASLprep [RFC 4013, sections 2.1 and 2.2]. */
function prepared(password: string): string {
  return password.replace(SPACES, ' ').replace(NOTHING, '').normalize('NFKC');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
