import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { type Answer, textAnswer, zip } from './answer.ts';

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
  /** Made at the first request. */
  zipped?: Promise<Buffer>;
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
    if (type) files.set(`/${name}`, { type, bytes: readFileSync(join(folder, name)) });
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
      const zipped = (): Promise<Buffer> => {
        file.zipped ??= zip(body, { level: 9 });
        return file.zipped;
      };
      return { status: 200, type, body, headers: { 'cache-control': lasting }, zipped };
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
