/** What a long config costs. */
import { writeFileSync } from 'node:fs';

/** Lines of one sensor below. */
const LINES = 10;

/** A config of about so many lines, as a person writes it. */
function yamlOf(folder, count) {
  const sensors = Array.from(
    { length: Math.floor(count / LINES) },
    (_, n) => `  - name: group${n % 20}/s${n}
    # A sensor of the cell.
    driver: simulated
    signal: joint-temperature
    every: 1s
    label: Sensor ${n}
    filters:
      - deadband: 0.5
      - heartbeat: 60s
    expires: 120s
`,
  );
  return `cell: scaling\ndata: ${folder}/none\nsensors:\n${sensors.join('')}`;
}

/** What the checks of such a config have in common; `isRight` is whether `check` must find it in order. */
function checkOf(isRight, change = (text) => text) {
  return {
    takes: '30 s',
    sizes: [100, 5000, 50_000],
    small: [100, 200],
    unit: 'ms',
    figure: 'processor time',
    bound: '5,000 sensors',
    async run(target, size) {
      writeFileSync(target.file, change(yamlOf(target.folder, size)));
      const { code, cpuMs, errors } = await target.verb('check');
      if ((code === 0) !== isRight) throw new Error(`check ended with ${code}: ${errors}`);
      return cpuMs;
    },
  };
}

export const configCases = {
  'check-lines': { title: '`check` of a config, lines', ...checkOf(true) },
  'check-mistakes': {
    title: '`check` of a config with a mistake in each sensor, lines',
    ...checkOf(false, (text) => text.replaceAll('every:', 'evry:')),
  },
};
