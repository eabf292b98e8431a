import { parentPort, workerData } from 'node:worker_threads';
import { bytesWrittenByThread } from '../../base/thread-writes.ts';
import { ArchiveFile, type ArchiveSeries, type Minute, type Range } from './archive-file.ts';

// The thread of the long histories: neither a slow card nor a long chart holds up the gateway.

export type ArchiveRequest =
  | {
      readonly kind: 'append';
      readonly start: number;
      readonly minutes: readonly Minute[];
      readonly mostBytes: number;
    }
  | { readonly kind: 'read'; readonly range: Range }
  | { readonly kind: 'close' };

export type ArchiveReply =
  | {
      readonly kind: 'done';
      /** Where a damaged file was set aside. */
      readonly aside?: string | undefined;
      /** Bytes that the thread has written since it began. */
      readonly written: number;
    }
  | { readonly kind: 'series'; readonly series: ArchiveSeries }
  | { readonly kind: 'failed'; readonly message: string };

const { file } = workerData as { readonly file: string };
let open: ArchiveFile | undefined;
let aside: string | undefined;

/** A disk that was full or away is tried again with each request. */
function archive(): ArchiveFile {
  if (open) return open;
  const opened = ArchiveFile.open(file, Date.now());
  open = opened.archive;
  aside = opened.aside;
  return open;
}

function answer(request: ArchiveRequest): ArchiveReply {
  switch (request.kind) {
    case 'append':
      archive().append(request.start, request.minutes, request.mostBytes);
      break;
    case 'read':
      return { kind: 'series', series: archive().read(request.range) };
    case 'close':
      open?.close();
      open = undefined;
      return { kind: 'done', written: bytesWrittenByThread() };
  }
  const reply = { kind: 'done', aside, written: bytesWrittenByThread() } as const;
  aside = undefined;
  return reply;
}

parentPort!.on('message', (request: ArchiveRequest) => {
  try {
    parentPort!.postMessage(answer(request));
  } catch (error) {
    // Opened again with the next request: damage is found then, and the file set aside.
    open?.close();
    open = undefined;
    parentPort!.postMessage({ kind: 'failed', message: (error as Error).message });
  }
});
