import { expect, test } from 'vitest';
import {
  birthFilter,
  certificateKind,
  certificateTopic,
  isOfCertificates,
} from '../../../src/mqtt/sparkplug-topics.ts';

const LONG = 'n'.repeat(65_535 - 24 - 'spBv1.0/g/NBIRTH/'.length);

test.each([
  ['spBv1.0/g/NBIRTH/n', 'birth'],
  ['spBv1.0/g 1/DBIRTH/n/d', 'birth'],
  ['spBv1.0/NBIRTH/NBIRTH/NBIRTH', 'birth'],
  ['spBv1.0/g/NDEATH/n', 'death'],
  [`spBv1.0/g/NBIRTH/${LONG}`, 'birth'],
  [`spBv1.0/g/NBIRTH/${LONG}n`, undefined],
  ['spBv1.0/g/NBIRTH', undefined],
  ['spBv1.0/g/NBIRTH/', undefined],
  ['spBv1.0//NBIRTH/n', undefined],
  ['spBv1.0/g/NBIRTH/n/d', undefined],
  ['spBv1.0/g/DBIRTH/n', undefined],
  ['spBv1.0/g/DBIRTH/n/d/e', undefined],
  ['spBv1.0/g/NDEATH/n/d', undefined],
  ['spBv1.0/g/DDEATH/n/d', undefined],
  ['spBv1.0/g/NDATA/n', undefined],
  ['spBv1.0/STATE/NBIRTH', undefined],
  ['spAv1.0/g/NBIRTH/n', undefined],
  ['a/spBv1.0/g/NBIRTH/n', undefined],
  ['$sparkplug/certificates/spBv1.0/g/NBIRTH/n', undefined],
  ['spBv1.0', undefined],
])('%.60s is a certificate of: %s', (topic, kind) => {
  expect(certificateKind(topic)).toBe(kind);
});

test('a certificate is below $sparkplug/certificates, which is the broker alone', () => {
  const topic = certificateTopic('spBv1.0/g/NBIRTH/n');
  expect(topic).toBe('$sparkplug/certificates/spBv1.0/g/NBIRTH/n');
  expect(isOfCertificates(topic)).toBe(true);
  expect(isOfCertificates('$sparkplug/other')).toBe(true);
  expect(isOfCertificates('$sparkplugs/other')).toBe(false);
});

test.each([
  ['$sparkplug/certificates/spBv1.0/g/NBIRTH/n', 'spBv1.0/g/NBIRTH/n'],
  ['$sparkplug/certificates/spBv1.0/g/#', 'spBv1.0/g/#'],
  ['$sparkplug/certificates/spBv1.0/+/NBIRTH/+', 'spBv1.0/+/NBIRTH/+'],
  ['$sparkplug/certificates/+/g/NBIRTH/n', 'spBv1.0/g/NBIRTH/n'],
  ['$sparkplug/+/+/g/#', 'spBv1.0/g/#'],
  ['$sparkplug/certificates/#', 'spBv1.0/#'],
  ['$sparkplug/#', 'spBv1.0/#'],
  ['$sparkplug/other/spBv1.0/g', undefined],
  ['$sparkplug/certificates/other/#', undefined],
  ['$sparkplug/certificates', undefined],
  ['$sparkplug', undefined],
  ['spBv1.0/#', undefined],
  ['#', undefined],
])('through the certificates %s reads %s', (filter, births) => {
  expect(birthFilter(filter)).toBe(births);
});
