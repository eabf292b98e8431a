import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { ownershipProblem } from '../base/file-ownership.ts';
import * as driverKit from './driver.ts';

/**
 * The default export of a driver file outside the installation: `({ defineDriver, z }) => defineDriver({ … })`.
 * It can't import the gateway's modules, so it receives the exports of driver.ts.
 */
type DriverFile = (kit: typeof driverKit) => driverKit.Driver;

/**
 * Loads a driver file. Only root or the user of this process may be able to change it, as it runs with the rights of this process.
 * Rejects with the path and the problem.
 */
export async function loadDriver(path: string): Promise<driverKit.Driver> {
  try {
    const problem = await ownershipProblem(path).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      return 'there is no such file';
    });
    if (problem !== undefined) throw new Error(problem);
    const module: unknown = await import(pathToFileURL(resolve(path)).href);
    const make = fileShape.parse(module).default as DriverFile;
    const driver = make(driverKit);
    driverShape.parse(driver);
    return driver;
  } catch (cause) {
    const wrong = cause instanceof z.ZodError ? z.prettifyError(cause) : undefined;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`driver ${path}: ${wrong ?? said}`, { cause });
  }
}

const callable = z.custom((value) => typeof value === 'function', 'expected a function');

const fileShape = z.object({ default: callable });

const driverShape = z.object({
  name: z.string(),
  summary: z.string(),
  bus: z.enum(['i2c', 'gpio-input', 'gpio-inputs', 'files', 'none']),
  addresses: z.array(z.int().min(0x08).max(0x77)).optional(),
  lines: z.array(z.string()).min(1).max(64).optional(),
  options: z.custom((value) => value instanceof z.ZodObject, 'expected a z.strictObject'),
  notes: z.array(z.string()).optional(),
  readMs: callable.optional(),
  channels: callable,
  open: callable,
});
