import { defineDriver, type Sample, signed, uint16, z } from '../src/driver-kit/driver.ts';

/** Register names as in section 8.6, "Register Maps". */
const CONFIGURATION = 0x00;
const SHUNT_VOLTAGE = 0x01;
const BUS_VOLTAGE = 0x02;
/** BRNG: 32 V; PGA: ±320 mV; 12 bits for both; measures both all the time. The power-on value. */
const BOTH_CONTINUOUS = 0x399f;
/** Two conversions of at most 586 µs each. */
const CONVERSION_MS = 2;
/** ±320 mV in steps of 10 µV. */
const SHUNT_FULL_SCALE = 32_000;

/** Volts across the shunt; a step is 10 µV. */
export function toShuntVolts(raw: number): number {
  return signed(raw, 16) / 100_000;
}

/** Volts of the bus; bits 15 to 3, a step is 4 mV. */
export function toBusVolts(raw: number): number {
  return (raw >> 3) * 0.004;
}

export default defineDriver({
  name: 'ina219',
  summary: 'Texas Instruments INA219 voltage, current and power monitor, up to 26 V',
  datasheet: 'https://www.ti.com/lit/ds/symlink/ina219.pdf',
  bus: 'i2c',
  addresses: Array.from({ length: 16 }, (_, index) => 0x40 + index),
  options: z.strictObject({
    shunt: z
      .number()
      .positive()
      .max(1000)
      .describe('Resistance of the shunt in ohms, e.g. 0.1 for the R100 of most modules.'),
  }),
  channels: () => [
    { name: 'voltage', unit: 'V', range: [0, 26] },
    { name: 'current', unit: 'A' },
    { name: 'power', unit: 'W' },
  ],
  async open(chip, { shunt }, tools, signal) {
    const register = async (pointer: number): Promise<number> =>
      uint16(await chip.transfer(Uint8Array.of(pointer), 2));

    const [high, low] = [BOTH_CONTINUOUS >> 8, BOTH_CONTINUOUS & 0xff];
    await chip.transfer(Uint8Array.of(CONFIGURATION, high, low), 0);
    await tools.sleep(CONVERSION_MS, signal);

    return {
      async read() {
        const raw = await register(SHUNT_VOLTAGE);
        const voltage = toBusVolts(await register(BUS_VOLTAGE));
        const current = toShuntVolts(raw) / shunt;
        const beyond = Math.abs(signed(raw, 16)) >= SHUNT_FULL_SCALE;
        const qualified = (value: number): Sample =>
          beyond
            ? { value, quality: 'uncertain', reason: 'the shunt is at ±320 mV or more' }
            : { value };
        return {
          voltage: { value: voltage },
          current: qualified(current),
          power: qualified(voltage * current),
        };
      },
    };
  },
});
