import { ads1115 } from './chips/ads1115.ts';
import { adxl345 } from './chips/adxl345.ts';
import { bh1750 } from './chips/bh1750.ts';
import { bme280 } from './chips/bme280.ts';
import type { Chip } from './chips/chip.ts';
import { ds18b20 } from './chips/ds18b20.ts';
import { ina219 } from './chips/ina219.ts';
import { ina226 } from './chips/ina226.ts';
import { lis3dh } from './chips/lis3dh.ts';
import { lm75 } from './chips/lm75.ts';
import { mcp9808 } from './chips/mcp9808.ts';
import { mcp23017 } from './chips/mcp23017.ts';
import { pca9535 } from './chips/pca9535.ts';
import { pcf8574 } from './chips/pcf8574.ts';
import { sht3x } from './chips/sht3x.ts';
import { sht4x } from './chips/sht4x.ts';
import { tca9548a } from './chips/tca9548a.ts';
import { tmp102 } from './chips/tmp102.ts';

/** Gravity, and on top of it a sine of 1 g at 6 Hz. */
const shaking = (seconds: number) => [0, 0, 1 + Math.sin(2 * Math.PI * 6 * seconds)] as const;

/** The chips, by the names of the sensors that read them. */
export const chips = {
  tmp102: tmp102(),
  lm75: lm75(),
  mcp9808: mcp9808(),
  sht3x: sht3x(),
  sht4x: sht4x(),
  bme280: bme280(),
  ads1115: ads1115(0, 0, 0, 0),
  ina219: ina219(),
  ina226: ina226(),
  mcp23017: mcp23017(),
  pca9535: pca9535(),
  pcf8574: pcf8574(),
  bh1750: bh1750(),
  lis3dh: lis3dh(shaking),
  adxl345: adxl345(shaking),
  mux: tca9548a(),
  owned: lm75(33.5),
  left: tmp102(1),
  right: tmp102(2),
  /** An STS3x is the thermometer of an SHT3x. */
  sts3x: sht3x(),
  wire: ds18b20(),
};

/** Those that are on the bus itself. */
export const places: readonly (readonly [address: number, chip: Chip])[] = [
  [0x48, chips.tmp102],
  [0x49, chips.lm75],
  [0x4c, chips.owned],
  [0x18, chips.mcp9808],
  [0x44, chips.sht3x],
  [0x46, chips.sht4x],
  [0x76, chips.bme280],
  [0x4a, chips.ads1115],
  [0x40, chips.ina219],
  [0x41, chips.ina226],
  [0x20, chips.mcp23017],
  [0x21, chips.pca9535],
  [0x38, chips.pcf8574],
  [0x23, chips.bh1750],
  [0x19, chips.lis3dh],
  [0x53, chips.adxl345],
  [0x70, chips.mux],
];

/** The sensors that read them; the lines are those of the header. */
export const SENSORS = `
sensors:
  - { name: tmp102, driver: tmp102, bus: i2c-1, address: 0x48, every: 1s, timeout: 10s }
  - { name: lm75, driver: lm75, bus: i2c-1, address: 0x49, every: 1s, timeout: 10s }
  - { name: mcp9808, driver: mcp9808, bus: i2c-1, address: 0x18, every: 2s, timeout: 5s }
  - { name: sht3x, driver: sht3x, bus: i2c-1, address: 0x44, every: 2s, timeout: 5s }
  - { name: sht4x, driver: sht4x, bus: i2c-1, address: 0x46, every: 1s, timeout: 5s }
  - { name: bme280, driver: bme280, bus: i2c-1, address: 0x76, every: 2s, timeout: 5s }
  - { name: ads1115, driver: ads1115, bus: i2c-1, address: 0x4a, every: 2s, timeout: 5s }
  - { name: loop, driver: ads1115, bus: i2c-1, address: 0x4a, input: AIN1, signal: 4-20mA, shunt: 120, scale: [0, 16], unit: bar, every: 2s, timeout: 5s }
  - { name: level, driver: ads1115, bus: i2c-1, address: 0x4a, input: AIN0, signal: 0-10V, divider: 4, scale: [0, 100], unit: '%', every: 2s, timeout: 5s }
  - { name: ntc, driver: ads1115, bus: i2c-1, address: 0x4a, input: AIN2, signal: ntc, supply: 3.3, pullUp: 10000, r25: 10000, beta: 3950, every: 2s, timeout: 5s }
  - { name: pt1000, driver: ads1115, bus: i2c-1, address: 0x4a, input: AIN3, signal: pt1000, supply: 3.3, pullUp: 2200, every: 2s, timeout: 5s }
  - { name: ina219, driver: ina219, bus: i2c-1, address: 0x40, shunt: 0.1, every: 1s, timeout: 10s }
  - { name: ina226, driver: ina226, bus: i2c-1, address: 0x41, shunt: 0.002, every: 2s, timeout: 5s }
  - { name: mcp23017, driver: mcp23017, bus: i2c-1, address: 0x20, interrupt: GPIO5, every: 60s }
  - { name: pca9535, driver: pca9535, bus: i2c-1, address: 0x21, interrupt: GPIO6, every: 60s }
  - { name: pcf8574, driver: pcf8574, bus: i2c-1, address: 0x38, activeLow: true, every: 2s, timeout: 5s }
  - { name: bh1750, driver: bh1750, bus: i2c-1, address: 0x23, every: 2s, timeout: 5s }
  - { name: lis3dh, driver: lis3dh, bus: i2c-1, address: 0x19, rate: 50, window: 32, every: 15s, timeout: 14s }
  - { name: adxl345, driver: adxl345, bus: i2c-1, address: 0x53, rate: 50, window: 32, every: 15s, timeout: 14s }
  - { name: left, driver: tmp102, bus: i2c-1/0x70/3, address: 0x4b, every: 1s, timeout: 10s }
  - { name: right, driver: tmp102, bus: i2c-1/0x70/5, address: 0x4b, every: 1s, timeout: 10s }
  - { name: owned, driver: lm75, bus: i2c-1, address: 0x4c, every: 2s, timeout: 5s }
  - { name: kernel, driver: hwmon, chip: lm75, every: 1s }
  - { name: sts3x, driver: /etc/cellgate/drivers/sts3x.mjs, bus: i2c-1/0x70/6, address: 0x4b, offset: 0.5, every: 2s, timeout: 5s }
  - { name: ds18b20, driver: ds18b20, every: 2s, timeout: 5s }
  - { name: iio, driver: iio, device: bme280, channel: pressure, every: 2s }
  - { name: thermal, driver: thermal, every: 1s }
  - { name: processor, driver: hwmon, chip: cpu_thermal, every: 1s }
  - { name: host, driver: host, every: 2s }
  - { name: door, driver: digital-input, line: GPIO17, every: 1s }
`;
