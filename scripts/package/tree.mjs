import {
  chmodSync,
  cpSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ROOT } from '../set-up.mjs';
import { configToBeginWith } from './config.mjs';
import { modulesFor, packagesIn } from './modules.mjs';
import { run } from './run.mjs';
import { billOfMaterials } from './sbom.mjs';
import { NODE_VERSION, nodeFor } from './target.mjs';

const read = (file) => readFileSync(join(ROOT, file), 'utf8');
const DOCS = ['access', 'clients', 'config', 'filters', 'install', 'operations', 'uplink'];
const MONITORING = ['prometheus-alerts.yaml', 'grafana-dashboard.json'];

/** Lays out in `root` every file that the package installs, except those that dpkg itself reads. */
export function layOut(root, { arch, version, date }) {
  const put = (path, text, mode = 0o644) => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, mode);
  };
  const copy = (from, path) => cpSync(from, join(root, path), { recursive: true });
  const compressed = (text) => gzipSync(text, { level: 9 });

  const program = 'usr/lib/cellgate';
  const bundle = [join(ROOT, 'scripts/build-program.mjs'), join(root, program, 'dist/program')];
  run(process.execPath, bundle);
  // Built with the rest of the checkout; .built is for its next build.
  copy(join(ROOT, 'dist/page'), `${program}/dist/page`);
  rmSync(join(root, program, 'dist/page/.built'));
  copy(join(nodeFor(arch), 'bin/node'), `${program}/bin/node`);
  cpSync(join(modulesFor(arch), 'node_modules'), join(root, program, 'node_modules'), {
    recursive: true,
    filter: (path) => !/\.test\.[cm]?js$/.test(path),
  });
  copy(join(ROOT, 'config/boards'), `${program}/config/boards`);
  const { name, type } = JSON.parse(read('package.json'));
  put(`${program}/package.json`, `${JSON.stringify({ name, version, type }, null, 2)}\n`);
  put('usr/bin/cellgate', read('scripts/debian/cellgate'), 0o755);

  const config = configToBeginWith(read('config/cellgate.yaml'));
  // Installing it copies this to /etc where there is none: a file that dpkg keeps there is asked about at each upgrade
  // that changes it, with the gateway waiting for the answer.
  put(
    'usr/share/cellgate/config.yaml',
    config.replace('=./cellgate.schema.json', '=/usr/share/cellgate/cellgate.schema.json'),
  );
  for (const file of ['cellgate.schema.json', ...MONITORING])
    put(`usr/share/cellgate/${file}`, read(`config/${file}`));
  put('usr/lib/systemd/system/cellgate.service', unit(read('systemd/cellgate.service')));
  put('usr/lib/sysusers.d/cellgate.conf', read('systemd/cellgate.sysusers'));
  put('usr/lib/tmpfiles.d/cellgate.conf', read('scripts/debian/cellgate.tmpfiles'));
  put('usr/lib/udev/rules.d/70-cellgate.rules', read('systemd/70-cellgate.rules'));

  const doc = 'usr/share/doc/cellgate';
  put(`${doc}/copyright`, copyright(arch));
  put(`${doc}/node-licence.gz`, compressed(readFileSync(join(nodeFor(arch), 'LICENSE'))));
  put(`${doc}/changelog.gz`, compressed(changelog(version, date)));
  put(`${doc}/NEWS.gz`, compressed(read('CHANGELOG.md')));
  const bill = billOfMaterials({ arch, version, date });
  put(`${doc}/sbom.cdx.json`, `${JSON.stringify(bill, null, 1)}\n`);
  for (const page of DOCS) put(`${doc}/${page}.md`, read(`docs/${page}.md`));
  copy(join(ROOT, 'docs/drivers'), `${doc}/drivers`);
  put(
    'usr/share/man/man1/cellgate.1.gz',
    compressed(read('scripts/debian/cellgate.1').replace('@VERSION@', version)),
  );
  put('usr/share/lintian/overrides/cellgate', read('scripts/debian/lintian-overrides'));
}

/** The unit of a checkout, with the paths of the package. */
function unit(text) {
  return text
    .replaceAll('/usr/bin/node', '/usr/lib/cellgate/bin/node')
    .replace('file:/opt/cellgate/README.md', 'man:cellgate(1)')
    .replaceAll('/opt/cellgate', '/usr/lib/cellgate');
}

function changelog(version, date) {
  const day = date.toUTCString().replace('GMT', '+0000');
  const by = 'the cellgate authors <maintainers@users.noreply.github.com>';
  return `cellgate (${version}) stable; urgency=medium\n\n  * See NEWS.gz.\n\n -- ${by}  ${day}\n`;
}

/** Our licence, Node's with those of its parts, and where the modules have theirs. */
function copyright(arch) {
  const modules = packagesIn(join(modulesFor(arch), 'node_modules')).map((folder) => {
    const { name, version, license } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    );
    return `  ${name} ${version}: ${typeof license === 'string' ? license : license?.type}`;
  });
  return `cellgate

${read('LICENSE')}
It comes with these modules; the licence of each is in its folder below /usr/lib/cellgate/node_modules:

${[...new Set(modules)].sort().join('\n')}

The text of Apache-2.0 is also in /usr/share/common-licenses/Apache-2.0.

It comes with Node.js ${NODE_VERSION}: its licence and those of its parts are in node-licence.gz beside this file.
`;
}

/** Gives all files the same time and usual rights, so that nothing of the machine is in the package. */
export function settle(root, date) {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const inside = path.slice(root.length + 1);
    chmodSync(path, modeOf(inside, entry.isDirectory()));
    lutimesSync(path, date, date);
  }
  chmodSync(root, 0o755);
  lutimesSync(root, date, date);
}

const PROGRAMS = /^(?:usr\/bin\/|usr\/lib\/cellgate\/bin\/|DEBIAN\/(?:pre|post)(?:inst|rm)$)/;

function modeOf(path, isFolder) {
  return isFolder || PROGRAMS.test(path) ? 0o755 : 0o644;
}
