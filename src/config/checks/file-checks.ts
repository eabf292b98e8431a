import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { access, constants, open, stat } from 'node:fs/promises';
import type { Finding, Path } from '../yaml/problem.ts';
import { parseSource } from '../yaml/source.ts';
import { describeFileError, readText } from '../yaml/text-file.ts';

/** Far more than a certificate chain. A large file named by mistake must not fill the memory. */
const LIMIT_BYTES = 256 * 1024;
const READ_OR_WRITE_BY_OTHERS = 0o006;
const ANY_BY_OTHERS = 0o007;

/** The files of a `tls` section; their paths are absolute. */
export interface TlsFiles {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

/** The problems of the files that a `tls` section names. */
export async function tlsFileChecks(tls: TlsFiles, path: Path): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const report = (key: string, message: string): void => {
    findings.push({ path: [...path, key], at: 'value', message });
  };
  const read = async <Parsed>(
    name: keyof TlsFiles,
    parse: (pem: string) => Parsed | string,
  ): Promise<Parsed | undefined> => {
    const file = tls[name];
    if (file === undefined) return undefined;
    const expected = path[0] === 'uplinks' ? UPLINK_FILES[name] : OWN_FILE;
    return readPem(file, expected, parse, (message) => report(name, message));
  };
  const cert = await read('cert', certificateOf);
  const key = await read('key', keyOf);
  const mode = tls.key === undefined ? 0 : await modeOf(tls.key);
  if (key && mode & READ_OR_WRITE_BY_OTHERS) {
    const remedy = `expected 640 or stricter: chmod 640 ${tls.key}`;
    report('key', `every user can use ${tls.key} (mode ${mode.toString(8)}), ${remedy}`);
  }
  await read('ca', certificateOf);
  if (cert && key && !cert.checkPrivateKey(key)) {
    report(
      'key',
      `${tls.key} is not the private key of ${tls.cert}, expected the two to belong together`,
    );
  }
  return findings;
}

/** The problems of the file of a password such as `file:/etc/cellgate/plant.password`. */
export async function passwordFileChecks(
  password: string,
  path: Path,
): Promise<readonly Finding[]> {
  if (!password.startsWith('file:')) return [];
  const file = password.slice('file:'.length);
  const expected =
    'a file with the password in one line, that only the gateway can read (mode 640)';
  const message = await access(file, constants.R_OK).then(
    () => undefined,
    (error: unknown) => unreadable(file, error, expected),
  );
  if (message !== undefined) return [{ path, at: 'value', message }];
  const mode = await modeOf(file);
  if ((mode & READ_OR_WRITE_BY_OTHERS) === 0) return [];
  const open = `every user can use ${file} (mode ${mode.toString(8)}), expected 640 or stricter: chmod 640 ${file}`;
  return [{ path, at: 'value', message: open }];
}

/** What is wrong with the mode of a data folder that other users may look into; undefined if they may not. */
export async function dataFolderMode(
  folder: string,
): Promise<{ readonly found: string; readonly remedy: string } | undefined> {
  const mode = await modeOf(folder);
  if ((mode & ANY_BY_OTHERS) === 0) return undefined;
  return {
    found: `every user can look into ${folder} (mode ${mode.toString(8)}), and it has the messages of the cell`,
    remedy: `chmod 750 ${folder}`,
  };
}

/** The filters of all rules of an access file that let clients read; none if it can't be read. */
export async function readableFilters(file: string): Promise<readonly string[]> {
  const read = await readText(file);
  const source = 'text' in read ? parseSource(read.text) : undefined;
  if (!source || 'problems' in source) return [];
  const filters: string[] = [];
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { topic, allow } = value as { readonly topic?: unknown; readonly allow?: unknown };
    if (typeof topic === 'string' && allow !== 'write') filters.push(topic);
    for (const one of Object.values(value)) collect(one);
  };
  collect(source.value);
  return filters;
}

/** The permission bits; 0 when the file can't be read. */
function modeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ mode }) => mode & 0o777,
    () => 0,
  );
}

const OWN_FILE =
  'a PEM file: "cellgate tls init" makes tls/gateway.crt, tls/gateway.key and tls/ca.crt beside the config';
const UPLINK_FILES = {
  ca: "the certificate of the authority that signed the plant's, in PEM form: ask the plant for it",
  cert: 'the certificate that the plant made for this gateway, in PEM form',
  key: 'the private key of cert, in PEM form',
} as const;

/** Why a file can't be read, and what is expected in its place, or the rights to read it. */
function unreadable(file: string, error: unknown, expected: string): string {
  const reason = describeFileError(error);
  const remedy = reason.startsWith('not allowed')
    ? `rights for the user of the gateway: chgrp cellgate ${file} && chmod 640 ${file}`
    : expected;
  return `${file}: ${reason}, expected ${remedy}`;
}

async function readPem<Parsed>(
  file: string,
  expected: string,
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
    report(unreadable(file, error, expected));
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
