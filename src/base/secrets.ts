const SECRET =
  /pass(word|phrase|code)?$|secret|token|credential|authorization|(^|_|-|private|api)key$/i;

/** Whether a key names a secret, whose value must never be printed. */
export function isSecretKey(key: string): boolean {
  return SECRET.test(key);
}

/** The text without what a URL in it says about user and password, and without the values of its query. */
export function maskUrls(text: string): string {
  return text.replaceAll(/:\/\/.*@/gs, '://***@').replaceAll(/(:\/\/[^\s?]*\?)[^\s"']+/g, '$1***');
}

/** Whether a URL has a user, a password or another secret in it. */
export function hasSecret(url: string): boolean {
  const query = url.split('?')[1] ?? '';
  return url.includes('@') || query.split('&').some((one) => isSecretKey(one.split('=')[0] ?? ''));
}
