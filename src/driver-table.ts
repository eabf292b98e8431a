import ads1115 from '../drivers/ads1115.ts';
import adxl345 from '../drivers/adxl345.ts';
import bh1750 from '../drivers/bh1750.ts';
import bme280 from '../drivers/bme280.ts';
import digitalInput from '../drivers/digital-input.ts';
import ds18b20 from '../drivers/ds18b20.ts';
import host from '../drivers/host.ts';
import hwmon from '../drivers/hwmon.ts';
import iio from '../drivers/iio.ts';
import ina219 from '../drivers/ina219.ts';
import ina226 from '../drivers/ina226.ts';
import lis3dh from '../drivers/lis3dh.ts';
import lm75 from '../drivers/lm75.ts';
import mcp9808 from '../drivers/mcp9808.ts';
import mcp23017 from '../drivers/mcp23017.ts';
import pca9535 from '../drivers/pca9535.ts';
import pcf8574 from '../drivers/pcf8574.ts';
import pulseCounter from '../drivers/pulse-counter.ts';
import quadratureEncoder from '../drivers/quadrature-encoder.ts';
import sht3x from '../drivers/sht3x.ts';
import sht4x from '../drivers/sht4x.ts';
import simulated from '../drivers/simulated.ts';
import tachometer from '../drivers/tachometer.ts';
import thermal from '../drivers/thermal.ts';
import tmp102 from '../drivers/tmp102.ts';
import type { Driver, Drivers } from './driver-kit/driver.ts';

const all: readonly Driver[] = [
  ads1115,
  adxl345,
  bh1750,
  bme280,
  digitalInput,
  ds18b20,
  host,
  hwmon,
  iio,
  ina219,
  ina226,
  lis3dh,
  lm75,
  mcp23017,
  mcp9808,
  pca9535,
  pcf8574,
  pulseCounter,
  quadratureEncoder,
  sht3x,
  sht4x,
  simulated,
  tachometer,
  thermal,
  tmp102,
];

/** Every driver that comes with the gateway, by its name. To add one: its file, its import, its place in the list. */
export const drivers: Drivers = new Map(all.map((driver) => [driver.name, driver]));
