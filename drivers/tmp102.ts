import {
  checkSettings,
  deadLine,
  defineDriver,
  qualifyPowerOn,
  signed,
  uint16,
  z,
} from '../src/driver-kit/driver.ts';

/** Temperature register (read only), section "Temperature Register". */
const TEMPERATURE = 0x00;
/** Configuration register, section "Configuration Register". */
const CONFIGURATION = 0x01;

/** SD, byte 1 bit 0: in shutdown mode the temperature register keeps its last value. */
const SHUTDOWN = 0x0100;
/** CR1 and CR0, byte 2 bits 7 and 6: four conversions a second, the power-on value. */
const RATE = 0x00c0;
const FOUR_A_SECOND = 0x0080;
/** R1 and R0, byte 1 bits 6 and 5: read only, always 1. Byte 2 bits 3 to 0: always 0. */
const ALWAYS = 0x600f;
const ALWAYS_ONE = 0x6000;
/** Temperature register, bit 0: the value has 13 bits (extended mode) instead of 12. */
const EXTENDED = 0x0001;
/** Temperature register, bits 1 and 2: zero in both formats. */
const UNUSED = 0x0006;

/** The longest conversion; until the first one after power-up is over, the register says 0 °C. */
const CONVERSION_MS = 35;
const DEGREES_PER_BIT = 0.0625;

/** Degrees Celsius of the temperature register's 16 bits, in the format that its own bit 0 names. */
export function toCelsius(raw: number): number {
  return (signed(raw, 16) >> ((raw & EXTENDED) === 0 ? 4 : 3)) * DEGREES_PER_BIT;
}

export default defineDriver({
  name: 'tmp102',
  summary: 'Texas Instruments TMP102 temperature sensor, in normal or extended mode',
  datasheet: 'https://www.ti.com/lit/ds/symlink/tmp102.pdf',
  bus: 'i2c',
  addresses: [0x48, 0x49, 0x4a, 0x4b],
  options: z.strictObject({}),
  channels: () => [{ name: '', unit: '°C', range: [-40, 125] }],
  async open(chip, _options, tools, signal) {
    const register = (pointer: number): Promise<Uint8Array> =>
      chip.transfer(Uint8Array.of(pointer), 2);

    const before = uint16(await register(CONFIGURATION));
    if ((before & ALWAYS) !== ALWAYS_ONE) throw notTmp102('configuration', before);
    const after = (before & ~(SHUTDOWN | RATE)) | FOUR_A_SECOND;
    if (after !== before)
      await chip.transfer(Uint8Array.of(CONFIGURATION, after >> 8, after & 0xff), 0);
    await tools.sleep(CONVERSION_MS, signal);

    const mask = SHUTDOWN | RATE | ALWAYS;
    const settings = {
      expected: Uint8Array.of((ALWAYS_ONE | FOUR_A_SECOND) >> 8, FOUR_A_SECOND),
      mask: Uint8Array.of(mask >> 8, mask & 0xff),
    };
    const powerOn = { value: 0, unit: '°C', conversionMs: CONVERSION_MS, near: 1 };
    const sample = qualifyPowerOn({ ...powerOn, clock: tools.clock });
    return {
      async read() {
        const bytes = await register(TEMPERATURE);
        const configuration = await register(CONFIGURATION);
        const read = Uint8Array.of(...bytes, ...configuration);
        checkSettings(configuration, settings.expected, { mask: settings.mask, read });
        const raw = uint16(bytes);
        if ((raw & UNUSED) !== 0) throw notTmp102('temperature', raw);
        return { '': sample(toCelsius(raw)) };
      },
    };
  },
});

function notTmp102(register: string, raw: number): Error {
  const shown = raw.toString(16).padStart(4, '0');
  const dead = deadLine(Uint8Array.of(raw >> 8, raw & 0xff));
  return new Error(dead ?? `not a TMP102: its ${register} register can't hold ${shown}`);
}
