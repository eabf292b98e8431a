import {
  acceptOption,
  checkId,
  checkSettings,
  defineDriver,
  powerSamples,
  signed,
  uint16,
  z,
} from '../src/driver-kit/driver.ts';

/** Register names as in section 7.6, "Register Maps". */
const CONFIGURATION = 0x00;
const SHUNT_VOLTAGE = 0x01;
const BUS_VOLTAGE = 0x02;
/** The highest bit of the bus voltage register is always 0. */
const BUS_ALWAYS_ZERO = 0x80;
/** Only for the chip's own current register, which is not read: 0 after a reset, so a value in it shows that there was none. */
const CALIBRATION = 0x05;
const MARK = 0x1000;
const MANUFACTURER_ID = 0xfe;
/** `TI`. */
const TEXAS_INSTRUMENTS = 0x5449;

/** Bit 14 is always set; VBUSCT and VSHCT are 1.1 ms, both are measured all the time: the power-on value. */
const BOTH_CONTINUOUS = 0x4127;
/** AVG, bits 11 to 9, by the number of conversions. */
const AVERAGES = [1, 4, 16, 64, 128, 256, 512, 1024] as const;
/** Both conversions, 1.1 ms each, and 10 % for the oscillator. */
const ROUND_MS = 2.42;
const RANGE = [0, 36] as const;

/** Volts across the shunt; a step is 2.5 µV. */
export function toShuntVolts(raw: number): number {
  return signed(raw, 16) * 2.5e-6;
}

/** Volts of the bus; 15 bits, a step is 1.25 mV. */
export function toBusVolts(raw: number): number {
  return (raw & 0x7fff) * 0.00125;
}

const OHMS = 'a resistance in ohms such as 0.002, at most 1000';

export default defineDriver({
  name: 'ina226',
  summary: 'Texas Instruments INA226 voltage, current and power monitor, up to 36 V',
  datasheet: 'https://www.ti.com/lit/ds/symlink/ina226.pdf',
  bus: 'i2c',
  addresses: Array.from({ length: 16 }, (_, index) => 0x40 + index),
  options: z.strictObject({
    shunt: z
      .number({ error: OHMS })
      .positive({ error: OHMS })
      .max(1000, { error: OHMS })
      .describe('Resistance of the shunt in ohms, e.g. 0.002 for R002.'),
    average: z
      .literal([...AVERAGES])
      .default(16)
      .describe('Conversions that the chip averages; one takes 2.2 ms.'),
    accept: acceptOption,
  }),
  channels: () => [
    { name: 'voltage', unit: 'V', range: RANGE },
    { name: 'current', unit: 'A' },
    { name: 'power', unit: 'W' },
  ],
  async open(chip, { shunt, average, accept }, tools, signal) {
    const register = (pointer: number): Promise<Uint8Array> =>
      chip.transfer(Uint8Array.of(pointer), 2);

    const id = await register(MANUFACTURER_ID);
    const called = 'its manufacturer ID is';
    checkId({ chip: 'an INA226', called, bytes: id, expected: TEXAS_INSTRUMENTS, accept }, tools);
    const configuration = BOTH_CONTINUOUS | (AVERAGES.indexOf(average) << 9);
    const settings = Uint8Array.of(configuration >> 8, configuration & 0xff, MARK >> 8, 0);
    await chip.transfer(Uint8Array.of(CONFIGURATION, ...settings.subarray(0, 2)), 0);
    await chip.transfer(Uint8Array.of(CALIBRATION, ...settings.subarray(2)), 0);
    await tools.sleep(Math.ceil(average * ROUND_MS), signal);
    const expected = Uint8Array.of(...settings, 0);
    const mask = Uint8Array.of(0xff, 0xff, 0xff, 0xff, BUS_ALWAYS_ZERO);

    return {
      async read() {
        const raw = uint16(await register(SHUNT_VOLTAGE));
        const busVoltage = await register(BUS_VOLTAGE);
        const found = await register(CONFIGURATION);
        const mark = await register(CALIBRATION);
        const [high = 0] = busVoltage;
        checkSettings(Uint8Array.of(...found, ...mark, high), expected, { mask });
        const beyond = raw === 0x7fff || raw === 0x8000;
        return powerSamples({
          volts: toBusVolts(uint16(busVoltage)),
          range: RANGE,
          amperes: toShuntVolts(raw) / shunt,
          uncertain: beyond ? 'the shunt is at ±81.92 mV or more' : undefined,
        });
      },
    };
  },
});
