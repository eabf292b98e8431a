import { byteRegisters, type Chip, now } from './chip.ts';

const ID = 0xd0;
const RESET = 0xe0;
const CTRL_HUM = 0xf2;
const STATUS = 0xf3;
const CTRL_MEAS = 0xf4;
const CONFIG = 0xf5;
const DATA = 0xf7;

/** Calibration from 0x88 and from 0xe1; temperature and pressure are the example of the BMP280's datasheet, 3.12. */
const LOW = [27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000];
const HUMIDITY = { h1: 75, h2: 355, h3: 0, h4: 340, h5: 50, h6: 30 };

export interface Bme280 extends Chip {
  /** What its converter makes of temperature and pressure, 20 bits, and of humidity, 16 bits. */
  raw: { temperature: number; pressure: number; humidity: number };
  id: number;
}

/** BME280, section 5: reads go on by themselves, each byte written has its address before it (6.2.1). */
export function bme280(): Bme280 {
  const calibration = calibrationBytes();
  const registers = new Map<number, number>();
  let humidityOn = false;
  let [copiedAt, doneAt] = [now() + 2, 0];
  /** What the data registers hold of something not measured, section 5.4.7. */
  let data = [0x80, 0, 0, 0x80, 0, 0, 0x80, 0];
  let next = data;

  const measured = (): number[] => {
    const control = registers.get(CTRL_MEAS) ?? 0;
    const twenty = (value: number): number[] => [
      value >> 12,
      (value >> 4) & 0xff,
      (value << 4) & 0xf0,
    ];
    const pressure = (control >> 2) & 7 ? chip.raw.pressure : 0x80000;
    const temperature = control >> 5 ? chip.raw.temperature : 0x80000;
    const humidity = humidityOn ? chip.raw.humidity : 0x8000;
    return [...twenty(pressure), ...twenty(temperature), humidity >> 8, humidity & 0xff];
  };
  const settle = (): void => {
    if (doneAt === 0 || now() < doneAt) return;
    [data, doneAt] = [next, 0];
    // After a forced conversion it sleeps again.
    registers.set(CTRL_MEAS, (registers.get(CTRL_MEAS) ?? 0) & ~3);
  };
  const chip: Bme280 = {
    raw: { temperature: 519_888, pressure: 415_148, humidity: 30_000 },
    id: 0x60,
    ...byteRegisters({
      nextWritten: 'addressed',
      read(register) {
        settle();
        if (register === ID) return chip.id;
        if (register === STATUS) return (doneAt > 0 ? 0x08 : 0) | (now() < copiedAt ? 0x01 : 0);
        // In normal mode it measures all the time.
        if (register >= DATA && ((registers.get(CTRL_MEAS) ?? 0) & 3) === 3) data = measured();
        if (register >= DATA && register < DATA + 8) return data[register - DATA] ?? 0;
        return calibration.get(register) ?? registers.get(register) ?? 0;
      },
      write(register, value) {
        settle();
        if (register === RESET && value === 0xb6) {
          registers.clear();
          humidityOn = false;
          [copiedAt, doneAt] = [now() + 2, 0];
          data = [0x80, 0, 0, 0x80, 0, 0, 0x80, 0];
        }
        if (![CTRL_HUM, CTRL_MEAS, CONFIG].includes(register)) return;
        registers.set(register, value);
        if (register !== CTRL_MEAS) return;
        // Humidity oversampling counts from the next write of CTRL_MEAS on, section 5.4.3.
        humidityOn = ((registers.get(CTRL_HUM) ?? 0) & 7) > 0;
        const forced = (value & 3) === 1 || (value & 3) === 2;
        if (forced) [next, doneAt] = [measured(), now() + 9.3];
      },
    }),
  };
  return chip;
}

function calibrationBytes(): ReadonlyMap<number, number> {
  const bytes = new Map<number, number>();
  for (const [index, value] of LOW.entries()) {
    bytes.set(0x88 + 2 * index, value & 0xff);
    bytes.set(0x89 + 2 * index, (value >> 8) & 0xff);
  }
  const { h1, h2, h3, h4, h5, h6 } = HUMIDITY;
  bytes.set(0xa1, h1);
  const high = [
    h2 & 0xff,
    h2 >> 8,
    h3,
    (h4 >> 4) & 0xff,
    (h4 & 0xf) | ((h5 & 0xf) << 4),
    h5 >> 4,
    h6,
  ];
  for (const [index, value] of high.entries()) bytes.set(0xe1 + index, value & 0xff);
  return bytes;
}
