import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Reads the secret at `credential:NAME` (systemd), `file:PATH` or `env:NAME`; throws an Error that says why it can't. */
export function readSecret(
  place: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const colon = place.indexOf(':');
  const [kind, name] = [place.slice(0, colon), place.slice(colon + 1)];
  if (kind === 'env') {
    const value = env[name];
    if (value === undefined) throw new Error(`the environment variable ${name} is not set`);
    return value;
  }
  if (kind === 'credential' && !env.CREDENTIALS_DIRECTORY) {
    throw new Error(
      `the credential ${name} is not there: systemd gives it by LoadCredential=${name}:FILE`,
    );
  }
  const file = kind === 'file' ? name : path.join(env.CREDENTIALS_DIRECTORY ?? '', name);
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new Error(`the password in ${file} can't be read (${code})`, { cause });
  }
}
