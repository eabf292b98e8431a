import type { Socket } from 'node:net';

/** What a disk does with the requests of a machine; the protocol knows no more of it. */
export interface BlockDevice {
  readonly bytes: number;
  read(offset: number, length: number): Buffer;
  write(offset: number, data: Buffer): void;
  /** Resolves when all that was written before is safe. */
  flush(): Promise<void>;
}

const OPTION_MAGIC = Buffer.from('IHAVEOPT');
const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const REPLY_MAGIC = 0x67446698;
const OPTION = { exportName: 1, abort: 2, info: 6, go: 7 };
const REPLY = { ack: 1, info: 3, unsupported: 0x80000001 };
const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3 };
/** NBD_FLAG_HAS_FLAGS and NBD_FLAG_SEND_FLUSH: what a write cache needs, and nothing else. */
const EXPORT_FLAGS = 0b101;
/** NBD_EINVAL. */
const INVALID = 22;

/**
 * Serves one client of the Network Block Device protocol (fixed newstyle, simple replies) until it goes; what it had
 * sent before is carried out. https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
 */
export async function serveNbd(socket: Socket, device: BlockDevice): Promise<void> {
  const take = reader(socket);
  try {
    if (await negotiate(socket, take, device.bytes)) await transmit(socket, take, device);
  } catch (error) {
    if (!(error instanceof ClientGone)) throw error;
  } finally {
    socket.destroy();
  }
}

class ClientGone extends Error {}

type Take = (length: number) => Promise<Buffer>;

/** Exactly so many bytes; throws `ClientGone` when that many don't come any more. */
function reader(socket: Socket): Take {
  let read: Buffer = Buffer.alloc(0);
  let more: Buffer[] = [];
  let waiting = 0;
  let ended = false;
  let wake = (): void => undefined;
  socket.on('data', (chunk: Buffer) => {
    more.push(chunk);
    waiting += chunk.length;
    wake();
  });
  for (const event of ['end', 'close', 'error']) {
    socket.once(event, () => {
      ended = true;
      wake();
    });
  }
  return async (length) => {
    while (read.length + waiting < length) {
      if (ended) throw new ClientGone();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (read.length < length) {
      read = Buffer.concat([read, ...more]);
      [more, waiting] = [[], 0];
    }
    const bytes = read.subarray(0, length);
    read = read.subarray(length);
    return bytes;
  };
}

/** The handshake; false when the client did not want more. */
async function negotiate(socket: Socket, take: Take, bytes: number): Promise<boolean> {
  // Fixed newstyle without the zeroes.
  socket.write(Buffer.concat([Buffer.from('NBDMAGIC'), OPTION_MAGIC, Buffer.from([0, 3])]));
  await take(4);
  const size = Buffer.alloc(10);
  size.writeBigUInt64BE(BigInt(bytes));
  size.writeUInt16BE(EXPORT_FLAGS, 8);
  for (;;) {
    const header = await take(16);
    const option = header.readUInt32BE(8);
    await take(header.readUInt32BE(12));
    const reply = (type: number, data = Buffer.alloc(0)): void => {
      const head = Buffer.alloc(20);
      head.writeBigUInt64BE(OPTION_REPLY_MAGIC);
      head.writeUInt32BE(option, 8);
      head.writeUInt32BE(type, 12);
      head.writeUInt32BE(data.length, 16);
      socket.write(Buffer.concat([head, data]));
    };
    switch (option) {
      case OPTION.exportName:
        socket.write(size);
        return true;
      case OPTION.go:
      case OPTION.info:
        reply(REPLY.info, Buffer.concat([Buffer.from([0, 0]), size]));
        reply(REPLY.ack);
        if (option === OPTION.go) return true;
        break;
      case OPTION.abort:
        reply(REPLY.ack);
        return false;
      default:
        reply(REPLY.unsupported);
    }
  }
}

/** Carries out requests; they are answered as they are done, which may be in another order. */
async function transmit(socket: Socket, take: Take, device: BlockDevice): Promise<void> {
  for (;;) {
    const header = await take(28);
    if (header.readUInt32BE(0) !== REQUEST_MAGIC) throw new Error('no request of NBD');
    const handle = Buffer.from(header.subarray(8, 16));
    const offset = Number(header.readBigUInt64BE(16));
    const length = header.readUInt32BE(24);
    const answer = (error: number, data: Buffer = Buffer.alloc(0)): void => {
      const head = Buffer.alloc(16);
      head.writeUInt32BE(REPLY_MAGIC);
      head.writeUInt32BE(error, 4);
      handle.copy(head, 8);
      if (!socket.destroyed) socket.write(Buffer.concat([head, data]));
    };
    switch (header.readUInt16BE(6)) {
      case COMMAND.read:
        answer(0, device.read(offset, length));
        break;
      case COMMAND.write:
        device.write(offset, await take(length));
        answer(0);
        break;
      case COMMAND.flush:
        void device.flush().then(() => answer(0));
        break;
      case COMMAND.disconnect:
        return;
      default:
        answer(INVALID);
    }
  }
}
