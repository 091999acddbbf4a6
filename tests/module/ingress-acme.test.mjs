// The whole way of a certificate: dehydrated asks a real ACME server, whose challenge the ingress answers on its port without
// TLS, and hands what it got to conf/acme/deploy-certificate.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { test } from 'node:test';
import { startAcme } from '../support/acme.mjs';
import { makeCa } from '../support/certificates.mjs';
import { request } from '../support/http.mjs';
import { startIngress } from '../support/ingress.mjs';
import { repository } from '../support/paths.mjs';
import { findPort, findPorts } from '../support/ports.mjs';
import { nginxWords } from '../support/nginx.mjs';
import { mustRun } from '../support/process.mjs';
import { makeWorkdir } from '../support/workdir.mjs';

const NAME = 'edge.example.test';
const script = path.join(repository, 'conf/acme/deploy-certificate');

test('a certificate is asked for, got, deployed and served, and asked for again', { timeout: 100_000 }, async (t) => {
  const [ca, port, dir] = [await makeCa(t), await findPort(), makeWorkdir(t, 'acme-client')];
  const deployment = { PATH: `${process.env.PATH}:/usr/sbin`, NEXUS_TLS_DIR: path.join(dir, 'tls'), NEXUS_TLS_ADDRESS: `127.0.0.1:${port}` };
  await mustRun('bash', [script, 'bootstrap', NAME], { env: deployment });
  const [front, gateway] = await findPorts(2);
  const live = path.join(dir, 'tls/live');
  const ingress = await startIngress(t, {
    port, ca, waf: false, front, gateway,
    replaced: {
      'ingress-name.conf': `server_name ${NAME};\n`,
      'ingress-certificate.conf': `ssl_certificate ${live}/fullchain.pem;\nssl_certificate_key ${live}/privkey.pem;\nssl_trusted_certificate ${live}/chain.pem;\n`,
    },
  });
  const acme = await startAcme(t, { ca, names: [NAME], httpPort: Number(new URL(ingress.plainUrl).port) });

  const shipped = fs.readFileSync(path.join(repository, 'conf/acme/dehydrated.conf'), 'utf8');
  fs.writeFileSync(path.join(dir, 'config'), `${shipped
    .replace('/var/www/nexus-acme', `${ingress.dir}/acme`).replace('/usr/share/nexus-edge', repository)}
CA=${acme.directory}
BASEDIR=${dir}
CURL_OPTS="--cacert ${ca.file}"
`);
  fs.writeFileSync(path.join(dir, 'domains.txt'), `${NAME}\n`);
  const dehydrated = (...args) => mustRun('dehydrated', ['--config', path.join(dir, 'config'), ...args], {
    env: {
      ...deployment, HOME: dir,
      NEXUS_NGINX: nginxWords(ingress.dir, '-p', ingress.dir, '-c', `${ingress.dir}/nginx.conf`, '-e', `${ingress.dir}/error.log`).join(' '),
    },
  });
  await dehydrated('--register', '--accept-terms');
  const said = await dehydrated('--cron');
  assert.match(said, /deploy-certificate: edge\.example\.test: serving a certificate until/);

  const agent = new https.Agent({ ca: await acme.root(), servername: NAME });
  const served = () => request(`https://127.0.0.1:${port}/health`, { agent, headers: { host: NAME } });
  assert.equal((await served()).status, 200, 'who trusts the CA trusts the ingress');
  const before = fs.readlinkSync(live);
  assert.doesNotMatch(await dehydrated('--cron'), /deploy-certificate:/, 'nothing to do');
  await dehydrated('--cron', '--force');
  assert.notEqual(fs.readlinkSync(live), before);
  assert.equal((await served()).status, 200);
});
