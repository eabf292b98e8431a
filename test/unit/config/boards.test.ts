import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fittingBoards, readBoards } from '../../../src/config/boards.ts';
import { lineSchema } from '../../../src/config/schema/sensors.ts';

const boards = await readBoards('config/boards');

test('every board is there', () => {
  expect([...boards.keys()]).toEqual([
    ...['cm4', 'cm5', 'ipc1220', 'ipc2100', 'ipc2210', 'ipc2300', 'ipc2600'],
    ...['ipc3100', 'ipc3210', 'ipc3300', 'ipc3600', 'pi3', 'pi4', 'pi5', 'plc2010'],
  ]);
});

test('every line can be named in a config', () => {
  const names = [...boards.values()].flatMap(({ chips }) => chips.flatMap(({ lines }) => lines));
  const refused = names.filter((name) => / to /.test(name) === lineSchema.safeParse(name).success);
  expect(refused).toEqual([]);
});

test('a board that has LVD says that the line may have another owner', () => {
  for (const { chips, unverified } of boards.values()) {
    const lines = chips.flatMap(({ lines: names }) => (Array.isArray(names) ? names : []));
    expect(unverified.join(' ').includes('ed-lvd')).toBe(lines.includes('LVD'));
  }
});

test('the eight inputs and outputs of an IPC2600 are lines 0 to 15', () => {
  const lines = boards
    .get('ipc2600')
    ?.chips.find((chip) => 'address' in chip && chip.address === 0x27)?.lines;
  expect([lines?.[0], lines?.[7], lines?.[8], lines?.[15]]).toEqual(['DI0', 'DI7', 'DO0', 'DO7']);
});

test('the model and the lines that exist say which boards a machine may be', () => {
  const lines = new Set(['5V_GOOD', 'LVD', 'BUZZER_EN', '4G_RST', '4G_LED', 'USER_LED']);
  const model = 'Raspberry Pi Compute Module 4 Rev 1.1';
  expect(fittingBoards(boards, model, lines)).toEqual(['ipc2100', 'cm4']);
  for (let n = 0; n < 8; n += 1) lines.add(`DI${n}`).add(`DO${n}`);
  expect(fittingBoards(boards, model, lines)[0]).toBe('ipc2600');
  expect(fittingBoards(boards, 'Raspberry Pi 5 Model B Rev 1.0', lines)).toEqual(['pi5']);
  expect(fittingBoards(boards, 'QEMU', lines)).toEqual([]);
});

test('a board without a source is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-boards-'));
  writeFileSync(join(folder, 'x.yaml'), 'name: X\nmodel: X\nchips: []\nunverified: [all]\n');
  await expect(readBoards(folder)).rejects.toThrow(`board ${folder}/x.yaml is wrong`);
  rmSync(folder, { recursive: true });
});
