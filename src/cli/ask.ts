import { type AdminRequest, askGateway } from '../runtime/admin-socket.ts';
import type { Io } from './io.ts';

const CLEAR_LINE = '\r\x1b[K';

/**
 * Sends a request to the gateway of a data folder; undefined if none runs. A terminal shows the progress of what takes
 * longer than half a second.
 */
export async function ask(folder: string, request: AdminRequest, io: Io): Promise<unknown> {
  let shown = false;
  const show = (sentence: string): void => {
    if (io.stderr.isTTY !== true) return;
    shown = true;
    io.stderr.write(`${CLEAR_LINE}${sentence || 'the gateway is working'} …`);
  };
  try {
    return await askGateway(folder, request, undefined, show);
  } finally {
    if (shown) io.stderr.write(CLEAR_LINE);
  }
}
