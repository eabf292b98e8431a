import type { Socket } from 'node:net';
import type { Chip } from './chips/chip.ts';

const EREMOTEIO = 121;
const READ = 1;

/** The chips on the machine's I2C bus, played in this process. */
export interface Player {
  /** What answers, by address; a chip taken out is unplugged. */
  readonly chips: Map<number, Chip>;
  /** While it is true, the clock is held low: no transfer ends by itself. */
  stuck: boolean;
  /** Addresses whose transfers are held as if the bus were stuck. */
  readonly stretching: Set<number>;
  /** Transfers by address since it was set up. */
  readonly transfers: Map<number, number>;
}

interface Message {
  readonly address: number;
  readonly flags: number;
  readonly length: number;
  readonly write: Uint8Array;
}

/** Plays what comes over the socket as frames of `i2c-player.c`. */
export function createPlayer(socket: Socket): Player {
  const player: Player = {
    chips: new Map(),
    stuck: false,
    stretching: new Set(),
    transfers: new Map(),
  };
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 12 && pending.length >= pending.readUInt32LE(0)) {
      const frame = pending.subarray(0, pending.readUInt32LE(0));
      pending = pending.subarray(frame.length);
      const answer = answerTo(player, frame);
      if (answer) socket.write(answer);
    }
  });
  return player;
}

function answerTo(player: Player, frame: Buffer): Buffer | undefined {
  const messages = messagesOf(frame);
  const [first] = messages;
  if (first) player.transfers.set(first.address, (player.transfers.get(first.address) ?? 0) + 1);
  if (player.stuck || messages.some(({ address }) => player.stretching.has(address)))
    return undefined;
  const read: Uint8Array[] = [];
  let result = 0;
  for (const message of messages) {
    const bytes = carriedOut(player, message);
    if (bytes === undefined) {
      result = -EREMOTEIO;
      break;
    }
    read.push(bytes);
  }
  const head = Buffer.alloc(12);
  const body = result < 0 ? Buffer.alloc(0) : Buffer.concat(read);
  head.writeUInt32LE(12 + body.length, 0);
  frame.copy(head, 4, 4, 8);
  head.writeInt32LE(result, 8);
  return Buffer.concat([head, body]);
}

function messagesOf(frame: Buffer): Message[] {
  let at = 12;
  return Array.from({ length: frame.readUInt16LE(8) }, () => {
    const flags = frame.readUInt16LE(at + 2);
    const length = frame.readUInt16LE(at + 4);
    const written = flags & READ ? 0 : length;
    const write = Uint8Array.from(frame.subarray(at + 8, at + 8 + written));
    const message = { address: frame.readUInt16LE(at), flags, length, write };
    at += 8 + written;
    return message;
  });
}

/** What a message reads; nothing for one that writes, undefined where nobody acknowledges it. */
function carriedOut(
  { chips }: Player,
  { address, flags, length, write }: Message,
): Uint8Array | undefined {
  const behind = [...chips.values()].map((chip) => chip.behind?.().get(address));
  const chip = chips.get(address) ?? behind.find((one) => one !== undefined);
  if (chip === undefined) return undefined;
  if (flags & READ) return chip.read(length);
  return chip.write(write) ? new Uint8Array() : undefined;
}
