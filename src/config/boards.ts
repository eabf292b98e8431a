import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

/** Where a chip's lines are: on an I2C bus as the device tree calls it, or the chip with the board's own numbers. */
const chipSchema = z.union([
  z.strictObject({
    chip: z.string(),
    bus: z.enum(['i2c_arm', 'i2c_csi_dsi', 'i2c_csi_dsi0']),
    address: z.int().min(0x08).max(0x77),
    /** In order from 0; NC for one that is not connected. */
    lines: z.array(z.string().min(1)).min(1).max(64),
  }),
  z.strictObject({ chip: z.string(), label: z.string(), lines: z.string() }),
]);

const boardSchema = z.strictObject({
  name: z.string().min(1),
  /** How /proc/device-tree/model begins. */
  model: z.string().min(1),
  /** What config.txt must say, so that the kernel names the lines. */
  overlay: z.string().startsWith('dtoverlay=').optional(),
  /** Where all of this was read. */
  source: z.url({ protocol: /^https$/ }),
  chips: z.array(chipSchema),
  /** Lines that are in use, and for what. */
  taken: z.record(z.string(), z.string()).optional(),
  /** What nobody has tried. */
  unverified: z.array(z.string().min(1)).min(1),
});

/** A board as data: which lines it has under which names, from where that is known and what is not. */
export type Board = Readonly<z.output<typeof boardSchema>>;

/** All boards of a folder, by the names of their files. Rejects with the file that is wrong. */
export async function readBoards(folder: string): Promise<ReadonlyMap<string, Board>> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
  const boards = new Map<string, Board>();
  for (const file of files) {
    try {
      const text = await readFile(path.join(folder, file), 'utf8');
      boards.set(file.replace(/\.yaml$/, ''), boardSchema.parse(parse(text)));
    } catch (cause) {
      throw new Error(`board ${path.join(folder, file)} is wrong`, { cause });
    }
  }
  return boards;
}

/** The boards that a machine may be: of its model, with every named line there; those with the most lines first. */
export function fittingBoards(
  boards: ReadonlyMap<string, Board>,
  model: string,
  lineNames: ReadonlySet<string>,
): string[] {
  const named = ({ chips }: Board): string[] =>
    chips.flatMap(({ lines }) => (Array.isArray(lines) ? lines.filter((one) => one !== 'NC') : []));
  return [...boards]
    .filter(([, board]) => model.startsWith(board.model))
    .filter(([, board]) => named(board).every((line) => lineNames.has(line)))
    .sort(([, a], [, b]) => named(b).length - named(a).length)
    .map(([name]) => name);
}
