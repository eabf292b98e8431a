/** A connection whose reading is interrupted. */
export interface TurnReader {
  pauseReading(reason: 'turn'): void;
  /** Reads what it has kept, then its socket. */
  continueReading(): void;
}

/** Milliseconds of one turn of the event loop in which packets are taken; the turn's other work comes on top. */
const BUDGET_MS = 5;

/**
 * Shares the turns of the event loop between all connections: once the packets of a turn have taken their time, those
 * that have more wait for the next one, in the order in which they were interrupted.
 */
export class ReadTurns {
  readonly #now: () => number;
  #began = 0;
  #scheduled = false;
  #waiting: TurnReader[] = [];

  /** `now` in milliseconds on the monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether the time of this turn is used up: the connection stops reading and calls `wait`. */
  get isOver(): boolean {
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#began = this.#now();
      setImmediate(this.#next);
      return false;
    }
    return this.#now() - this.#began >= BUDGET_MS;
  }

  /** The connection continues in another turn. */
  wait(reader: TurnReader): void {
    this.#waiting.push(reader);
  }

  readonly #next = (): void => {
    this.#scheduled = false;
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    let continued = 0;
    while (continued < waiting.length && !this.isOver) waiting[continued++]!.continueReading();
    // Those that are interrupted again come behind those that have not had their turn.
    if (continued < waiting.length) this.#waiting = [...waiting.slice(continued), ...this.#waiting];
  };
}

/** Packets of one connection between two checks whether the turn is over; a long one counts for several. */
const CHECK_PACKETS = 32;
const CHECK_BYTES = 2048;

/** Interrupts the reading of one connection when the turn is over. */
export class ReadShare {
  readonly #readTurns: ReadTurns;
  readonly #reader: TurnReader;
  /** Packets until the next check. */
  #unchecked = CHECK_PACKETS;
  #waiting = false;

  constructor(readTurns: ReadTurns, reader: TurnReader) {
    this.#readTurns = readTurns;
    this.#reader = reader;
  }

  /** A packet of so many bytes was taken. */
  took(bytes: number): void {
    this.#unchecked -= 1 + Math.floor(bytes / CHECK_BYTES);
    if (this.#unchecked <= 0) this.check();
  }

  check(): void {
    this.#unchecked = CHECK_PACKETS;
    if (!this.#readTurns.isOver || this.#waiting) return;
    this.#waiting = true;
    this.#reader.pauseReading('turn');
    this.#readTurns.wait(this.#reader);
  }

  /** The connection has its turn. */
  continued(): void {
    this.#waiting = false;
  }
}
