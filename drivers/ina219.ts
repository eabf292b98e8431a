import {
  checkSettings,
  defineDriver,
  powerSamples,
  signed,
  uint16,
  z,
} from '../src/driver-kit/driver.ts';

/** Register names as in section 8.6, "Register Maps". */
const CONFIGURATION = 0x00;
const SHUNT_VOLTAGE = 0x01;
const BUS_VOLTAGE = 0x02;
/** Bit 2 of the bus voltage register is always 0. */
const BUS_ALWAYS_ZERO = 0x04;
/** Only for the chip's own current register, which is not read: 0 after a reset, so a value in it shows that there was none. */
const CALIBRATION = 0x05;
const MARK = 0x1000;
/** BRNG: 32 V; PGA: ±320 mV; 12 bits for both; measures both all the time. The power-on value. */
const BOTH_CONTINUOUS = 0x399f;
/** Two conversions of at most 586 µs each. */
const CONVERSION_MS = 2;
const RANGE = [0, 26] as const;
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

const OHMS = 'a resistance in ohms such as 0.1, at most 1000';

export default defineDriver({
  name: 'ina219',
  summary: 'Texas Instruments INA219 voltage, current and power monitor, up to 26 V',
  datasheet: 'https://www.ti.com/lit/ds/symlink/ina219.pdf',
  bus: 'i2c',
  addresses: Array.from({ length: 16 }, (_, index) => 0x40 + index),
  options: z.strictObject({
    shunt: z
      .number({ error: OHMS })
      .positive({ error: OHMS })
      .max(1000, { error: OHMS })
      .describe('Resistance of the shunt in ohms, e.g. 0.1 for the R100 of most modules.'),
  }),
  channels: () => [
    { name: 'voltage', unit: 'V', range: RANGE },
    { name: 'current', unit: 'A' },
    { name: 'power', unit: 'W' },
  ],
  async open(chip, { shunt }, tools, signal) {
    const register = (pointer: number): Promise<Uint8Array> =>
      chip.transfer(Uint8Array.of(pointer), 2);

    const settings = Uint8Array.of(BOTH_CONTINUOUS >> 8, BOTH_CONTINUOUS & 0xff, MARK >> 8, 0);
    await chip.transfer(Uint8Array.of(CONFIGURATION, ...settings.subarray(0, 2)), 0);
    await chip.transfer(Uint8Array.of(CALIBRATION, ...settings.subarray(2)), 0);
    await tools.sleep(CONVERSION_MS, signal);
    const expected = Uint8Array.of(...settings, 0);
    const mask = Uint8Array.of(0xff, 0xff, 0xff, 0xff, BUS_ALWAYS_ZERO);

    return {
      async read() {
        const shuntVoltage = await register(SHUNT_VOLTAGE);
        const busVoltage = await register(BUS_VOLTAGE);
        const [, low = 0] = busVoltage;
        const configuration = await register(CONFIGURATION);
        const found = Uint8Array.of(...configuration, ...(await register(CALIBRATION)), low);
        checkSettings(found, expected, { mask });
        const raw = uint16(shuntVoltage);
        const beyond = Math.abs(signed(raw, 16)) >= SHUNT_FULL_SCALE;
        return powerSamples({
          volts: toBusVolts(uint16(busVoltage)),
          range: RANGE,
          amperes: toShuntVolts(raw) / shunt,
          uncertain: beyond ? 'the shunt is at ±320 mV or more' : undefined,
        });
      },
    };
  },
});
