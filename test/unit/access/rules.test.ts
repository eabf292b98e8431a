import { expect, test } from 'vitest';
import { Rights, type Rule } from '../../../src/access/rules.ts';

const rights = (topic: string, user = 'u', client = 'c', allow: Rule['allow'] = 'readwrite') =>
  new Rights([{ topic, allow }], user, client);

test.each([
  ['a/#', 'a', true],
  ['a/#', 'a/b/c', true],
  ['a/#', 'ab', false],
  ['a/+', 'a/b', true],
  ['a/+', 'a/b/c', false],
  ['a/+', 'a', false],
  ['#', 'a/b', true],
  ['#', '$SYS/x', false],
  ['+/x', '$SYS/x', false],
  ['$SYS/#', '$SYS/x', true],
  ['', 'a', false],
  ['a//b', 'a//b', true],
])('%s covers the topic %s: %s', (rule, topic, may) => {
  expect(rights(rule).mayPublish(topic)).toBe(may);
  expect(rights(rule).maySubscribe(topic)).toBe(may);
});

test.each([
  ['a/#', '#', false],
  ['a/#', '+/b', false],
  ['a/#', 'a/+/#', true],
  ['a/+', 'a/#', false],
  ['a/+', 'a/+', true],
  ['a/b', 'a/+', false],
  ['a/+/c', 'a/+/+', false],
  ['#', '#', true],
  ['#', '$SYS/#', false],
  ['a/#', 'a', true],
])('%s covers all that the filter %s matches: %s', (rule, filter, may) => {
  expect(rights(rule).maySubscribe(filter)).toBe(may);
});

test.each([
  ['spBv1.0/#', '$sparkplug/certificates/#', true],
  ['spBv1.0/#', '$sparkplug/#', true],
  ['#', '$sparkplug/#', true],
  ['spBv1.0/g/#', '$sparkplug/certificates/spBv1.0/g/NBIRTH/+', true],
  ['spBv1.0/g/NBIRTH/n', '$sparkplug/certificates/spBv1.0/g/NBIRTH/n', true],
  ['spBv1.0/g/#', '$sparkplug/certificates/spBv1.0/+/NBIRTH/n', false],
  ['spBv1.0/g/#', '$sparkplug/certificates/#', false],
  ['spBv1.0/g/#', '$sparkplug/#', false],
  ['spBv1.0/g/#', '$sparkplug/+/+/h/NBIRTH/n', false],
  ['$sparkplug/#', '$sparkplug/certificates/spBv1.0/g/NBIRTH/n', false],
  ['$sparkplug/#', '$sparkplug/#', false],
])('the rule %s lets read the certificates %s: %s', (rule, filter, may) => {
  expect(rights(rule).maySubscribe(filter)).toBe(may);
});

test('what a client may read is said by as few filters as possible', () => {
  const rules: Rule[] = [
    { topic: 'a/#', allow: 'read' },
    { topic: 'a/b', allow: 'readwrite' },
    { topic: 'a/#', allow: 'readwrite' },
    { topic: 'c/%u/+', allow: 'read' },
    { topic: 'd/%c', allow: 'read' },
    { topic: 'e', allow: 'write' },
  ];
  expect(new Rights(rules, 'u', undefined).readable).toEqual(['a/#', 'c/u/+']);
});

test('reading is not writing', () => {
  expect(rights('a', 'u', 'c', 'read').mayPublish('a')).toBe(false);
  expect(rights('a', 'u', 'c', 'write').maySubscribe('a')).toBe(false);
});

test.each(['+', '#', 'a/b', '', '$SYS', 'x#'])('the name "%s" widens no rule', (name) => {
  for (const topic of ['other/x', 'a/b', 'x', '$SYS/x', `${name}/x`]) {
    expect(rights('%u/x', name).mayPublish(topic)).toBe(false);
    expect(rights('%u/#', name).maySubscribe(topic)).toBe(false);
    expect(rights('%c/#', 'u', name).maySubscribe(topic)).toBe(false);
  }
});

test('%u and %c stand for the user and the client id', () => {
  const own = rights('cell/%u/%c/#', 'hmi', 'panel1');
  expect(own.mayPublish('cell/hmi/panel1/x')).toBe(true);
  expect(own.mayPublish('cell/hmi/panel2/x')).toBe(false);
  expect(new Rights([{ topic: '%u', allow: 'write' }], undefined, 'c').mayPublish('')).toBe(false);
});
