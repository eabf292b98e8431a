import { byteRegisters, type Chip } from './chip.ts';
import { createFifo, type Motion } from './motion.ts';

const DEVID = 0x00;
const BW_RATE = 0x2c;
const POWER_CTL = 0x2d;
const DATA_FORMAT = 0x31;
const DATAX0 = 0x32;
const DATAZ1 = 0x37;
const FIFO_CTL = 0x38;
const FIFO_STATUS = 0x39;

export interface Adxl345 extends Chip {
  motion: Motion;
  id: number;
}

/** ADXL345: reads go on by themselves; 32 samples in the FIFO and one in the registers; asleep until POWER_CTL says so. */
export function adxl345(motion: Motion): Adxl345 {
  const registers = new Map([[BW_RATE, 0x0a]]);
  const get = (register: number): number => registers.get(register) ?? 0;
  const fifo = createFifo(33, () => chip.motion);
  let sample: number[] = [];
  const out = (): number[] => {
    const format = get(DATA_FORMAT);
    const range = 2 << (format & 3);
    const perG = format & 0x08 ? 256 : 512 / range;
    return fifo.take().flatMap((g) => {
      const steps = Math.round(Math.max(-range, Math.min(range - 1 / perG, g)) * perG);
      return [steps & 0xff, (steps >> 8) & 0xff];
    });
  };
  const chip: Adxl345 = {
    motion,
    id: 0xe5,
    ...byteRegisters({
      read(register) {
        if (register === DEVID) return chip.id;
        if (register === FIFO_STATUS) return fifo.count();
        if (register < DATAX0 || register > DATAZ1) return get(register);
        if (register === DATAX0) sample = out();
        return sample[register - DATAX0] ?? 0;
      },
      write(register, value) {
        registers.set(register, value);
        if (![FIFO_CTL, POWER_CTL, BW_RATE].includes(register)) return;
        const streaming = get(FIFO_CTL) >> 6 === 2 && (get(POWER_CTL) & 0x08) !== 0;
        if (streaming) fifo.restart(3200 / 2 ** (15 - (get(BW_RATE) & 0x0f)));
        else fifo.stop();
      },
    }),
  };
  return chip;
}
