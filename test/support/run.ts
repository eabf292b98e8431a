import { type SpawnOptions, spawn } from 'node:child_process';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Written to its standard input, which is then closed. */
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** The program is killed after this time, and the promise rejects. */
  readonly withinMs?: number;
  /** Kills the program (SIGKILL); it counts as run to its end. */
  readonly signal?: AbortSignal;
  /** Called with all of its output so far whenever there is more. */
  readonly onOutput?: (stdout: string) => void;
}

/** Runs a program to its end; rejects when it can't start or takes too long. */
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const withinMs = options.withinMs ?? 15_000;
  return new Promise((resolve, reject) => {
    const spawnOptions: SpawnOptions = {
      stdio: 'pipe',
      ...(options.cwd ? { cwd: options.cwd } : {}),
      ...(options.env ? { env: { ...process.env, ...options.env } } : {}),
    };
    const child = spawn(command, args, spawnOptions);
    options.signal?.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
    let stdout = '';
    let stderr = '';
    const name = [command, ...args].join(' ');
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${name} took more than ${withinMs} ms: ${stdout}${stderr}`));
    }, withinMs);
    child.stdout?.on('data', (chunk) => {
      stdout += chunk;
      options.onOutput?.(stdout);
    });
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(new Error(`${name} did not start`, { cause }));
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}
