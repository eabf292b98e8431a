import type { I2cDevice } from '../buses/i2c-device.ts';
import { crc8, uint16 } from './bytes.ts';
import { deadLine } from './chip-state.ts';
import type { Channel, Sensor, Tools } from './sensor.ts';

/**
 * Words of 16 bits as Sensirion's chips send them, each followed by its CRC-8 (polynomial 0x31, begins with 0xff).
 * Throws if one is wrong.
 */
export function sensirionWords(bytes: Uint8Array): number[] {
  const words: number[] = [];
  for (let at = 0; at < bytes.length; at += 3) {
    if (crc8(bytes.subarray(at, at + 2), 0x31, 0xff) !== bytes[at + 2]) {
      const reason = 'the checksum is wrong: the answer was disturbed on its way';
      throw new Error(deadLine(bytes) ?? reason);
    }
    words.push(uint16(bytes, at));
  }
  return words;
}

/** Degrees Celsius of the 16 bits, section "Conversion of Signal Output" of SHT3x and SHT4x. */
export function shtToCelsius(raw: number): number {
  return -45 + (175 * raw) / 65_535;
}

/** Channels of a sensor that `openSht` opens. */
export const SHT_CHANNELS: readonly Channel[] = [
  { name: 'temperature', unit: '°C', range: [-40, 125] },
  { name: 'humidity', unit: '%', range: [0, 100] },
];

/** The differences between the families of Sensirion's humidity sensors. */
export interface ShtParts {
  /** Sets the chip to a known state. */
  readonly reset: Uint8Array;
  readonly resetMs: number;
  /** Begins one measurement. */
  readonly measure: Uint8Array;
  /** The longest measurement. */
  readonly measurementMs: number;
  /** Percent relative humidity of the 16 bits. */
  toHumidity(raw: number): number;
  /** For chips with a status: rejects if it shows that the values are wrong. */
  check?(chip: I2cDevice): Promise<void>;
}

/** A humidity sensor of Sensirion's as a sensor: one measurement a read, temperature and humidity with a CRC each. */
export async function openSht(
  chip: I2cDevice,
  parts: ShtParts,
  tools: Tools,
  openSignal: AbortSignal,
): Promise<Sensor> {
  await chip.transfer(parts.reset, 0);
  await tools.sleep(parts.resetMs, openSignal);
  return {
    async read(signal) {
      await chip.transfer(parts.measure, 0);
      await tools.sleep(parts.measurementMs, signal);
      const answer = await chip.transfer(new Uint8Array(), 6);
      const [temperature = 0, humidity = 0] = sensirionWords(answer);
      await parts.check?.(chip);
      return {
        temperature: { value: shtToCelsius(temperature) },
        humidity: { value: parts.toHumidity(humidity) },
      };
    },
  };
}
