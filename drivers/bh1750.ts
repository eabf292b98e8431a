import { defineDriver, qualifyPowerOn, uint16, z } from '../src/driver-kit/driver.ts';

/** Instruction "Power On", table "Instruction Set Architecture". */
const POWER_ON = Uint8Array.of(0x01);
/** "Change Measurement time": bits 7 to 5, then bits 4 to 0 of 69, the value after power-on. */
const TIME_HIGH = Uint8Array.of(0x42);
const TIME_LOW = Uint8Array.of(0x65);
/** Instruction "One Time H-Resolution Mode": steps of 1 lx, powers down afterwards. */
const MEASURE_ONCE = Uint8Array.of(0x20);
/** Longest measurement in that mode. */
const MEASUREMENT_MS = 180;
const FULL_SCALE = 0xffff;

/** Lux of the 16 bits, at the power-on value of the measurement time register. */
export function toLux(raw: number): number {
  return raw / 1.2;
}

export default defineDriver({
  name: 'bh1750',
  summary: 'ROHM BH1750FVI ambient light sensor',
  datasheet: 'https://www.mouser.com/datasheet/2/348/bh1750fvi-e-186247.pdf',
  bus: 'i2c',
  addresses: [0x23, 0x5c],
  options: z.strictObject({}),
  readMs: () => MEASUREMENT_MS,
  channels: () => [{ name: '', unit: 'lx' }],
  async open(chip, _options, tools) {
    const powerOn = { value: 0, unit: 'lx', conversionMs: MEASUREMENT_MS, near: 5 };
    const sample = qualifyPowerOn({ ...powerOn, clock: tools.clock });
    return {
      async read(signal) {
        await chip.transfer(POWER_ON, 0);
        // The measurement time can not be read, so it is set each time: another program may have changed it.
        await chip.transfer(TIME_HIGH, 0);
        await chip.transfer(TIME_LOW, 0);
        await chip.transfer(MEASURE_ONCE, 0);
        await tools.sleep(MEASUREMENT_MS, signal);
        const raw = uint16(await chip.transfer(new Uint8Array(), 2));
        const value = toLux(raw);
        if (raw < FULL_SCALE) return { '': sample(value) };
        return { '': { value, quality: 'uncertain', reason: 'at full scale, it may be brighter' } };
      },
    };
  },
});
