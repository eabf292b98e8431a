import {
  deadLine,
  defineDriver,
  type KernelFiles,
  type Sample,
  signed,
  uint16le,
  z,
} from '../src/driver-kit/driver.ts';

const DEVICES = '/sys/bus/w1/devices';
/** Families that the kernel's w1_therm reads: DS18S20, DS1822, DS18B20, DS1825 (and MAX31850), DS28EA00. */
const THERMOMETER = /^(10|22|28|3b|42)-[0-9a-f]{12}$/;
const DS18S20 = '10';
const DS1825 = '3b';
/** The temperature register after power-on, section "Operation—Measuring Temperature". */
const POWER_ON = 85;
/** A conversion with 12 bits, table "Thermometer Resolution Configuration"; each bit less halves it. */
const CONVERSION_MS = 750;
/** The kernel reads the scratchpad and its checksum after the conversion. */
const SCRATCHPAD_MS = 20;

/** The scratchpad as w1_slave shows it: temperature, limits, configuration, three reserved bytes, checksum. */
const SCRATCHPAD = /^((?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} (YES|NO)/;
const CONFIGURATION = 4;
const COUNT_PER_DEGREE = 7;
/** Configuration register, figure "Configuration Register": bit 7 is 0, bits 4 to 0 are 1. */
const FIXED = 0x9f;
const FIXED_VALUE = 0x1f;
/** Clones with 14 bits set bit 7, and then bits 1 and 0 are of the temperature. */
const FOURTEEN_BITS = 0x80;
const FIXED_OF_FOURTEEN = 0x1c;
/** DS1825: bits 3 to 0 are the levels of its address pins. MAX31850 has bit 7 set. */
const FIXED_OF_DS1825 = 0x10;
/** MAX31850, bit 0 of the temperature: the thermocouple is open, or connected to a supply. */
const FAULT = 0x01;

/** What no thermometer of the family can have in its scratchpad; undefined if all is possible. */
function impossible(bytes: Uint8Array, family: string): string | undefined {
  const dead = deadLine(bytes);
  if (dead !== undefined) return dead;
  const configuration = bytes[CONFIGURATION] ?? 0;
  const raw = uint16le(bytes);
  const wrong = 'the answer comes from no thermometer: bits that never change are wrong';
  if (family === DS18S20) return bytes[COUNT_PER_DEGREE] === 0 ? wrong : undefined;
  if (family === DS1825) {
    if ((configuration & FIXED_OF_DS1825) === 0) return wrong;
    const isThermocouple = (configuration & FOURTEEN_BITS) !== 0;
    return isThermocouple && (raw & FAULT) !== 0
      ? 'the thermocouple is open or short-circuited'
      : undefined;
  }
  if ((configuration & FOURTEEN_BITS) !== 0)
    return (configuration & FIXED_OF_FOURTEEN) === FIXED_OF_FOURTEEN ? undefined : wrong;
  // The upper five bits of the temperature are all the sign.
  const sign = signed(raw, 16) >> 11;
  if (sign !== 0 && sign !== -1) return wrong;
  return (configuration & FIXED) === FIXED_VALUE ? undefined : wrong;
}

/** The sample of a w1_slave file: the scratchpad, whether its checksum was right, and thousandths of a degree. */
export function toSample(text: string, family: string): Sample {
  if (text.trim() === '')
    return { value: null, reason: 'the thermometer does not answer on 1-Wire' };
  const [, hex = '', checksum] = SCRATCHPAD.exec(text) ?? [];
  const bytes = Uint8Array.from(hex.trim().split(' '), (byte) => Number.parseInt(byte, 16));
  if (checksum !== 'YES') {
    const disturbed = 'the checksum is wrong: the answer was disturbed on its way';
    return { value: null, reason: (hex === '' ? undefined : deadLine(bytes)) ?? disturbed };
  }
  const reason = impossible(bytes, family);
  if (reason !== undefined) return { value: null, reason };
  const match = /t=(-?\d+)\s*$/.exec(text);
  if (match === null) return { value: null, reason: 'the kernel gives no temperature' };
  const value = Number(match[1]) / 1000;
  if (value !== POWER_ON) return { value };
  const powerOn = `${POWER_ON} °C is also what the chip says before it has measured`;
  return { value, quality: 'uncertain', reason: powerOn };
}

export default defineDriver({
  name: 'ds18b20',
  summary: 'DS18B20 temperature sensor on 1-Wire, through the kernel (dtoverlay=w1-gpio)',
  datasheet: 'https://www.analog.com/media/en/technical-documentation/data-sheets/ds18b20.pdf',
  bus: 'files',
  notes: [
    'Thermometers on one 1-Wire bus are read one after the other, 0.75 s each: with ten of them set `every: 10s`.',
  ],
  options: z.strictObject({
    id: z
      .string()
      .regex(THERMOMETER, { error: 'an id such as 28-0316a2795abf' })
      .optional()
      .describe('Which one, as in /sys/bus/w1/devices; not needed if there is only one.'),
    resolution: z
      .literal([9, 10, 11, 12])
      .default(12)
      .describe('Bits that the chip is set to: a read takes 94, 188, 375 or 750 ms.'),
  }),
  readMs: ({ resolution }) => Math.ceil(CONVERSION_MS / 2 ** (12 - resolution)) + SCRATCHPAD_MS,
  channels: () => [{ name: '', unit: '°C', range: [-55, 125] }],
  async open(files, { id, resolution }) {
    const chosen = id ?? (await onlyOne(files));
    const bus = await busOf(files, chosen);
    await checkResolution(files, chosen, resolution, bus);
    const family = chosen.slice(0, 2);
    return {
      shared: bus,
      async read() {
        const file = `${DEVICES}/${chosen}/w1_slave`;
        const text = await files.read(file, bus).catch((cause: unknown) => {
          throw new Error(`no answer from ${chosen} on 1-Wire`, { cause });
        });
        return { '': toSample(text, family) };
      },
    };
  },
});

async function onlyOne(files: KernelFiles): Promise<string> {
  const names = await files.list(DEVICES).catch((cause: unknown) => {
    throw new Error('no 1-Wire bus on this machine (dtoverlay=w1-gpio in config.txt)', { cause });
  });
  const here = names.filter((name) => THERMOMETER.test(name));
  if (here.length === 1) return here[0] ?? '';
  if (here.length === 0) throw new Error('no thermometer answers on 1-Wire');
  throw new Error(`there are ${here.length} thermometers, say which by id: ${here.join(', ')}`);
}

/**
 * With more bits than the config says, each read would take longer than its time. The kernel asks the thermometer for
 * them, and waits for the bus; older kernels do not show them.
 */
async function checkResolution(
  files: KernelFiles,
  id: string,
  resolution: number,
  bus: string,
): Promise<void> {
  if (id.startsWith(DS18S20)) return;
  const file = `${DEVICES}/${id}/resolution`;
  const bits = Number(await files.read(file, bus).catch(() => ''));
  if (!(bits >= 9 && bits <= 12) || bits <= resolution) return;
  throw new Error(`${id} has ${bits} bits, not ${resolution}: echo ${resolution} > ${file}`);
}

/** The bus that the thermometer is on, as the kernel calls it. */
async function busOf(files: KernelFiles, id: string): Promise<string> {
  const path = await files.realPath(`${DEVICES}/${id}`).catch(() => '');
  return /\/(w1_bus_master\d+)\//.exec(path)?.[1] ?? '1-Wire';
}
