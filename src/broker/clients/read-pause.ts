import type { PacketReader } from '../../mqtt/packet-reader.ts';
import type { Transport } from '../../net/transport.ts';
import type { PauseReason } from '../messages/client.ts';
import type { MemoryBudget } from '../messages/memory-budget.ts';
import type { Session } from '../messages/session.ts';

/**
 * Bytes that are kept of a publisher that waits for subscribers, so that its acknowledgements can be read ahead; fewer
 * where all connections together keep much.
 */
const HELD_BYTES = 256 * 1024;
const HELD_BYTES_OF_MANY = 16 * 1024;

/** Why one connection is not read. Packets that arrive meanwhile are kept by its packet reader. */
export class ReadPause {
  readonly #transport: Pick<Transport, 'pause' | 'resume'>;
  readonly #packets: PacketReader;
  readonly #memory: MemoryBudget;
  readonly #reasons = new Set<PauseReason>();
  #isTransportPaused = false;
  readonly #client: { readonly session: Session | undefined };
  /** The transport has ended: there is no reason to pause any more. */
  #ended = false;

  constructor(
    transport: Pick<Transport, 'pause' | 'resume'>,
    packets: PacketReader,
    memory: MemoryBudget,
    client: { readonly session: Session | undefined },
  ) {
    this.#transport = transport;
    this.#packets = packets;
    this.#memory = memory;
    this.#client = client;
  }

  get isPaused(): boolean {
    return this.#reasons.size > 0;
  }

  /** Whether it is paused for longer than until its next turn: that a packet has no end is not the client's doing then. */
  get isHeld(): boolean {
    return this.#reasons.size > (this.#reasons.has('turn') ? 1 : 0);
  }

  /** Whether there is another reason than an unanswered CONNECT. */
  get isPausedAfterConnect(): boolean {
    return this.#reasons.size > (this.#reasons.has('connect') ? 1 : 0);
  }

  has(reason: PauseReason): boolean {
    return this.#reasons.has(reason);
  }

  add(reason: PauseReason): void {
    if (this.#ended && reason !== 'turn' && reason !== 'connect') return;
    this.#packets.pause();
    this.#reasons.add(reason);
    this.apply();
  }

  /** Returns whether this was the last reason. */
  remove(reason: PauseReason): boolean {
    if (!this.#reasons.delete(reason)) return false;
    if (this.#reasons.size === 0) return true;
    this.apply();
    return false;
  }

  /** Nothing more can arrive; what is kept is read in turns, from CONNACK on, and not paused for another reason. */
  end(): void {
    this.#ended = true;
    const waitsForTurn = this.#reasons.has('turn');
    this.#reasons.clear();
    if (waitsForTurn) this.#reasons.add('turn');
  }

  /**
   * Pauses or resumes the transport. While only subscribers are far behind, a bounded number of bytes is still read of
   * a client that may have messages to acknowledge.
   */
  apply(): void {
    if (this.#ended) return;
    const isOnlyHeld = this.#reasons.size === 1 && this.#reasons.has('subscribers');
    const mostBytes = this.#memory.isShortOfUnfinished ? HELD_BYTES_OF_MANY : HELD_BYTES;
    const isPaused =
      isOnlyHeld && this.#mayAcknowledge ? this.#packets.keptBytes >= mostBytes : this.isPaused;
    if (isPaused === this.#isTransportPaused) return;
    this.#isTransportPaused = isPaused;
    if (isPaused) this.#transport.pause();
    else this.#transport.resume();
  }

  get #mayAcknowledge(): boolean {
    const { session } = this.#client;
    return session !== undefined && (session.subscriptions.size > 0 || session.inflight > 0);
  }
}
