import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { drivers } from '../../../src/driver-table.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellgate-pins-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SENSORS = [
  '{ name: half, driver: mcp23017, bus: i2c-1, address: 0x22, pins: [0, 3] }',
  '{ name: port, driver: pcf8574, bus: i2c-1, address: 0x38, pins: [0] }',
  '{ name: thermometer, driver: mcp9808, bus: i2c-1, address: 0x18 }',
];

/** What is wrong with an output on that line, beside one on mcp23017@i2c-1/0x20:1. */
async function wrong(line: string): Promise<string | undefined> {
  const outputs = ['mcp23017@i2c-1/0x20:1', line].map(
    (one, index) => `{ name: relay/${index}, driver: digital-output, line: ${one} }`,
  );
  const list = (elements: readonly string[]) => elements.map((one) => `  - ${one}`);
  const text = ['cell: c', 'sensors:', ...list(SENSORS), 'outputs:', ...list(outputs), ''];
  writeFileSync(join(folder, 'cell.yaml'), text.join('\n'));
  const { problems } = await loadConfig('cell.yaml', drivers, folder);
  return problems[0]?.message;
}

test.each([
  'mcp23017@i2c-1/0x20:8',
  // The sensor there takes other pins.
  'mcp23017@i2c-1/0x22:4',
  'pca9535@i2c-1/0x70/3/0x20:15',
  'pcf8574@i2c-1/0x39:7',
])('%s is fine', async (line) => {
  expect(await wrong(line)).toBeUndefined();
});

test.each([
  ['mcp23017@i2c-1/0x20:16', 'the mcp23017 has no pin 16, expected 0 to 15'],
  [
    'mcp23071@i2c-1/0x21:8',
    'there is no chip mcp23071 with outputs, expected mcp23017, pca9535 or pcf8574 (did you mean mcp23017?)',
  ],
  [
    'mcp9808@i2c-1/0x18:1',
    'there is no chip mcp9808 with outputs, expected mcp23017, pca9535 or pcf8574',
  ],
  ['pcf8574@i2c-1/0x30:1', /^a pcf8574 can't be at 0x30, expected 0x20, 0x21, .* 0x3f$/],
  [
    'pca9535@i2c-1/0x20:8',
    '0x20 on i2c-1 is a mcp23017 already, expected the address of another chip',
  ],
  [
    'mcp23017@i2c-1/0x22:3',
    '0x22 on i2c-1 is read by the sensor in line 3, expected a pin that no sensor takes',
  ],
  [
    'pcf8574@i2c-1/0x38:7',
    '0x38 on i2c-1 is read by the sensor in line 4, expected a pin that no sensor takes',
  ],
  [
    'mcp23017@i2c-1/0x20:1',
    'mcp23017@i2c-1/0x20:1 is taken by the output in line 7 already, expected another line',
  ],
  ['mcp23017@i2c-1/22:1', 'found "mcp23017@i2c-1/22:1", expected line: mcp23017@i2c-1/0x22:1'],
  [
    'mcp23017@i2c-1/0x21:1, drive: open-drain',
    'found "open-drain", expected push-pull, as an expander drives its pins',
  ],
])('%s is not', async (line, message) => {
  expect(await wrong(line)).toEqual(
    typeof message === 'string' ? message : expect.stringMatching(message),
  );
});
