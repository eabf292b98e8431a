/**
 * What has come of a client and when: whether it is silent, and whether one packet takes too long. All times are in
 * milliseconds; `now` is the monotonic clock.
 */
export class SignsOfLife {
  /** Silence after which the client is taken for lost; 0 for no limit. */
  silenceLimitMs: number;
  readonly #now: () => number;
  #activeAt: number;
  /** When the packet or frame began whose end has not come. */
  #beganAt: number;
  /** Bytes of an unfinished frame, when they were last counted. */
  #framedBytes = 0;
  /** Bytes below TLS, when they were last counted. */
  #encryptedBytes = 0;

  constructor(now: () => number, connectTimeoutMs: number) {
    this.#now = now;
    this.silenceLimitMs = connectTimeoutMs;
    this.#activeAt = now();
    this.#beganAt = this.#activeAt;
  }

  /** When the last bytes came; before CONNECT, when the connection began. */
  get activeAt(): number {
    return this.#activeAt;
  }

  get silent(): boolean {
    return this.silenceLimitMs > 0 && this.#now() - this.#activeAt > this.silenceLimitMs;
  }

  /**
   * Bytes came. A large packet on a slow link is a sign of life before its end [MQTT-3.1.2-24]; only CONNECT must come
   * in its time. `continues` where all of them belong to a packet that had begun before.
   */
  received(connected: boolean, continues: boolean): void {
    const now = this.#now();
    if (connected) this.#activeAt = now;
    if (!continues) this.#beganAt = now;
  }

  /** The client is read again: its times begin from here. */
  restart(): void {
    this.#activeAt = this.#now();
    this.#beganAt = this.#activeAt;
  }

  /** Counts the bytes of an unfinished frame, which come as a chunk only when the frame ends. */
  countFramed(bytes: number, connected: boolean, unfinishedPacket: boolean): void {
    if (bytes === this.#framedBytes) return;
    if (this.#framedBytes === 0 && !unfinishedPacket) this.#beganAt = this.#now();
    if (connected && bytes > this.#framedBytes) this.#activeAt = this.#now();
    this.#framedBytes = bytes;
  }

  /** Counts the bytes that have come below TLS, which come as a chunk only when their record ends: up to 16 KiB. */
  countEncrypted(bytes: number, connected: boolean): void {
    if (connected && bytes > this.#encryptedBytes) this.#activeAt = this.#now();
    this.#encryptedBytes = bytes;
  }

  /** Whether one packet or frame has been on its way for longer than that. */
  isSlow(unfinishedPacket: boolean, limitMs: number): boolean {
    const unfinished = unfinishedPacket || this.#framedBytes > 0;
    return unfinished && this.#now() - this.#beganAt > limitMs;
  }
}
