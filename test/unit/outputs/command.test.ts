import { expect, test } from 'vitest';
import { parseCommand } from '../../../src/outputs/command.ts';

const parse = (text: string) => parseCommand(Buffer.from(text));

test.each([
  ['on', true],
  [' ON\n', true],
  ['true', true],
  ['1', true],
  ['off', false],
  ['False', false],
  ['0', false],
])('%j', (text, value) => expect(parse(text)).toEqual({ value }));

test.each([
  ['{"value":true}', { value: true }],
  ['{"value":"off","id":"a7"}', { value: false, id: 'a7' }],
  ['{"value":1,"id":7,"for":"2s"}', { value: true, id: '7', forMs: 2000 }],
  [
    '{"value":true,"time":"2026-11-20T20:31:00Z"}',
    { value: true, given: Date.UTC(2026, 10, 20, 20, 31) },
  ],
  ['{"value":true,"for":"1ms"}', { value: true, forMs: 1 }],
  ['{"value":true,"for":"1d"}', { value: true, forMs: 86_400_000 }],
  [`{"value":true,"id":"${'x'.repeat(128)}"}`, { value: true, id: 'x'.repeat(128) }],
  [`on${' '.repeat(1022)}`, { value: true }],
])('%s', (text, command) => expect(parse(text)).toEqual(command));

test.each([
  ['', 'expected on, off or JSON'],
  ['maybe', 'expected on, off or JSON'],
  ['{"value":', 'expected on, off or JSON'],
  ['[true]', 'expected on, off or JSON'],
  ['null', 'expected on, off or JSON'],
  ['2', 'expected on, off or JSON'],
  ['constructor', 'expected on, off or JSON'],
  ['__proto__', 'expected on, off or JSON'],
  ['{"value":"constructor"}', 'value: expected true or false'],
  ['{"value":["on"]}', 'value: expected true or false'],
  ['{}', 'value: expected true or false'],
  ['{"value":2}', 'value: expected true or false'],
  ['{"value":true,"fro":"2s"}', '"fro": unknown key, expected value, id, for, time'],
  ['{"value":true,"for":2}', 'for: expected a duration from 1ms to 1d, such as 2s'],
  ['{"value":true,"for":"0ms"}', 'for: expected a duration'],
  ['{"value":true,"for":"2d"}', 'for: expected a duration'],
  ['{"value":true,"for":"86401s"}', 'for: expected a duration'],
  ['{"value":true,"time":1}', 'time: expected a moment'],
  [`{"value":true,"id":"${'x'.repeat(129)}"}`, 'id: expected text of at most 128 characters'],
  [`{"value":true,"${'x'.repeat(60)}":1}`, `"${'x'.repeat(49)}: unknown key`],
  ['{"value":true,"time":"soon"}', 'time: expected a moment'],
  ['{"value":true,"id":{}}', 'id: expected text'],
  ['constructor', 'expected on, off or JSON'],
  ['__proto__', 'expected on, off or JSON'],
  ['{"value":"constructor"}', 'value: expected true or false'],
  ['{"value":{"toString":1}}', 'value: expected true or false'],
  ['{"value":["on"]}', 'value: expected true or false'],
  ['{"value":true,"for":{"toString":1}}', 'for: expected a duration'],
  ['{"value":true,"id":{"toString":1}}', 'id: expected text'],
  ['x'.repeat(1025), 'longer than 1024 bytes'],
])('%s is refused', (text, reason) => {
  expect(parse(text)).toEqual({ refused: expect.stringContaining(reason) });
});

test('a refusal keeps the id, so that its sender knows which', () => {
  expect(parse('{"value":2,"id":"a7"}')).toMatchObject({ id: 'a7' });
});
