const listeners = new Set<() => void>();

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const listener of listeners) listener();
});

/** Calls back when the colours change, until the returned function is called: a canvas is to be drawn again. */
export function onColourScheme(changed: () => void): () => void {
  listeners.add(changed);
  return () => listeners.delete(changed);
}
