/**
 * Packet identifiers that the plant says it has already [MQTT 5, reason code 0x91 in PUBREC]. It has this message if it
 * was sent before; otherwise it has another one, which was sent elsewhere after the connection was lost, and the
 * identifier must be released first.
 */
export class IdentifiersInUse {
  /** Identifiers of messages in flight that were sent for the first time. */
  readonly #first = new Set<number>();
  /** Identifiers in flight that are being released for another message. */
  readonly #releasing = new Set<number>();

  /** A message is sent; `repeated` if it was sent before. */
  sent(packetId: number, repeated: boolean): void {
    if (repeated) this.#first.delete(packetId);
    else this.#first.add(packetId);
  }

  /** The plant has the identifier already: whether for another message. */
  isOther(packetId: number): boolean {
    if (!this.#first.has(packetId)) return false;
    this.#releasing.add(packetId);
    return true;
  }

  /** PUBCOMP: whether the message must be sent now, because the identifier was released for it. */
  released(packetId: number): boolean {
    return this.#releasing.delete(packetId);
  }

  clear(): void {
    this.#first.clear();
    this.#releasing.clear();
  }
}
