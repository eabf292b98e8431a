import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { REPOSITORY } from './gateway.ts';

/** An authority made by `cellgate tls init` in a folder that goes with the test. */
export class Authority {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'cellgate-tls-'));

  constructor() {
    onTestFinished(() => rmSync(this.folder, { recursive: true }));
    this.run('init', '--name', 'localhost', '127.0.0.1');
  }

  /** Runs `cellgate tls …` on it. */
  run(...words: readonly string[]): void {
    const cli = join(REPOSITORY, 'dist/program/cli.js');
    execFileSync(process.execPath, [cli, 'tls', ...words, '--dir', this.folder], { stdio: 'pipe' });
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  /** A certificate that ended yesterday; for a client or for the server. */
  expired(name: string, use: 'clientAuth' | 'serverAuth'): void {
    const openssl = (...words: readonly string[]): void => {
      execFileSync('openssl', words, { cwd: this.folder, stdio: 'pipe' });
    };
    const [key, request] = [`${name}.key`, `${name}.csr`];
    writeFileSync(this.file('ext'), `extendedKeyUsage=${use}\nsubjectAltName=DNS:localhost\n`);
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    openssl('req', ...ec, '-keyout', key, '-out', request, '-subj', `/CN=${name}`);
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-extfile', 'ext', '-days', '-1'];
    openssl('x509', '-req', '-in', request, ...signed, '-out', `${name}.crt`);
  }
}
