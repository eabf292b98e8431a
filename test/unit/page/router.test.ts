import { expect, test } from 'vitest';
import { addressOf, placeOf, TABS } from '../../../src/page/router.ts';

test.each(TABS)('the address of %s leads to it, with and without a part', (tab) => {
  expect(placeOf(addressOf(tab))).toMatchObject({ tab, part: '' });
  for (const part of ['robot', 'a/b', 'Öl %', '#']) {
    expect(placeOf(addressOf(tab, part))).toMatchObject({ tab, part });
  }
});

test.each(['', '#', '#main', '#Overview', '#overview2'])(
  '%j is the address of no section',
  (hash) => {
    expect(placeOf(hash)).toBeUndefined();
  },
);

test('a part that is not encoded is no part', () => {
  expect(placeOf('#sensors/%E0%A4%A')).toMatchObject({ tab: 'sensors', part: '' });
});
