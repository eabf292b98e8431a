import { defineDriver, type KernelFiles, type Sample, z } from '../src/driver-kit/driver.ts';

const DEVICES = '/sys/bus/w1/devices';
/** Families that the kernel's w1_therm reads: DS18S20, DS1822, DS18B20, DS1825, DS28EA00. */
const THERMOMETER = /^(10|22|28|3b|42)-[0-9a-f]{12}$/;
/** The temperature register after power-on, section "Operation—Measuring Temperature". */
const POWER_ON = 85;

/** The sample of a w1_slave file: whether the CRC was right, and thousandths of a degree. */
export function toSample(text: string): Sample {
  if (!/ crc=[0-9a-f]{2} YES/.test(text)) {
    return { value: null, reason: 'the checksum is wrong: the answer was disturbed on its way' };
  }
  const match = /t=(-?\d+)\s*$/.exec(text);
  if (match === null) return { value: null, reason: 'the kernel gives no temperature' };
  const value = Number(match[1]) / 1000;
  if (value !== POWER_ON) return { value };
  const reason = `${POWER_ON} °C is also what the chip says before it has measured`;
  return { value, quality: 'uncertain', reason };
}

export default defineDriver({
  name: 'ds18b20',
  summary: 'DS18B20 temperature sensor on 1-Wire, through the kernel (dtoverlay=w1-gpio)',
  datasheet: 'https://www.analog.com/media/en/technical-documentation/data-sheets/ds18b20.pdf',
  bus: 'files',
  options: z.strictObject({
    id: z
      .string()
      .regex(THERMOMETER, { error: 'an id such as 28-0316a2795abf' })
      .optional()
      .describe('Which one, as in /sys/bus/w1/devices; not needed if there is only one.'),
  }),
  channels: () => [{ name: '', unit: '°C', range: [-55, 125] }],
  async open(files, { id }) {
    const chosen = id ?? (await onlyOne(files));
    return {
      async read() {
        const text = await files.read(`${DEVICES}/${chosen}/w1_slave`).catch((cause: unknown) => {
          throw new Error(`no answer from ${chosen} on 1-Wire`, { cause });
        });
        return { '': toSample(text) };
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
