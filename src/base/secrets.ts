const SECRET =
  /pass(word|phrase|code)?$|secret|token|credential|authorization|(^|_|-|private|api)key$/i;

/** Whether a key names a secret, whose value must never be printed. */
export function isSecretKey(key: string): boolean {
  return SECRET.test(key);
}
