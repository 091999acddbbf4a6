// The nginx configurations of conf/kubernetes, as their pods mount them: nginx loads each, and run-nginx takes up a new
// certificate of a mounted Secret.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { makeCa } from '../support/certificates.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { MODSECURITY } from '../support/ingress.mjs';
import { newKeys } from '../support/keys.mjs';
import { build } from '../support/kustomize.mjs';
import { nginxWords } from '../support/nginx.mjs';
import { modulePath, repository } from '../support/paths.mjs';
import { findPorts } from '../support/ports.mjs';
import { runProgram, startProgram } from '../support/process.mjs';
import { accepts, waitFor } from '../support/wait.mjs';
import { makeWorkdir } from '../support/workdir.mjs';

const root = path.join(repository, 'conf/kubernetes');
const conf = path.join(repository, 'conf');

/** Lays out what the deployment's nginx finds below /etc/nexus in a folder of the test. ports: {8443: ours, ...} */
async function mount(t, overlay, deployment, { ports = {}, certificate } = {}) {
  const objects = build(path.join(root, 'overlays', overlay));
  const pod = objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === deployment).spec.template.spec;
  const { configMap } = pod.volumes.find((volume) => volume.configMap);
  const { data } = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMap.name);
  const dir = makeWorkdir(t, 'pod');
  const write = (name, text) => {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text);
  };
  for (const { key, path: place } of configMap.items) {
    write(`nginx/${place}`, data[key].replaceAll('/tmp/', `${dir}/`)
      .replace('modules/ngx_http_nexus_module.so', modulePath()).replace('modules/ngx_http_modsecurity_module.so', MODSECURITY)
      .replaceAll('/usr/share/nexus-edge/conf', conf).replaceAll('/etc/nexus/', `${dir}/`).replaceAll('/dev/std', `${dir}/std`)
      .replaceAll(/[a-z.-]+\.svc\.cluster\.local/g, '127.0.0.1').replace(/^listen (?:127\.0\.0\.1:)?(\d+)/gm, (line, port) => `listen 127.0.0.1:${ports[port] ?? port}`)
      .replace(/^(\s+)listen (\d+)/gm, (line, blank, port) => `${blank}listen 127.0.0.1:${ports[port] ?? port}`));
  }
  const keys = newKeys();
  for (const [name, text] of [['cache.key', keys.CACHE_KEY], ['edge.key', keys.EDGE_KEY], ['redis.password', 'p']]) {
    write(`secrets/${name}`, text);
  }
  const put = ({ cert, key }) => {
    write('tls/tls.crt', fs.readFileSync(cert));
    write('tls/tls.key', fs.readFileSync(key));
  };
  if (certificate) {
    put(certificate);
  }
  return { dir, put, write, file: path.join(dir, 'nginx/nginx.conf') };
}

for (const [overlay, deployment] of [['gateway', 'nexus-control-plane'], ['gateway', 'nexus-gateway'], ['ingress', 'nexus-ingress'], ['sidecar', 'agent']]) {
  test(`nginx loads what ${deployment} mounts`, async (t) => {
    const certificate = await (await makeCa(t)).issue('DNS:edge.example.org');
    const { file, dir } = await mount(t, overlay, deployment, { certificate });
    const [command, ...args] = nginxWords(dir, '-t', '-c', file, '-e', 'stderr');
    const { code, stderr } = await runProgram(command, args);
    assert.equal(code, 0, stderr);
  });
}

/** Is this the certificate that a new connection is shown? */
function isShown({ cert }, port) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, servername: 'edge.example.org', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().raw.equals(new X509Certificate(fs.readFileSync(cert)).raw));
      socket.destroy();
    }).on('error', reject);
  });
}

test('run-nginx: a changed Secret is served, one that nginx refuses is not', async (t) => {
  const ca = await makeCa(t);
  const [first, second, third] = [await ca.issue('DNS:edge.example.org'), await ca.issue('DNS:edge.example.org'), await ca.issue('DNS:edge.example.org')];
  const [https, http, status] = await findPorts(3);
  const pod = await mount(t, 'ingress', 'nexus-ingress', { certificate: first, ports: { 8443: https, 8080: http, 8092: status } });
  const program = await startProgram({
    name: 'run-nginx', command: path.join(root, 'run-nginx'), args: [pod.file, path.join(pod.dir, 'tls')],
    env: { PATH: process.env.PATH, WATCH_SECONDS: '0.2', NEXUS_NGINX: nginxWords(pod.dir, '-e', `${pod.dir}/stderr`).join(' ') }, logFile: path.join(pod.dir, 'run-nginx.log'),
    ready: () => accepts(https),
  });
  cleanup(t, () => program.stop());
  assert.ok(await isShown(first, https));
  pod.put(second);
  await waitFor('the second certificate', () => isShown(second, https));

  pod.write('tls/tls.key', fs.readFileSync(third.key));
  await waitFor('the refusal', () => /nginx refuses it: the old files stay in use/.test(program.output()));
  assert.ok(await isShown(second, https));
  pod.put(third);
  await waitFor('the third certificate', () => isShown(third, https));
});
