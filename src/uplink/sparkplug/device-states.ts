/** A device whose sensors are all bad for so long is dead: one failed read is no death. */
export const DEATH_MS = 30_000;

/** Which devices are dead: all their sensors have been bad for a while. */
export class DeviceStates {
  readonly #badSince = new Map<string, number>();
  readonly #dead = new Set<string>();

  isDead(device: string): boolean {
    return this.#dead.has(device);
  }

  /** What the sensors of the device are at present; returns whether it has died or lives again. */
  observe(device: string, allBad: boolean, monotonic: number): 'died' | 'lives' | undefined {
    if (!allBad) return this.revive(device) ? 'lives' : undefined;
    const since = this.#badSince.get(device) ?? monotonic;
    this.#badSince.set(device, since);
    if (this.#dead.has(device) || monotonic - since < DEATH_MS) return undefined;
    this.#dead.add(device);
    return 'died';
  }

  /** The device has a value; returns whether it was dead. */
  revive(device: string): boolean {
    this.#badSince.delete(device);
    return this.#dead.delete(device);
  }

  /** Forgets the devices that are not in the list. */
  keep(devices: readonly string[]): void {
    for (const device of [...this.#badSince.keys()]) {
      if (!devices.includes(device)) this.revive(device);
    }
  }
}
