// What `cmake --install` puts where, held against the documents, units and configurations that name it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { before } from 'node:test';
import { wholeFile } from '../support/cleanup.mjs';
import { newKeys } from '../support/keys.mjs';
import { asan, asanPreload, buildDir, repository } from '../support/paths.mjs';
import { mustRun, runProgram } from '../support/process.mjs';
import { makeWorkdir } from '../support/workdir.mjs';

const read = (file) => fs.readFileSync(path.join(repository, file), 'utf8');
const root = makeWorkdir(wholeFile(), 'installed');
const inRoot = (file) => path.join(root, file);

// nginx is Debian's, into which nothing that was built with ThreadSanitizer can be loaded.
const isForThreads = /^NEXUS_SANITIZE:\w+=.*thread/m.test(fs.readFileSync(path.join(buildDir, 'CMakeCache.txt'), 'utf8'));

before(() => mustRun('cmake', ['--install', buildDir, '--prefix', '/usr'], { env: { ...process.env, DESTDIR: root } }));

/** All files below a folder of the repository whose name ends so. */
const files = (folder, end) => fs.readdirSync(path.join(repository, folder), { recursive: true })
  .map((name) => path.join(folder, name)).filter((name) => name.endsWith(end) && fs.statSync(path.join(repository, name)).isFile());

test('every file that a document, a configuration or a unit names below /usr is installed', () => {
  const named = new Map();
  for (const file of [...files('docs', '.md'), ...files('conf', ''), 'README.md', 'SECURITY.md']) {
    for (const [place] of read(file).matchAll(/\/usr\/(share\/(doc\/)?nexus-edge|bin\/nexus|lib\/(systemd|sysusers|tmpfiles|nginx))[\w./-]*/g)) {
      named.set(place.replace(/[./]+$/, ''), file);
    }
  }
  assert.ok(named.size > 15, [...named.keys()].join('\n'));
  for (const [place, file] of named) {
    assert.ok(fs.existsSync(inRoot(place)), `${place}, which ${file} names`);
  }
});

test('configurations are installed whole, readable for all, hooks executable', () => {
  for (const file of files('conf', '')) {
    const { mode } = fs.statSync(inRoot(`/usr/share/nexus-edge/${file}`));
    const isProgram = /\/(deploy-certificate|run-nginx)$/.test(file);
    assert.equal(mode & 0o777, isProgram ? 0o755 : 0o644, file);
  }
});

test('the installed programs run', async () => {
  for (const program of ['nexusd', 'nexusctl']) {
    assert.match(await mustRun(inRoot(`/usr/bin/${program}`), ['--version']), /\d+\.\d+\.\d+/);
  }
});

test('nginx takes the installed main file, with the site\'s files and keys where the manual puts them', { skip: isForThreads }, async () => {
  const site = inRoot('/etc/nexus');
  fs.mkdirSync(site, { recursive: true });
  for (const name of ['nginx.conf', 'nexus.d']) {
    fs.cpSync(inRoot(`/usr/share/nexus-edge/conf/${name}`), path.join(site, name), { recursive: true });
  }
  fs.writeFileSync(path.join(site, 'cache.key'), newKeys().CACHE_KEY);
  fs.writeFileSync(path.join(site, 'edge.key'), newKeys().EDGE_KEY);
  for (const folder of ['/run/nexus', '/var/log/nginx']) {
    fs.mkdirSync(inRoot(folder), { recursive: true });
  }
  for (const file of fs.readdirSync(site, { recursive: true }).filter((name) => name.endsWith('.conf'))) {
    const text = fs.readFileSync(path.join(site, file), 'utf8');
    fs.writeFileSync(path.join(site, file), text
      .replace('load_module modules/', `load_module ${inRoot('/usr/lib/nginx/modules/')}`)
      .replace(/^http \{$/m, (line) => [line,   // Debian's own are root's
        ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `    ${name}_temp_path ${root}/${name};`)].join('\n'))
      .replaceAll(/(?<=[\s:])\/(usr\/share\/nexus-edge|etc\/nexus|run\/nexus|var\/log\/nginx)\//g, `${root}/$1/`));
  }
  const env = { PATH: `${process.env.PATH}:/usr/sbin`, ...(asan ? asanPreload(inRoot('/sanitizer')) : {}) };
  const { code, stderr } = await runProgram('nginx', ['-t', '-c', path.join(site, 'nginx.conf')], { env });
  assert.equal(code, 0, stderr);
});

test('systemd takes the units', async (t) => {
  const units = makeWorkdir(t, 'units');
  for (const name of ['nexusd.service', 'nexus-edge.service']) {
    fs.writeFileSync(path.join(units, name), fs.readFileSync(inRoot(`/usr/lib/systemd/system/${name}`), 'utf8')
      .replaceAll('/usr/bin/', inRoot('/usr/bin/')));
  }
  const names = fs.readdirSync(units).map((name) => path.join(units, name));
  const { code, stderr } = await runProgram('systemd-analyze', ['verify', '--man=no', ...names]).catch(() => ({ code: undefined }));
  if (code === undefined) {
    t.skip('systemd-analyze is not here');
    return;
  }
  assert.equal(stderr, '');
  assert.equal(code, 0);
});

test('the unit of nexusd waits for longer than nexusd may take, and its environment has known variables only', () => {
  const unit = read('conf/systemd/nexusd.service');
  const variables = read('docs/configuration.md');
  const grace = Number(/`SHUTDOWN_GRACE_S` \| `(\d+)`/.exec(variables)[1]);
  assert.ok(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)[1]) > grace + 12);
  assert.match(unit, /^RestartPreventExitStatus=.*\b78\b/m);
  for (const [, name] of `${unit}\n${read('conf/systemd/nexusd.env')}`.matchAll(/^(?:Environment=)?([A-Z][A-Z_]+)=/gm)) {
    assert.ok(variables.includes(`| \`${name.replace(/_FILE$/, '')}\``), name);
  }
});
