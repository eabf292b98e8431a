import { defineDriver, type Sample, signed, uint16, z } from '../src/driver-kit/driver.ts';

/** Register names as in section 7.6, "Register Maps". */
const CONFIGURATION = 0x00;
const SHUNT_VOLTAGE = 0x01;
const BUS_VOLTAGE = 0x02;
const MANUFACTURER_ID = 0xfe;
/** `TI`. */
const TEXAS_INSTRUMENTS = 0x5449;

/** Bit 14 is always set; VBUSCT and VSHCT are 1.1 ms, both are measured all the time: the power-on value. */
const BOTH_CONTINUOUS = 0x4127;
/** AVG, bits 11 to 9, by the number of conversions. */
const AVERAGES = [1, 4, 16, 64, 128, 256, 512, 1024] as const;
/** Both conversions, 1.1 ms each, and 10 % for the oscillator. */
const ROUND_MS = 2.42;

/** Volts across the shunt; a step is 2.5 µV. */
export function toShuntVolts(raw: number): number {
  return signed(raw, 16) * 2.5e-6;
}

/** Volts of the bus; 15 bits, a step is 1.25 mV. */
export function toBusVolts(raw: number): number {
  return (raw & 0x7fff) * 0.00125;
}

export default defineDriver({
  name: 'ina226',
  summary: 'Texas Instruments INA226 voltage, current and power monitor, up to 36 V',
  datasheet: 'https://www.ti.com/lit/ds/symlink/ina226.pdf',
  bus: 'i2c',
  addresses: Array.from({ length: 16 }, (_, index) => 0x40 + index),
  options: z.strictObject({
    shunt: z
      .number()
      .positive()
      .max(1000)
      .describe('Resistance of the shunt in ohms, e.g. 0.002 for R002.'),
    average: z
      .literal([...AVERAGES])
      .default(16)
      .describe('Conversions that the chip averages; one takes 2.2 ms.'),
  }),
  channels: () => [
    { name: 'voltage', unit: 'V', range: [0, 36] },
    { name: 'current', unit: 'A' },
    { name: 'power', unit: 'W' },
  ],
  async open(chip, { shunt, average }, tools, signal) {
    const register = async (pointer: number): Promise<number> =>
      uint16(await chip.transfer(Uint8Array.of(pointer), 2));

    const manufacturer = await register(MANUFACTURER_ID);
    if (manufacturer !== TEXAS_INSTRUMENTS) {
      const shown = manufacturer.toString(16).padStart(4, '0');
      throw new Error(`not an INA226: its manufacturer ID is ${shown}, expected 5449`);
    }
    const configuration = BOTH_CONTINUOUS | (AVERAGES.indexOf(average) << 9);
    await chip.transfer(Uint8Array.of(CONFIGURATION, configuration >> 8, configuration & 0xff), 0);
    await tools.sleep(Math.ceil(average * ROUND_MS), signal);

    return {
      async read() {
        const raw = await register(SHUNT_VOLTAGE);
        const voltage = toBusVolts(await register(BUS_VOLTAGE));
        const current = toShuntVolts(raw) / shunt;
        const beyond = raw === 0x7fff || raw === 0x8000;
        const reason = 'the shunt is at ±81.92 mV or more';
        const qualified = (value: number): Sample =>
          beyond ? { value, quality: 'uncertain', reason } : { value };
        return {
          voltage: { value: voltage },
          current: qualified(current),
          power: qualified(voltage * current),
        };
      },
    };
  },
});
