/** A reporter of Stryker's that writes each result at once, so that a run that is ended has results too. */
import { appendFileSync } from 'node:fs';
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin';

class LinesReporter {
  onMutantTested({ fileName, location, mutatorName, replacement, status }) {
    const line = { fileName, location, mutatorName, replacement, status };
    appendFileSync(process.env.MUTATION_RESULTS, `${JSON.stringify(line)}\n`);
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.Reporter, 'lines', LinesReporter)];
