import type { TurnBudget } from '../../base/turn-budget.ts';

/** A connection whose reading is interrupted. */
export interface TurnReader {
  pauseReading(reason: 'turn'): void;
  /** Reads what it has kept, then its socket. */
  continueReading(): void;
}

/** Packets of one connection between two checks whether the turn is over; a long one counts for several. */
const CHECK_PACKETS = 32;
const CHECK_BYTES = 2048;

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

  /** A packet of so many bytes was taken. */
  took(bytes: number): void {
    this.#unchecked -= 1 + Math.floor(bytes / CHECK_BYTES);
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
