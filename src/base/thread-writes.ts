import { readFileSync } from 'node:fs';

/** Bytes that the calling thread has written: with write(2), or the pages of them where the kernel counts these. */
export function bytesWrittenByThread(): number {
  const io = readFileSync('/proc/thread-self/io', 'utf8');
  const counts = ['wchar', 'write_bytes'].map((name) =>
    Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)?.[1] ?? 0),
  );
  return Math.max(...counts);
}
