import { expect, test } from 'vitest';
import { readCommand } from '../../../src/driver-kit/command.ts';

const FORM = { expected: 'expected on', keys: ['value', 'id', 'by'] };
const read = (text: string) => readCommand(Buffer.from(text), FORM);

test.each([
  ['on', { word: 'on' }],
  [' On\n', { word: 'On' }],
  ['12', { word: '12' }],
  ['null', { word: 'null' }],
  ['', { word: '' }],
  ['{"value":1}', { fields: { value: 1 } }],
  ['{"id":7,"by":"Anna"}', { fields: { id: 7, by: 'Anna' }, id: '7', by: 'Anna' }],
  ['["on"]', { refused: 'expected on' }],
  ['{"id":"7","valve":1}', { id: '7', refused: '"valve": unknown key, expected value, id, by' }],
  ['{"id":{}}', { refused: 'id: expected text of at most 128 characters' }],
  ['{"id":1,"by":[]}', { id: '1', refused: 'by: expected text of at most 128 characters' }],
])('%j', (text, expected) => {
  expect(read(text)).toEqual(expected);
});

test('an object has no keys of its prototype', () => {
  expect(read('{"__proto__":1}')).toMatchObject({
    refused: expect.stringContaining('unknown key'),
  });
  expect(read('{"constructor":1}')).toMatchObject({
    refused: '"constructor": unknown key, expected value, id, by',
  });
});

test('the longest payload and the longest text are taken, longer ones refused', () => {
  const text = (length: number) => 'x'.repeat(length);
  expect(read(text(1024))).toEqual({ word: text(1024) });
  expect(read(text(1025))).toEqual({ refused: 'longer than 1024 bytes' });
  expect(read(`{"id":"${text(128)}"}`)).toMatchObject({ id: text(128) });
  expect(read(`{"id":"${text(129)}"}`)).toMatchObject({ refused: expect.stringContaining('id: ') });
});
