import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const READY_MS = 30_000;
const STOP_MS = 30_000;

/** A server that a test started: the gateway, or Mosquitto to compare with. */
export interface ServerProcess {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** SIGTERM; resolves with the exit code, null when a signal ended it. */
  stop(): Promise<number | null>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same ports and data; stops it first when it still runs. */
  restart(): Promise<void>;
  /** Ends the process and removes its folder. */
  dispose(): Promise<void>;
}

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** All must accept connections before the server counts as started. */
  readonly ports: readonly number[];
  /** Removed in the end. */
  readonly folder: string;
  readonly env?: NodeJS.ProcessEnv;
  /** How long it may take until the ports accept; 30 s by default. */
  readonly readyMs?: number;
}

/** Starts a server and resolves once its ports accept connections; fails with what it wrote when it can't. */
export async function startServer(server: ServerCommand): Promise<ServerProcess> {
  let child: ChildProcess;
  let stdout = '';
  let stderr = '';
  const cleanUp = () => {
    child?.kill('SIGKILL');
    rmSync(server.folder, { recursive: true, force: true });
  };
  const running = () => child.exitCode === null && child.signalCode === null;

  const start = async () => {
    child = spawn(server.command, server.args, {
      cwd: server.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(server.env ? { env: server.env } : {}),
    });
    child.stdout?.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    await once(child, 'spawn');
    const deadline = Date.now() + (server.readyMs ?? READY_MS);
    for (const port of server.ports) {
      while (!(await accepts(port))) {
        const name = [server.command, ...server.args].join(' ');
        if (!running())
          throw new Error(`${name} ended with ${child.exitCode}: ${stderr || stdout}`);
        if (Date.now() > deadline) throw new Error(`${name}: port ${port} is not open: ${stderr}`);
        await delay(20);
      }
    }
  };

  const end = async (signal: NodeJS.Signals) => {
    if (running()) {
      const exited = once(child, 'exit', { signal: AbortSignal.timeout(STOP_MS) });
      child.kill(signal);
      await exited.catch(() => {
        child.kill('SIGKILL');
        throw new Error(`${server.command} did not end within ${STOP_MS} ms of ${signal}`);
      });
    }
    return child.exitCode;
  };

  process.once('exit', cleanUp);
  try {
    await start();
  } catch (error) {
    process.off('exit', cleanUp);
    cleanUp();
    throw error;
  }
  return {
    get pid() {
      return child.pid ?? 0;
    },
    stdout: () => stdout,
    stderr: () => stderr,
    stop: () => end('SIGTERM'),
    kill: async () => {
      await end('SIGKILL');
    },
    restart: async () => {
      await end('SIGTERM');
      await start();
    },
    dispose: async () => {
      await end('SIGKILL');
      process.off('exit', cleanUp);
      cleanUp();
    },
  };
}

/**
 * A loopback port that is free, and is given to no other test while this process runs. It lies below the range
 * that the kernel gives to outgoing connections, so that it stays free while a server restarts.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if ((await reserve(port)) && (await canListen(port))) return port;
  }
  throw new Error('no free port between 10000 and 30000');
}

/** An abstract socket with the port in its name: the kernel gives the name to one process, and back at its end. */
function reserve(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const reservation = createServer().unref();
    reservation.once('error', () => resolve(false));
    reservation.listen(`\0cellgate-test-port-${port}`, () => resolve(true));
  });
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
