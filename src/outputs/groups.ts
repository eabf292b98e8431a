import { isDeepStrictEqual } from 'node:util';
import { Sequence } from '../base/sequence.ts';
import type { OutputConfig } from '../config/schema/outputs.ts';
import { createOutputs, type Outputs, type OutputsParts } from './outputs.ts';

/** All outputs, in groups that can be exchanged one by one. */
export interface OutputGroups extends Outputs {
  /**
   * Brings the outputs to another config: those that are the same in it stay as they are, the others go safe first.
   * Throws before anything has changed when the config makes no sense.
   */
  applyConfig(outputs: readonly OutputConfig[]): Promise<void>;
}

interface Group {
  readonly configs: readonly OutputConfig[];
  readonly outputs: Outputs;
}

/** Outputs that have not been started. Throws when a topic makes no sense; hardware is not touched. */
export function createOutputGroups(parts: Omit<OutputsParts, 'sequence'>): OutputGroups {
  const sequence = new Sequence();
  const create = (configs: readonly OutputConfig[]): Group => ({
    configs,
    outputs: createOutputs({ ...parts, sequence, outputs: configs }),
  });
  let groups = grouped(parts.outputs).map(create);
  return {
    name: 'outputs',
    async start() {
      for (const { outputs } of groups) await outputs.start();
    },
    async stop() {
      await Promise.all(groups.map(({ outputs }) => outputs.stop()));
    },
    async applyConfig(next) {
      const before = groups;
      groups = grouped(next).map(
        (configs) =>
          before.find((one) => isDeepStrictEqual(one.configs, configs)) ?? create(configs),
      );
      const [now, then] = [new Set(groups), new Set(before)];
      await Promise.all(before.filter((one) => !now.has(one)).map(({ outputs }) => outputs.stop()));
      for (const one of groups) if (!then.has(one)) await one.outputs.start();
    },
    status: () => groups.flatMap(({ outputs }) => outputs.status()),
    trouble() {
      const troubles = groups.map(({ outputs }) => outputs.trouble?.());
      return troubles.filter((one) => one !== undefined).join('; ') || undefined;
    },
    async supplyChanged(fails) {
      await Promise.all(groups.map(({ outputs }) => outputs.supplyChanged(fails)));
    },
    uplinkChanged(connected) {
      for (const { outputs } of groups) outputs.uplinkChanged(connected);
    },
  };
}

/** Outputs that watch the same line belong together, for a line is watched once; the others stand alone. */
function grouped(outputs: readonly OutputConfig[]): OutputConfig[][] {
  const byLine = new Map<string, OutputConfig[]>();
  const groups: OutputConfig[][] = [];
  for (const output of outputs) {
    const line = output.interlock?.line;
    const group = line === undefined ? undefined : byLine.get(line);
    if (group) {
      group.push(output);
      continue;
    }
    const fresh = [output];
    groups.push(fresh);
    if (line !== undefined) byLine.set(line, fresh);
  }
  return groups;
}
