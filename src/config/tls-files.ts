import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import type { Finding, Path } from './problem.ts';
import type { TlsConfig } from './schema.ts';
import { describeFileError } from './text-file.ts';

/** Far more than a certificate chain; a path that leads to a database must not fill the memory. */
const LIMIT_BYTES = 256 * 1024;
const READ_OR_WRITE_BY_OTHERS = 0o006;

/** What is wrong with the files that a listener's `tls` names; their paths are absolute. */
export async function tlsFileChecks(tls: TlsConfig, path: Path): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const report = (key: string, message: string): void => {
    findings.push({ path: [...path, key], at: 'value', message });
  };
  const cert = await readPem(tls.cert, certificateOf, (message) => report('cert', message));
  const key = await readPem(tls.key, keyOf, (message) => report('key', message));
  const mode = await stat(tls.key).then(
    ({ mode }) => mode & 0o777,
    () => 0,
  );
  if (key && mode & READ_OR_WRITE_BY_OTHERS) {
    const remedy = `expected 640 or stricter: chmod 640 ${tls.key}`;
    report('key', `every user can use ${tls.key} (mode ${mode.toString(8)}), ${remedy}`);
  }
  if (tls.ca !== undefined) {
    await readPem(tls.ca, certificateOf, (message) => report('ca', message));
  }
  if (cert && key && !cert.checkPrivateKey(key)) {
    report(
      'key',
      `${tls.key} is not the private key of ${tls.cert}, expected the two to belong together`,
    );
  }
  return findings;
}

async function readPem<Parsed>(
  file: string,
  parse: (pem: string) => Parsed | string,
  report: (message: string) => void,
): Promise<Parsed | undefined> {
  let pem: string;
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(LIMIT_BYTES));
      pem = buffer.toString('latin1', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    report(`${file}: ${describeFileError(error)}, expected a PEM file`);
    return undefined;
  }
  const parsed = parse(pem);
  if (typeof parsed !== 'string') return parsed;
  report(`${file} holds ${parsed}`);
  return undefined;
}

function certificateOf(pem: string): X509Certificate | string {
  try {
    return new X509Certificate(pem);
  } catch {
    return `${pem.includes('PRIVATE KEY') ? 'a private key' : 'no certificate'}, expected a certificate in PEM form`;
  }
}

function keyOf(pem: string): KeyObject | string {
  if (/ENCRYPTED/.test(pem)) {
    return 'a key with a passphrase, expected one without: the gateway starts unattended';
  }
  try {
    return createPrivateKey(pem);
  } catch {
    return `${pem.includes('CERTIFICATE') ? 'a certificate' : 'no private key'}, expected a private key in PEM form`;
  }
}
