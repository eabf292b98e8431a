import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { type ConfigOption, configFile } from './config-file.ts';
import { EXIT, type Io } from './io.ts';

/** What `tls` can make. */
export type TlsAction = 'init' | 'server' | 'client';

export interface TlsOption extends ConfigOption {
  /** The folder of the authority; without it `tls` beside the config. */
  readonly dir?: string | undefined;
  /** Names and addresses by which clients reach the gateway. */
  readonly name?: readonly string[] | undefined;
  /** How long a new certificate is valid. */
  readonly days: string;
}

/** A certificate to be signed by the authority, or the authority itself, which signs its own. */
interface Order {
  /** Name of the two files, and common name. */
  readonly file: string;
  readonly commonName: string;
  readonly extensions: readonly string[];
}

const AUTHORITY: Order = {
  file: 'ca',
  commonName: 'cellgate authority',
  extensions: [
    'basicConstraints=critical,CA:TRUE,pathlen:0',
    'keyUsage=critical,keyCertSign,cRLSign',
  ],
};
const LEAF = ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature'];
const CLIENT_NAME = /^[A-Za-z0-9._-]{1,64}$/;
const SERVER_NAME = /^[A-Za-z0-9.:_-]{1,253}$/;

/**
 * `tls init`: a small certificate authority and the gateway's certificate; `tls server`: a new one of the latter;
 * `tls client NAME`: one for a client, whose name is the user in the access file. 0 when done, 1 with a sentence when not.
 */
export async function tls(
  action: TlsAction,
  client: string | undefined,
  options: TlsOption,
  io: Io,
): Promise<number> {
  const config = path.resolve(io.cwd, configFile(options, io.env));
  const folder = path.resolve(io.cwd, options.dir ?? path.join(path.dirname(config), 'tls'));
  const days = Number(options.days);
  const names = [...new Set(options.name ?? ownNames())];
  const fail = (sentence: string, code: number = EXIT.trouble): number => {
    io.stderr.write(`cellgate: ${sentence}\n`);
    return code;
  };
  if (!Number.isInteger(days) || days < 1 || days > 36_500) {
    return fail('--days: a whole number from 1 to 36500', EXIT.usage);
  }
  const wrong = names.find((name) => !SERVER_NAME.test(name));
  if (wrong !== undefined) {
    return fail(`--name ${wrong}: a host name or an address such as 192.168.1.20`, EXIT.usage);
  }
  if (action === 'client' && !CLIENT_NAME.test(client ?? '')) {
    return fail('expected a client name of 1 to 64 letters, digits, dots, - or _', EXIT.usage);
  }
  if (client === 'ca' || client === 'gateway') return fail(`${client}: this name is reserved`);
  const hasAuthority = await exists(path.join(folder, 'ca.key'));
  if (action === 'init' && hasAuthority) {
    return fail(
      `${folder} has a certificate authority already: "cellgate tls server" renews the gateway's certificate, "cellgate tls client NAME" makes one for a client`,
    );
  }
  if (action !== 'init' && !hasAuthority) {
    return fail(
      `${folder} has no certificate authority, expected ca.key in it: run "cellgate tls init" first`,
    );
  }
  const made = async (order: Order): Promise<string> => {
    await make(order, folder, days, config);
    return path.join(folder, `${order.file}.crt`);
  };
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    if (action === 'init') await made(AUTHORITY);
    if (action === 'client') {
      const file = await made(clientOrder(client!));
      io.stdout.write(
        `${file} and its .key are for ${client}: copy them there with ca.crt, then delete the key here\n`,
      );
      return EXIT.ok;
    }
    await made(serverOrder(names));
  } catch (error) {
    return fail((error as Error).message);
  }
  io.stdout.write(
    action === 'init' ? explained(folder, config, names) : `renewed for ${names.join(', ')}\n`,
  );
  return EXIT.ok;
}

function serverOrder(names: readonly string[]): Order {
  const alternatives = names.map((name) => (isAddress(name) ? `IP:${name}` : `DNS:${name}`));
  return {
    file: 'gateway',
    commonName: names[0]!.slice(0, 64),
    extensions: [
      ...LEAF,
      'extendedKeyUsage=serverAuth',
      `subjectAltName=${alternatives.join(',')}`,
    ],
  };
}

function clientOrder(name: string): Order {
  return { file: name, commonName: name, extensions: [...LEAF, 'extendedKeyUsage=clientAuth'] };
}

function isAddress(name: string): boolean {
  return name.includes(':') || /^\d+(\.\d+){3}$/.test(name);
}

/** How this machine is reached: by its name, over mDNS, by its addresses. */
function ownNames(): string[] {
  const addresses = Object.values(networkInterfaces())
    .flat()
    .map((one) => one?.address ?? '')
    .filter((address) => address !== '' && !address.includes('%') && !/^fe80:/i.test(address));
  const name = hostname();
  return [name, ...(name.includes('.') ? [] : [`${name}.local`]), 'localhost', ...addresses];
}

/** Makes key and certificate apart and then puts both in their places. */
async function make(order: Order, folder: string, days: number, config: string): Promise<void> {
  const { file, commonName, extensions } = order;
  const work = await mkdtemp(path.join(folder, '.new-'));
  const [settings, key, certificate] = ['conf', 'key', 'crt'].map((name) => path.join(work, name));
  const signer =
    order === AUTHORITY
      ? []
      : ['-CA', path.join(folder, 'ca.crt'), '-CAkey', path.join(folder, 'ca.key')];
  try {
    await writeFile(
      settings!,
      `[req]\ndistinguished_name=name\nx509_extensions=ours\n[name]\n[ours]\n${extensions.join('\n')}\n`,
    );
    await openssl([
      ...['req', '-x509', '-config', settings!, '-newkey', 'ec', '-sha256', '-nodes'],
      ...['-pkeyopt', 'ec_paramgen_curve:P-256', '-keyout', key!, '-out', certificate!],
      ...['-subj', `/CN=${commonName}`, '-days', String(days), ...signer],
    ]);
    // The gateway's user reads its own key as it reads the config; the key of the authority is for its owner alone.
    await chmod(key!, order === AUTHORITY ? 0o600 : 0o640);
    await chmod(certificate!, 0o644);
    const owner = order === AUTHORITY ? undefined : await stat(config).catch(() => undefined);
    if (owner && process.getuid?.() === 0) await chown(key!, owner.uid, owner.gid);
    await rename(key!, path.join(folder, `${file}.key`));
    await rename(certificate!, path.join(folder, `${file}.crt`));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function openssl(words: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('openssl', [...words], { timeout: 60_000 });
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    const why = code === 'ENOENT' ? 'it is not installed: apt install openssl' : stderr?.trim();
    throw new Error(`openssl could not make the certificate: ${why}`, { cause: error });
  }
}

function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

function explained(folder: string, config: string, names: readonly string[]): string {
  const from = path.relative(path.dirname(config), folder) || '.';
  return `the certificate authority and the gateway's certificate are in ${folder}, for ${names.join(', ')}

In ${config}:
  listeners:
    - host: 0.0.0.0
      port: 8883
      tls: { cert: ${from}/gateway.crt, key: ${from}/gateway.key, ca: ${from}/ca.crt, clientCert: optional }

Clients trust ${folder}/ca.crt:
  mosquitto_sub -h ${names[0]} -p 8883 --cafile ca.crt -u USER -P PASSWORD -t '#' -v
"cellgate tls client NAME" makes a certificate with which a client needs no password.
Keep ca.key safe: with it anyone can make certificates that the gateway accepts. Best store it away from the gateway.
`;
}
