import { spawnSync } from 'node:child_process';

/** npm's variables for its scripts would reach the programs below and what they build; only the registry's settings are kept. */
const ENV = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) =>
      !/^npm_/i.test(name) || /^npm_config_(?:registry|userconfig|cache|.*proxy)$/i.test(name),
  ),
);

/**
 * Runs a program and gives its standard output; throws one sentence and what the program said when it fails.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string> }} [options]
 * @returns {string}
 */
export function run(command, args, { cwd, env = {} } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: { ...ENV, LC_ALL: 'C.UTF-8', ...env },
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (status === 0) return stdout;
  const said = error ? error.message : `${stdout.slice(-4000)}${stderr.slice(-4000)}`;
  throw new Error(`${command} ${args.slice(0, 4).join(' ')} failed:\n${said}`);
}
