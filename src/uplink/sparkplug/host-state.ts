/** What STATE says about the primary host on one connection [Sparkplug 3.0, section 5.7]. */
export class HostState {
  isOnline = false;
  #timestamp = Number.NEGATIVE_INFINITY;

  /** A message of STATE; returns whether it counts. An older one than the last does not: it may have been kept back by the network. */
  receive(payload: Uint8Array): boolean {
    const state = parse(payload);
    if (!state || state.timestamp < this.#timestamp) return false;
    this.#timestamp = state.timestamp;
    this.isOnline = state.online;
    return true;
  }
}

function parse(payload: Uint8Array): { online: boolean; timestamp: number } | undefined {
  try {
    const { online, timestamp } = JSON.parse(Buffer.from(payload).toString());
    const isState = typeof online === 'boolean' && Number.isFinite(timestamp);
    return isState ? { online, timestamp } : undefined;
  } catch {
    return undefined;
  }
}
