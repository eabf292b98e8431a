import {
  checkSettings,
  defineDriver,
  type I2cDevice,
  inputPins,
  pinChannels,
  pinSensor,
  registerPins,
  uint16le,
  z,
} from '../src/driver-kit/driver.ts';

/** Register pairs, port A first, while IOCON.BANK is 0 as after power-on: table 3-3. */
const IODIR = 0x00;
const IPOL = 0x02;
const GPINTEN = 0x04;
const INTCON = 0x08;
const IOCON = 0x0a;
const GPPU = 0x0c;
const GPIO = 0x12;
const OLAT = 0x14;

/** All registers, which are read at once. */
const REGISTERS = 0x16;

/** IOCON.BANK: the registers have other addresses, table 3-4. SEQOP: an address does not go on to the next pair. */
const BANK = 0x80;
const SEQOP = 0x20;
/** IOCON where BANK is 1; where it is 0, GPINTENB and OLATB have these addresses. */
const BANKED_IOCON = [0x05, 0x15] as const;

/** IOCON: INTA and INTB are the same; they are open drain. */
const MIRROR = 0x40;
const OPEN_DRAIN = 0x04;

const NAMES = Array.from({ length: 16 }, (_, pin) => `${pin < 8 ? 'a' : 'b'}${pin & 7}`);

export default defineDriver({
  name: 'mcp23017',
  summary: 'Microchip MCP23017: up to sixteen digital inputs over I2C',
  datasheet: 'https://ww1.microchip.com/downloads/en/DeviceDoc/20001952C.pdf',
  bus: 'i2c',
  addresses: Array.from({ length: 8 }, (_, index) => 0x20 + index),
  outputs: {
    pins: 16,
    async open(chip) {
      await setAddressing(chip);
      return registerPins(chip, { output: OLAT, direction: IODIR, polarity: IPOL, level: GPIO });
    },
  },
  notes: [
    'Microchip declares GPA7 and GPB7 (pins 7 and 15) as outputs only since revision D of the datasheet (2022).',
    'As inputs they read their level, but a change during a transfer may disturb SDA, and with it all chips on the bus.',
    'For inputs use the other fourteen pins if you can.',
  ],
  options: z.strictObject({
    pins: z
      .array(z.int().min(0).max(15))
      .min(1)
      .max(16)
      .default(Array.from({ length: 16 }, (_, pin) => pin))
      .describe('Pins that become inputs: 0 to 7 for GPA0 to GPA7, 8 to 15 for GPB0 to GPB7.'),
    pullUps: z.boolean().default(false).describe("Switches the chip's pull-ups (100 kΩ) on."),
    activeLow: z.boolean().default(false).describe('Whether a low pin is true.'),
    interrupt: z
      .string()
      .optional()
      .describe('GPIO line that INTA or INTB is wired to; changes are then published at once.'),
  }),
  channels: ({ pins }) => pinChannels(NAMES, pins),
  async open(chip, { pins, pullUps, activeLow, interrupt }, tools) {
    await setAddressing(chip);
    const inputs = inputPins(chip, pins);
    await inputs.set(IPOL, false);
    await inputs.set(GPPU, pullUps);
    await inputs.set(IODIR, true);
    if (interrupt !== undefined) {
      await chip.transfer(Uint8Array.of(IOCON, MIRROR | OPEN_DRAIN), 0);
      // Each change counts, not a difference from a fixed value.
      await inputs.set(INTCON, false);
      await inputs.set(GPINTEN, true);
    }
    const settings = settingsOf({ pins, pullUps, interrupt });
    const levels = async (): Promise<number> => {
      const found = await chip.transfer(Uint8Array.of(IODIR), REGISTERS);
      checkSettings(found, settings.expected, { mask: settings.mask });
      return uint16le(found, GPIO);
    };
    return pinSensor({ names: NAMES, pins, activeLow, interrupt, tools, levels });
  },
});

/** Makes the registers have the addresses above: a program that was here before may have set BANK or SEQOP. */
async function setAddressing(chip: I2cDevice): Promise<void> {
  const read = async (address: number): Promise<number> => {
    const [byte = 0] = await chip.transfer(Uint8Array.of(address), 1);
    return byte;
  };
  const [first, second] = [await read(BANKED_IOCON[0]), await read(BANKED_IOCON[1])];
  if ((first & BANK) !== 0 && first === second)
    await chip.transfer(Uint8Array.of(BANKED_IOCON[0], first & ~BANK), 0);
  const control = await read(IOCON);
  if ((control & SEQOP) !== 0) await chip.transfer(Uint8Array.of(IOCON, control & ~SEQOP), 0);
}

/** What the registers of these pins must hold, and which bits of them; all others belong to other pins. */
function settingsOf(options: {
  readonly pins: readonly number[];
  readonly pullUps: boolean;
  readonly interrupt: string | undefined;
}): { readonly expected: Uint8Array; readonly mask: Uint8Array } {
  const own = options.pins.reduce((bits, pin) => bits | (1 << pin), 0);
  const expected = new Uint8Array(REGISTERS);
  const mask = new Uint8Array(REGISTERS);
  const pair = (register: number, on: boolean): void => {
    for (const port of [0, 1]) {
      const bits = (own >> (8 * port)) & 0xff;
      mask[register + port] = bits;
      expected[register + port] = on ? bits : 0;
    }
  };
  pair(IODIR, true);
  pair(IPOL, false);
  pair(GPPU, options.pullUps);
  const wired = options.interrupt !== undefined;
  if (wired) {
    pair(GPINTEN, true);
    pair(INTCON, false);
  }
  // Two addresses of one register.
  for (const address of [IOCON, IOCON + 1]) {
    mask[address] = BANK | SEQOP | (wired ? MIRROR | OPEN_DRAIN : 0);
    expected[address] = wired ? MIRROR | OPEN_DRAIN : 0;
  }
  return { expected, mask };
}
