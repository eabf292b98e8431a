import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openGpioKernel } from '../../../src/buses/gpio-kernel.ts';
import { GET_CHIPINFO } from '../../../src/buses/gpio-uapi.ts';

test('the native modules are built: what the kernel says comes through with its code', () => {
  const kernel = openGpioKernel();
  expect(Array.isArray(kernel.devices())).toBe(true);
  const fd = kernel.open('null');
  expect(() => kernel.ioctl(fd, GET_CHIPINFO, Buffer.alloc(68))).toThrow(
    expect.objectContaining({ code: 'ENOTTY' }),
  );
  kernel.close(fd);
  expect(() => kernel.open('gpiochip999')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});

test('a watcher of a file is called when there is something to read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-fifo-'));
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const kernel = openGpioKernel();
  const woken = new EventTarget();
  const bytes = Buffer.alloc(16);
  let length = 0;
  const unwatch = kernel.watch(fd, (error) => {
    expect(error).toBeNull();
    length = kernel.read(fd, bytes);
    woken.dispatchEvent(new Event('edge'));
  });
  for (const text of ['one', 'three']) {
    const edge = once(woken, 'edge');
    writeSync(fd, text);
    await edge;
    expect(bytes.toString('utf8', 0, length)).toBe(text);
  }
  unwatch();
  closeSync(fd);
  rmSync(folder, { recursive: true });
});
