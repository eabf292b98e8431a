import type { Logger } from 'pino';
import type { SupportBundle } from '../runtime/support-bundle.ts';
import { type Answer, textAnswer } from './answer.ts';
import type { ConfigRequest } from './config.ts';

export interface SupportParts {
  readonly support: Pick<SupportBundle, 'create'>;
  readonly log: Pick<Logger, 'info'>;
}

/** The support bundle as a file, for users with `config: write`; the log has who took it. */
export async function supportBundle(
  { support, log }: SupportParts,
  { method, author }: ConfigRequest,
): Promise<Answer> {
  if (method !== 'POST') return textAnswer(405, 'Only POST.', { allow: 'POST' });
  const bundle = await support.create();
  if (typeof bundle === 'string') return textAnswer(503, bundle);
  log.info({ ...author, bytes: bundle.bytes }, 'a support bundle was taken at the page');
  return {
    status: 200,
    type: 'application/gzip',
    body: bundle.stream,
    headers: {
      'content-length': String(bundle.bytes),
      'content-disposition': 'attachment; filename="cellgate-support.tar.gz"',
      'cache-control': 'no-store',
    },
  };
}
