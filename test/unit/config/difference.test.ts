import { expect, test } from 'vitest';
import { differences } from '../../../src/config/difference.ts';
import type { Config } from '../../../src/config/schema/schema.ts';

const config = (sensors: readonly object[]) => ({ sensors }) as unknown as Config;

test('addresses are shown in hex, alone and in a new sensor', () => {
  const before = config([{ name: 'a', address: 0x48 }]);
  const after = config([
    { name: 'a', address: 0x49 },
    { name: 'b', driver: 'tmp102', address: 0x08, every: 72 },
  ]);
  expect(differences(before, after)).toEqual([
    'sensors.a.address: 0x48 -> 0x49',
    'sensors.b: new, {"name":"b","driver":"tmp102","address":0x08,"every":72}',
  ]);
});
