import { expect, test } from 'vitest';
import { playback, playbackFiles } from '../../../src/buses/playback.ts';
import { settle } from '../../support/manual-clock.ts';
import { playbackLine } from '../../support/playback-gpio.ts';

test('answers as scripted, fails as scripted, and must be used up', async () => {
  const chip = playback([
    { write: '01C383', read: '' },
    { write: '00', read: '4000' },
    { write: '', error: 'no answer from 0x48 on i2c-1' },
  ]);
  expect(await chip.transfer(Uint8Array.of(0x01, 0xc3, 0x83), 0)).toEqual(new Uint8Array());
  expect(await chip.transfer(Uint8Array.of(0), 2)).toEqual(Uint8Array.of(0x40, 0x00));
  expect(() => chip.done()).toThrow('1 of 3 transfers not used, the next writes nothing');
  await expect(chip.transfer(new Uint8Array(), 1)).rejects.toThrow('no answer from 0x48 on i2c-1');
  chip.done();
});

test('reports the expected and the actual transfer, also when the driver ignores errors', async () => {
  const chip = playback([{ write: '00', read: '4000' }]);
  const sentence = 'transfer 1 of 1: expected write 00, read 2 bytes, got write 01, read 2 bytes';
  await expect(chip.transfer(Uint8Array.of(1), 2)).rejects.toThrow(sentence);
  expect(() => chip.done()).toThrow(sentence);
});

test('refuses what comes after the end', async () => {
  const chip = playback([]);
  await expect(chip.transfer(Uint8Array.of(1), 2)).rejects.toThrow(
    'transfer 1: expected none after 0, got write 01, read 2 bytes',
  );
});

test('a line gives its level and its changes until it is aborted', async () => {
  const line = playbackLine();
  const input = await line.input({ activeLow: true });
  expect(line.taken).toEqual({ activeLow: true });
  const end = new AbortController();
  const seen: boolean[] = [];
  const watching = (async () => {
    for await (const { rising } of input.edges(end.signal)) seen.push(rising);
  })();
  line.set(true);
  line.set(true);
  line.set(false);
  expect(await input.read()).toBe(false);
  await settle();
  end.abort();
  await watching;
  expect(seen).toEqual([true, false]);
});

test('files in memory are listed by folder', async () => {
  const files = playbackFiles(
    new Map([
      ['/sys/a/x', '1\n'],
      ['/sys/a/y/z', '2'],
    ]),
  );
  expect(await files.read('/sys/a/x')).toBe('1');
  expect(await files.list('/sys/a')).toEqual(['x', 'y']);
  await expect(files.read('/sys/b')).rejects.toThrow('ENOENT');
});
