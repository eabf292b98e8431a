/** The form of a pin in the config. */
export const PIN =
  /^([a-z][a-z0-9-]*)@(i2c-\d{1,3}(?:\/0x7[0-7]\/[0-7])?)\/(0x[0-7][0-9a-f]):(\d{1,2})$/;

/** A pin of a chip on I2C that is an output. */
export interface PinSpec {
  /** The chip's driver. */
  readonly driver: string;
  readonly bus: string;
  readonly address: number;
  readonly pin: number;
}

/** Parses `mcp23017@i2c-1/0x20:8`, also with a bus behind a multiplexer. Returns undefined when the text is no pin. */
export function parsePin(text: string): PinSpec | undefined {
  const [, driver, bus, address, pin] = PIN.exec(text) ?? [];
  if (driver === undefined || bus === undefined) return undefined;
  return { driver, bus, address: Number(address), pin: Number(pin) };
}
