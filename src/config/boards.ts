import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

/** A chip with GPIO lines: on an I2C bus, named as in the device tree, or with the line numbers of the board. */
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
  /** The beginning of /proc/device-tree/model. */
  model: z.string().min(1),
  /** The entry in config.txt that makes the kernel name the lines. */
  overlay: z.string().startsWith('dtoverlay=').optional(),
  /** The document that all of this is from. */
  source: z.url({ protocol: /^https$/ }),
  chips: z.array(chipSchema),
  /** Lines that are in use, and their use. */
  taken: z.record(z.string(), z.string()).optional(),
  /** Statements that were not tested on hardware. */
  unverified: z.array(z.string().min(1)).min(1),
});

/** A board: its GPIO lines and their names, with the source of this and the parts that are not verified. */
export type Board = Readonly<z.output<typeof boardSchema>>;

/** All boards of a folder, by the names of their files. Rejects with the name of a file that is invalid. */
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

/** The boards that a machine can be: the model fits and every named line exists. Boards with the most lines come first. */
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
