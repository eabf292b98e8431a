import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { modulesFor } from './modules.mjs';
import { NODE_VERSION, TARGETS } from './target.mjs';

/** What is in the package: a CycloneDX document of the locked modules and of Node, the same for the same commit. */
export function billOfMaterials({ arch, version, date }) {
  const text = readFileSync(join(modulesFor(arch), 'sbom.json'), 'utf8');
  const { serialNumber: _, ...bill } = JSON.parse(text);
  const { metadata } = bill;
  // npm takes the name from the folder that it ran in.
  const component = { ...metadata.component, type: 'application', name: 'cellgate', version };
  const [algorithm, hash] = TARGETS[arch].integrity.split(/-(.*)/s);
  const node = {
    'bom-ref': `node@${NODE_VERSION}`,
    type: 'platform',
    name: 'node',
    version: NODE_VERSION,
    purl: `pkg:npm/${TARGETS[arch].node}@${NODE_VERSION}`,
    hashes: [
      {
        alg: algorithm.replace('sha', 'SHA-'),
        content: Buffer.from(hash, 'base64').toString('hex'),
      },
    ],
    licenses: [{ license: { id: 'MIT' } }],
  };
  return {
    ...bill,
    metadata: { ...metadata, timestamp: date.toISOString(), component },
    components: [node, ...bill.components],
  };
}
