// New certificates under a running ingress, by conf/acme/deploy-certificate as an ACME client calls it. The CA is a local one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';
import { test } from 'node:test';
import { makeCa } from '../support/certificates.mjs';
import { get } from '../support/http.mjs';
import { startIngress } from '../support/ingress.mjs';
import { repository } from '../support/paths.mjs';
import { findPort, findPorts } from '../support/ports.mjs';
import { nginxWords } from '../support/nginx.mjs';
import { runProgram } from '../support/process.mjs';
import { waitFor } from '../support/wait.mjs';
import { makeWorkdir } from '../support/workdir.mjs';

const script = path.join(repository, 'conf/acme/deploy-certificate');
const read = (file) => fs.readFileSync(file, 'utf8');

/** What an ACME client leaves: {key, cert, fullchain, chain} files. */
async function issue(authority, { name = 'localhost', ...options } = {}) {
  const leaf = await authority.issue(`DNS:${name}`, options);
  const fullchain = `${leaf.cert}.full`;
  fs.writeFileSync(fullchain, read(leaf.cert) + read(authority.file));
  return { key: leaf.key, cert: leaf.cert, fullchain, chain: authority.file };
}

async function start(t) {
  const [root, port] = [await makeCa(t, 'root'), await findPort()];
  const [authority, dir] = [await root.intermediate('intermediate'), path.join(makeWorkdir(t, 'tls'), 'tls')];
  let nginx = 'true';
  const run = (args, env = {}) => runProgram('bash', [script, ...args], {
    env: { PATH: `${process.env.PATH}:/usr/sbin`, NEXUS_TLS_DIR: dir, NEXUS_NGINX: nginx, NEXUS_TLS_ADDRESS: `127.0.0.1:${port}`, ...env },
  });
  const deploy = (files, name = 'localhost') => run(['deploy_cert', name, files.key, files.cert, files.fullchain, files.chain, '1']);
  assert.equal((await run(['bootstrap', 'localhost'])).code, 0);
  const [front, gateway] = await findPorts(2);
  const ingress = await startIngress(t, {
    port, ca: root, waf: false, front, gateway, allow: /no_such_directive/,
    replaced: {
      'ingress-certificate.conf': `ssl_certificate ${dir}/live/fullchain.pem;\nssl_certificate_key ${dir}/live/privkey.pem;\nssl_trusted_certificate ${dir}/live/chain.pem;\n`,
    },
  });
  nginx = nginxWords(ingress.dir, '-p', ingress.dir, '-c', `${ingress.dir}/nginx.conf`, '-e', `${ingress.dir}/error.log`).join(' ');
  return { root, authority, dir, ingress, run, deploy };
}

/** The certificate that a new connection is shown, as PEM's inside. */
function shown(ingress) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port: ingress.port, servername: 'localhost', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().raw.toString('base64'));
      socket.destroy();
    }).on('error', reject);
  });
}

const inside = (pem) => pem.split('-----')[2].replaceAll(/\s/g, '');

test('a new certificate is served after the hook, and no request fails meanwhile', async (t) => {
  const { authority, ingress, deploy } = await start(t);
  assert.equal((await deploy(await issue(authority))).code, 0);
  const load = { answered: 0, errors: [], over: false };
  const clients = Array.from({ length: 3 }, async () => {
    while (!load.over) {
      const answer = await get(`${ingress.url}/health`, { ca: ingress.trust }).catch((error) => error);
      load.answered++;
      if (answer.status !== 200) {
        load.errors.push(answer.message ?? answer.status);
      }
    }
  });
  for (let i = 0; i < 3; i++) {
    const [files, before] = [await issue(authority), load.answered];
    const { code, stdout, stderr } = await deploy(files);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /localhost: serving a certificate until/);
    assert.equal(await shown(ingress), inside(read(files.cert)));
    await waitFor('more requests', () => load.answered > before + 20);
  }
  load.over = true;
  await Promise.all(clients);
  assert.deepEqual(load.errors, []);
});

test('a broken certificate is refused with a reason; the old one is served, now and after a reload', async (t) => {
  const { root, authority, dir, ingress, deploy } = await start(t);
  const good = await issue(authority);
  assert.equal((await deploy(good)).code, 0);
  const live = fs.readlinkSync(path.join(dir, 'live'));
  const broken = (files, part, text) => {
    const file = `${files[part]}.broken`;
    fs.writeFileSync(file, text);
    return { ...files, [part]: file };
  };
  const next = await issue(authority);
  for (const [what, files, name] of [
    ['the private key is not the certificate\'s', { ...next, key: good.key }],
    ['the certificate cannot be read', broken(next, 'fullchain', read(next.fullchain).slice(0, 200))],
    ['the private key cannot be read', broken(next, 'key', 'no key\n')],
    ['the certificate has expired', await issue(authority, { days: 0 })],
    ['the certificate is for another name', await issue(authority, { name: 'other.example' })],
    ['the chain did not issue the certificate', { ...next, chain: root.file }],
    ['cannot read', { ...next, chain: '/nowhere/chain.pem' }],
  ]) {
    const { code, stderr } = await deploy(files, name);
    assert.equal(code, 1, what);
    assert.ok(stderr.includes(what) && stderr.includes('the certificate that was there stays'), stderr);
    assert.equal(fs.readlinkSync(path.join(dir, 'live')), live, what);
  }

  // Somebody else broke the configuration since.
  const snippet = path.join(ingress.dir, 'nexus.d/ingress-name.conf');
  fs.writeFileSync(snippet, 'server_name localhost;\nno_such_directive on;\n');
  const refused = await deploy(next);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /nginx refuses its configuration: .*unknown directive "no_such_directive"/);
  assert.equal(fs.readlinkSync(path.join(dir, 'live')), live);
  fs.writeFileSync(snippet, 'server_name localhost;\n');

  await ingress.reload();
  assert.equal(await shown(ingress), inside(read(good.cert)));
  assert.deepEqual(fs.readdirSync(path.join(dir, 'versions')).filter((name) => `versions/${name}` !== live).length, 1, 'the refused ones are not kept');
});

test('keys are nobody else\'s to read, and other clients can call it, too', async (t) => {
  const { authority, dir, ingress, run } = await start(t);
  const files = await issue(authority);
  const lineage = makeWorkdir(t, 'lineage');
  for (const [name, from] of [['privkey', files.key], ['fullchain', files.fullchain], ['chain', files.chain]]) {
    fs.copyFileSync(from, path.join(lineage, `${name}.pem`));
  }
  assert.equal((await run([], { RENEWED_LINEAGE: lineage, RENEWED_DOMAINS: 'localhost www.localhost' })).code, 0);
  assert.equal(await shown(ingress), inside(read(files.cert)));
  assert.equal(fs.statSync(path.join(dir, 'live/privkey.pem')).mode & 0o077, 0);
  assert.equal((await run(['unchanged_cert', 'localhost'])).code, 0, 'what else dehydrated says');
  assert.equal((await run([])).code, 2, 'nobody said what to do');
});
