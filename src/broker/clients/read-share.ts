import type { TurnBudget } from '../../base/turn-budget.ts';
import { PUBACK, PUBCOMP, PUBREC } from '../../mqtt/codec.ts';

/** A connection whose reading is interrupted. */
export interface TurnReader {
  pauseReading(reason: 'turn'): void;
  /** Reads what it has kept, then its socket. */
  continueReading(): void;
}

/** Packets of one connection between two checks whether the turn is over; a long one counts for several. */
const CHECK_PACKETS = 32;
const CHECK_BYTES = 2048;
/** Bit set of the types of packets that end the delivery of a message. */
const ACKNOWLEDGEMENTS = (1 << PUBACK) | (1 << PUBREC) | (1 << PUBCOMP);
/**
 * So many acknowledgements count as one packet. Each makes room for a message: if they waited behind the packets of
 * publishers, queues would grow.
 */
const ONE_PACKET = 64;

function isAcknowledgement(header: number): boolean {
  return ((ACKNOWLEDGEMENTS >> (header >> 4)) & 1) === 1;
}

/** Interrupts the reading of one connection when the turn is over. */
export class ReadShare {
  readonly #turnBudget: TurnBudget;
  readonly #reader: TurnReader;
  /** Packets until the next check. */
  #unchecked = CHECK_PACKETS;
  #waiting = false;

  constructor(turnBudget: TurnBudget, reader: TurnReader) {
    this.#turnBudget = turnBudget;
    this.#reader = reader;
  }

  /** A chunk has come that begins with this byte. */
  begin(header: number): void {
    if (!isAcknowledgement(header)) this.check();
  }

  /** A packet of so many bytes with this first byte was taken. */
  took(header: number, bytes: number): void {
    const packets = isAcknowledgement(header)
      ? 1 / ONE_PACKET
      : 1 + Math.floor(bytes / CHECK_BYTES);
    this.#unchecked -= packets;
    if (this.#unchecked <= 0) this.check();
  }

  /** A message went to so many subscribers, which is work as of several packets. */
  delivered(subscribers: number): void {
    this.#unchecked -= subscribers >> 2;
  }

  check(): void {
    this.#unchecked = CHECK_PACKETS;
    if (!this.#turnBudget.isOver || this.#waiting) return;
    this.#waiting = true;
    this.#reader.pauseReading('turn');
    this.#turnBudget.later(this.#continue);
  }

  readonly #continue = (): void => {
    this.#waiting = false;
    this.#reader.continueReading();
  };
}
