import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import type { TlsConfig } from '../config/schema/listeners.ts';

export interface CertificateParts {
  readonly tls: Pick<TlsConfig, 'cert' | 'key' | 'ca'>;
  /** Milliseconds since 1970. */
  wall(): number;
  readonly log: Logger;
  /** Uses the new files for later connections; open connections stay open. */
  onChanged(context: SecureContextOptions): void;
}

/** How often the files are checked for changes. */
const POLL_MS = 2000;
const DAY_MS = 86_400_000;
const WARN_DAYS = 30;
/** TLS 1.3, and the suites of TLS 1.2 with forward secrecy. */
const CIPHERS =
  'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384:ECDHE+AESGCM:ECDHE+CHACHA20';

/** The certificate files of one server's `tls`; replaced files are used without a restart of the gateway. */
export class Certificates {
  readonly #parts: CertificateParts;
  #context: SecureContextOptions;
  /** When each certificate ends, by its file. */
  #ends: ReadonlyMap<string, number>;
  #trouble: string | undefined;
  /** The state of the files when they were read, and at the last poll. */
  #read: string;
  #seen: string;
  readonly #timer: NodeJS.Timeout;

  /** Throws when the files can't be used. */
  constructor(parts: CertificateParts) {
    this.#parts = parts;
    this.#read = this.#seen = fileStates(parts.tls);
    [this.#context, this.#ends] = read(parts.tls);
    this.#timer = setInterval(() => this.#poll(), POLL_MS).unref();
  }

  get context(): SecureContextOptions {
    return this.#context;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The problem of new files, or of a certificate that ends soon. */
  trouble(): string | undefined {
    if (this.#trouble !== undefined) return this.#trouble;
    for (const [file, end] of [...this.#ends].sort((one, other) => one[1] - other[1])) {
      const days = (end - this.#parts.wall()) / DAY_MS;
      if (days > WARN_DAYS) continue;
      const when = new Date(end).toISOString().slice(0, 10);
      const remedy = 'replace it; the gateway loads the new one without a restart';
      if (days < 0) return `the certificate ${file} ended on ${when}, clients refuse it: ${remedy}`;
      return `the certificate ${file} ends on ${when}, in ${Math.floor(days)} days: ${remedy}`;
    }
    return undefined;
  }

  /** Certificate and key are replaced one after the other, so they are read when nothing has changed since the poll before. */
  #poll(): void {
    const current = fileStates(this.#parts.tls);
    const unchanged = current === this.#seen;
    this.#seen = current;
    if (!unchanged || current === this.#read) return;
    this.#read = current;
    this.#readAgain();
  }

  #readAgain(): void {
    const { tls, log, onChanged } = this.#parts;
    try {
      [this.#context, this.#ends] = read(tls);
    } catch (error) {
      this.#trouble = `the files of ${tls.cert} have changed and can't be used, so the ones from before stay: ${(error as Error).message}`;
      log.error({ cert: tls.cert }, this.#trouble);
      return;
    }
    this.#trouble = undefined;
    onChanged(this.#context);
    log.info({ cert: tls.cert }, 'another certificate is in use');
  }
}

/** A text that changes when one of the files changes. */
function fileStates({ cert, key, ca }: CertificateParts['tls']): string {
  return [cert, key, ca ?? cert]
    .map((file) => {
      try {
        const { ino, mtimeMs, size } = statSync(file);
        return `${ino} ${mtimeMs} ${size}`;
      } catch (error) {
        return (error as Error).message;
      }
    })
    .join();
}

function read(tls: CertificateParts['tls']): [SecureContextOptions, ReadonlyMap<string, number>] {
  const ends = new Map<string, number>();
  const certificate = (file: string): Buffer => {
    const pem = readFileSync(file);
    ends.set(file, Date.parse(new X509Certificate(pem).validTo));
    return pem;
  };
  const context: SecureContextOptions = {
    cert: certificate(tls.cert),
    key: readFileSync(tls.key),
    ...(tls.ca === undefined ? {} : { ca: certificate(tls.ca) }),
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
  };
  // Throws if key and certificate don't belong together.
  createSecureContext(context);
  return [context, ends];
}
