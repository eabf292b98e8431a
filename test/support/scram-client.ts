import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest();

/** The client's side of one login with SCRAM-SHA-256, written from RFC 5802 and RFC 7677. */
export class ScramClient {
  readonly #password: string;
  readonly #header: string;
  readonly #bare: string;
  readonly nonce: string = randomBytes(12).toString('base64');
  #serverSignature: string | undefined;

  /** `header` is the GS2 header. */
  constructor(user: string, password: string, header = 'n,,') {
    this.#password = password;
    this.#header = header;
    const name = user.replaceAll('=', '=3D').replaceAll(',', '=2C');
    this.#bare = `n=${name},r=${this.nonce}`;
  }

  get first(): Buffer {
    return Buffer.from(this.#header + this.#bare);
  }

  /** The answer to a challenge; throws if that is not one for this login. */
  final(challenge: Buffer): Buffer {
    const { nonce, salt, iterations } = readChallenge(challenge);
    if (!nonce.startsWith(this.nonce) || nonce === this.nonce) throw new Error('not our nonce');
    const salted = pbkdf2Sync(this.#password, salt, iterations, 32, 'sha256');
    const clientKey = hmac(salted, 'Client Key');
    const binding = Buffer.from(this.#header).toString('base64');
    const withoutProof = `c=${binding},r=${nonce}`;
    const auth = `${this.#bare},${challenge.toString()},${withoutProof}`;
    const signature = hmac(sha256(clientKey), auth);
    const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!));
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), auth).toString('base64');
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  /** Whether the last message proves that the server knows the password too. */
  isProved(last: unknown): boolean {
    return String(last) === `v=${this.#serverSignature}`;
  }
}

/** A server-first-message; throws if it is none. */
export function readChallenge(challenge: Buffer): {
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
} {
  const found = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge.toString());
  if (!found) throw new Error(`not a challenge: ${challenge.toString()}`);
  const [, nonce, salt, iterations] = found;
  return { nonce: nonce!, salt: Buffer.from(salt!, 'base64'), iterations: Number(iterations) };
}
