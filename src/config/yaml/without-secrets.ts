import { parseDocument, stringify } from 'yaml';

const REMOVED = '(removed)';
/** Keys whose values may be secret. */
const SECRET = /pass|secret|token|credential|private|psk/i;
/** Where a secret is, which is none itself. */
const PLACE = /^(credential|file|env):/;

/**
 * The text of a config for other people: values of keys that may be secret and user names in addresses are replaced, and
 * comments, which may have old passwords, are left out. Throws an Error where the text is no YAML.
 */
export function withoutSecrets(text: string): string {
  const document = parseDocument(text, { logLevel: 'silent' });
  const [error] = document.errors;
  if (error) throw new Error(`the config is no YAML: ${error.code}`);
  return stringify(cleaned('', document.toJS({ maxAliasCount: 100 })));
}

/** Whether the value of this key, and all below it, may be secret. */
export function mayBeSecret(key: string): boolean {
  return SECRET.test(key);
}

/** Whether a value says where a secret is, and is none itself. */
export function isPlace(value: string): boolean {
  return PLACE.test(value);
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
  return typeof value === 'string' ? value.replace(/(\w+:\/\/)[^/@\s]*@/g, `$1${REMOVED}@`) : value;
}
