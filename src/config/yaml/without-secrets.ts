import { parseDocument, stringify } from 'yaml';
import { isSecretKey, maskUrls } from '../../base/secrets.ts';

const REMOVED = '(removed)';
/** Keys whose values may be secret. */
const SECRET = /pass|secret|token|credential|private|psk/i;
/** Where a secret is, which is none itself. */
const PLACE = /^(credential|file|env):/;
/** A user and a password in an address: up to the last `@` of a word or of a text in JSON. */
const LOGIN = /(\w+:\/\/)(?:\\.|[^\s"\\])*@/g;
/** The query of an address, which may have a token. */
const QUERY = /(\w+:\/\/[^\s?]*\?)[^\s"']+/g;
/** A key or a certificate in the text itself, and a stored password. */
const PEM = /-----BEGIN [\s\S]*?(-----END [^-]*-----|$)/g;
const HASH = /scrypt\$\d+\$\d+\$\d+\$[\w+/=$]+/g;
/** A shorter text would also be found where it is no secret. */
const LEAST = 4;

/**
 * The text of a config for other people: values of keys that may be secret and user names in addresses are replaced, and
 * comments, which may have old passwords, are left out. Throws an Error where the text is no YAML.
 */
export function withoutSecrets(text: string): string {
  return stringify(cleaned('', parsed(text)));
}

function parsed(text: string): unknown {
  const document = parseDocument(text, { logLevel: 'silent' });
  const [error] = document.errors;
  if (error) throw new Error(`the config is no YAML: ${error.code}`);
  return document.toJS({ maxAliasCount: 100 });
}

/** Whether the value of this key, and all below it, may be secret. */
export function mayBeSecret(key: string): boolean {
  // A key of TLS is the name of a file.
  return SECRET.test(key) || (key !== 'key' && isSecretKey(key));
}

/** Whether a value says where a secret is, and is none itself. */
export function isPlace(value: string): boolean {
  return PLACE.test(value);
}

/** A text without addresses' logins and queries, keys and hashes. */
export function withoutKeys(text: string): string {
  return text
    .replaceAll(PEM, REMOVED)
    .replaceAll(HASH, REMOVED)
    .replaceAll(LOGIN, `$1${REMOVED}@`)
    .replaceAll(QUERY, `$1${REMOVED}`);
}

/** A text without these secrets, also as JSON has them; those of less than four characters are left in it. */
export function withoutValues(text: string, secrets: Iterable<string>): string {
  let cleanedText = text;
  // A secret may be a part of another one.
  const sorted = [...secrets].sort((a, b) => b.length - a.length);
  for (const secret of sorted) {
    if (secret.length < LEAST) continue;
    for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) {
      cleanedText = cleanedText.replaceAll(form, REMOVED);
    }
  }
  return cleanedText;
}

/** The keys of the first level of a config, whatever their values are. Throws an Error where it is no YAML. */
export function valuesIn(text: string): Readonly<Record<string, unknown>> {
  const values = parsed(text);
  return typeof values === 'object' && values !== null ? { ...values } : {};
}

/** The secrets that a config has as values, and the places (`env:NAME`) that it names; none where it is no YAML. */
export function secretsIn(text: string): {
  readonly values: readonly string[];
  readonly places: readonly string[];
} {
  const document = parseDocument(text, { logLevel: 'silent' });
  const found = { values: new Set<string>(), places: new Set<string>() };
  if (document.errors.length === 0) collect('', document.toJS({ maxAliasCount: 100 }), found);
  return { values: [...found.values], places: [...found.places] };
}

function collect(
  key: string,
  value: unknown,
  found: { readonly values: Set<string>; readonly places: Set<string> },
): void {
  if (typeof value === 'object' && value !== null) {
    const isList = Array.isArray(value);
    for (const [name, one] of Object.entries(value)) {
      collect(isList || mayBeSecret(key) ? key : name, one, found);
    }
  } else if (mayBeSecret(key) && value !== null && typeof value !== 'boolean') {
    const text = String(value);
    found[isPlace(text) ? 'places' : 'values'].add(text);
  }
}

function cleaned(key: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => cleaned(key, one));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [
        name,
        // All below a key that may be secret may be secret.
        cleaned(mayBeSecret(key) ? key : name, one),
      ]),
    );
  }
  if (value === null || typeof value === 'boolean') return value;
  if (mayBeSecret(key) && !isPlace(String(value))) return REMOVED;
  return typeof value === 'string' ? withoutKeys(maskUrls(value)) : value;
}
