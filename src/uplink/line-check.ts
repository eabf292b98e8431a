import type { Clock } from '../base/clock.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { LineWatch } from './line-watch.ts';
import type { PlantConnection } from './plant-client.ts';
import type { Sender } from './sender.ts';

export interface LineCheckParts {
  readonly plant: Pick<PlantConnection, 'received' | 'progress' | 'isDown' | 'giveUp'>;
  readonly sender: Pick<Sender, 'flight' | 'pump'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly config: Pick<UplinkConfig, 'keepalive'>;
}

/** How often `check` is to be called. */
export const CHECK_MS = 1000;
/** The shortest time without an answer after which the gateway closes a connection. */
export const SHORTEST_TIMEOUT_MS = 5000;

/** Looks whether bytes move on one connection, and ends it when the plant does not answer. */
export class LineCheck {
  readonly #parts: LineCheckParts;
  readonly #watch: LineWatch;

  constructor(parts: LineCheckParts) {
    this.#parts = parts;
    this.#watch = new LineWatch(parts.clock.monotonic());
  }

  /** How long the plant has taken no bytes, in milliseconds. */
  get undeliveredMs(): number {
    return this.#watch.undeliveredMs(this.#parts.clock.monotonic());
  }

  /** Ends a connection on which the plant answers pings but acknowledges nothing. */
  async check(): Promise<void> {
    const { plant, sender, config, clock } = this.#parts;
    const { flight } = sender;
    this.#watch.received(plant.received, clock.monotonic());
    sender.pump();
    if (flight.unacknowledgedMs < CHECK_MS) return;
    const progress = await plant.progress();
    if (plant.isDown) return;
    const now = clock.monotonic();
    this.#watch.delivered(progress, now);
    flight.observe(this.#watch.rate(now), this.#watch.isEmpty);
    const timeoutMs = Math.max(SHORTEST_TIMEOUT_MS, config.keepalive * 2);
    const overdue = flight.overdue(timeoutMs);
    // A large message on a slow line is still on its way while the plant takes its bytes.
    const isMoving = this.#watch.undeliveredMs(now) < timeoutMs + flight.slackMs;
    if (overdue === 0 || isMoving) return;
    plant.giveUp(`has acknowledged none of ${overdue} messages for ${timeoutMs / 1000} s`);
  }

  /** A ping was not answered. It waits behind a large message: the plant is silent only if no bytes move either. */
  silent(): void {
    if (!this.#isMoving(this.#parts.config.keepalive)) this.#parts.plant.giveUp();
  }

  /** Whether what is sent is still behind a large message, of which bytes have moved in the last `withinMs`. */
  isBehind(withinMs: number): boolean {
    return this.#parts.sender.flight.overdue(withinMs) > 0 && this.#isMoving(withinMs);
  }

  /** Whether bytes have moved in the last `withinMs`, or may still move unseen. */
  #isMoving(withinMs: number): boolean {
    const { clock, sender } = this.#parts;
    return this.#watch.silentMs(clock.monotonic()) < withinMs + sender.flight.slackMs;
  }
}
