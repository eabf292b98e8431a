/** A checker of Stryker's that passes a share of the mutants, which the seed gives; the others are not tried. */
import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import { CheckStatus } from '@stryker-mutator/api/check';
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin';

class Sample {
  async init() {}

  async group(mutants) {
    return [mutants.map(({ id }) => id)];
  }

  async check(mutants) {
    return Object.fromEntries(mutants.map((mutant) => [mutant.id, answer(isChosen(mutant))]));
  }
}

function answer(chosen) {
  return chosen
    ? { status: CheckStatus.Passed }
    : { status: CheckStatus.CompileError, reason: 'not in the sample' };
}

/** The same for one place, change and seed, whatever else is in the file and on whichever machine. */
function isChosen({ fileName, location, mutatorName, replacement }) {
  const { MUTATION_ROOT: root, MUTATION_SEED: seed, MUTATION_SHARE: share } = process.env;
  const place = [relative(root, fileName), location, mutatorName, replacement];
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...place]))
    .digest();
  return digest.readUInt32BE(0) / 2 ** 32 < Number(share) / 100;
}

export const strykerPlugins = [declareClassPlugin(PluginKind.Checker, 'sample', Sample)];
