import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { type Answer, compressWell, type Encoding, textAnswer } from './answer.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};
/** Their names change with their content. */
const LASTING = /^\/assets\//;

interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
  /** Each made at the first request for it. */
  readonly compressed: Map<Encoding, Promise<Buffer>>;
}

/** The built page, all of it in memory: no path of a request ever reaches the file system. */
export interface PageFiles {
  /** Undefined if there is no such file. */
  answer(path: string): Answer | undefined;
}

/** Reads the folder of the built page; without it, the page reports that. */
export function readPageFiles(folder: string): PageFiles {
  const files = new Map<string, PageFile>();
  for (const name of listed(folder)) {
    const type = TYPES[extname(name)];
    if (!type) continue;
    const bytes = readFileSync(join(folder, name));
    files.set(`/${name}`, { type, bytes, compressed: new Map() });
  }
  return {
    answer(path) {
      const name = path === '/' ? '/index.html' : path;
      const file = files.get(name);
      if (!file) {
        return path === '/' ? textAnswer(404, 'The page is not built: npm run build') : undefined;
      }
      const lasting = LASTING.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache';
      const { type, bytes: body } = file;
      const compressed = (encoding: Encoding): Promise<Buffer> => {
        const made = file.compressed.get(encoding) ?? compressWell(body, encoding);
        file.compressed.set(encoding, made);
        return made;
      };
      return { status: 200, type, body, headers: { 'cache-control': lasting }, compressed };
    },
  };
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
}
