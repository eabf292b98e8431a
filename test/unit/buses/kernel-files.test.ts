import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createKernelFiles } from '../../../src/buses/kernel-files.ts';

const root = mkdtempSync(join(tmpdir(), 'cellgate-files-'));
afterAll(() => rmSync(root, { recursive: true }));

test('reads, lists and measures below its root', async () => {
  mkdirSync(join(root, 'sys'));
  writeFileSync(join(root, 'sys/temp'), '48123\n');
  const files = createKernelFiles(root);
  expect(await files.read('/sys/temp')).toBe('48123');
  expect(await files.list('/sys')).toEqual(['temp']);
  expect((await files.space('/sys')).total).toBeGreaterThan(0);
  await expect(files.read('/sys/none')).rejects.toThrow('ENOENT');
});

test('reads at most 1 MiB', async () => {
  writeFileSync(join(root, 'limit'), 'x'.repeat(1024 * 1024));
  writeFileSync(join(root, 'beyond'), 'x'.repeat(1024 * 1024 + 1));
  const files = createKernelFiles(root);
  expect(await files.read('/limit')).toHaveLength(1024 * 1024);
  await expect(files.read('/beyond')).rejects.toThrow('/beyond has more than 1048576 bytes');
});
