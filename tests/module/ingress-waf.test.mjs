// The rule set in front of /auth/callback and /connect/: attacks are stopped, honest callbacks and credentials are not, and
// nothing of them is in a log. What stands behind is a scripted server that notes what reached it.
import assert from 'node:assert/strict';
import https from 'node:https';
import tls from 'node:tls';
import { before, beforeEach, test } from 'node:test';
import { cleanup, wholeFile } from '../support/cleanup.mjs';
import { request, serve } from '../support/http.mjs';
import { startIngress } from '../support/ingress.mjs';
import { findPorts } from '../support/ports.mjs';
import { ATTACKS, SMUGGLING } from './waf/attacks.mjs';
import { honestCallback, honestForm } from './waf/honest.mjs';
import { Random } from './waf/random.mjs';

const HONEST = 10_000;
const SEED = Number(process.env.NEXUS_SEED ?? 20261126);
const BROWSER = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0', accept: 'text/html' };

const file = wholeFile();
let ingress;
let agent;
let passed = [];   // what reached the control plane
let clients = 0;

before(async () => {
  const [front, gateway] = await findPorts(2);
  for (const port of [front, gateway]) {
    const server = await serve(port, (incoming, response, body) => {
      passed.push({ url: incoming.url, body: body.toString() });
      response.end('ok');
    });
    cleanup(file, () => server.close());
  }
  // Behind a load balancer, so that each request comes from an address of its own and none is limited.
  ingress = await startIngress(file, { front, gateway, proxies: ['127.0.0.1'] });
  agent = new https.Agent({ keepAlive: true, maxSockets: 4, ca: ingress.trust });
  cleanup(file, () => agent.destroy());
});

beforeEach(() => { passed = []; });

function ask({ path, headers, ...options }, { alone = false } = {}) {
  const n = clients++;
  const address = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
  return request(ingress.url + path, { ...options, headers: { ...BROWSER, 'x-forwarded-for': address, ...headers }, ...(alone ? { ca: ingress.trust } : { agent }) });
}

/** Sends bytes and reads to the end of the connection, or what came within a while where it stays open. */
function send(bytes) {
  return new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port: ingress.port, servername: 'localhost', ca: ingress.trust });
    let text = '';
    socket.setEncoding('latin1').on('data', (data) => {
      text += data;
      socket.end();
    }).on('error', () => {});
    socket.once('secureConnect', () => socket.write(Buffer.from(bytes, 'latin1')));
    socket.once('close', () => resolve(text));
  });
}

test('attacks are stopped', async () => {
  assert.ok(ATTACKS.length + SMUGGLING.length >= 60);
  const missed = [];
  for (const [what, attack] of ATTACKS) {
    const answer = await ask(attack, { alone: true });
    if (![400, 403, 413, 404].includes(answer.status) || passed.length > 0) {
      missed.push(`${answer.status} ${what}`);
    }
    passed = [];
  }
  assert.deepEqual(missed, []);
});

test('requests that could be read in two ways are not passed on', async () => {
  const missed = [];
  for (const [what, bytes] of SMUGGLING) {
    const text = await send(bytes);
    if (text === '' || /^HTTP\/1\.1 [23]/.test(text) || passed.length > 0) {
      missed.push(`${what}: ${text.slice(0, 40)} ${JSON.stringify(passed)}`);
    }
    passed = [];
  }
  assert.deepEqual(missed, []);
});

test(`${HONEST} honest callbacks pass, unchanged`, { timeout: 300_000 }, async () => {
  const random = new Random(SEED);
  const refused = [];
  let left = HONEST;
  const client = async () => {
    while (left-- > 0) {
      const callback = honestCallback(random);
      const answer = await ask(callback);
      if (answer.status !== 200) {
        refused.push(`${answer.status} ${callback.path}`);
      }
    }
  };
  await Promise.all([client(), client(), client(), client()]);
  assert.deepEqual(refused.slice(0, 10), [], `${refused.length} of ${HONEST} with seed ${SEED}`);
  assert.equal(passed.length, HONEST);
});

test('credentials pass, whatever they look like', async () => {
  const random = new Random(SEED);
  for (let i = 0; i < 300; i++) {
    const { path, body } = honestForm(random);
    const answer = await ask({ path, method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    assert.equal(answer.status, 200, body);
    assert.equal(passed.at(-1).body, body);
  }
});

test('no rule looks at the gateway API', async () => {
  for (const text of ['\' OR 1=1--', '<script>alert(1)</script>', '../../etc/passwd']) {
    assert.equal((await ask({ path: `/v1/providers?q=${encodeURIComponent(text)}`, body: text, method: 'POST' })).status, 200);
  }
});

test('a refusal is an error of the API\'s shape, and its line names the rules and no value', async () => {
  const answer = await ask({ path: '/auth/callback?code=canary-code&state=canary.state&x=canary%27%20or%20%271%27=%271' });
  assert.equal(answer.status, 403);
  assert.equal(answer.json.error, 'access_denied');
  assert.match(answer.json.request_id, /^[0-9a-f]{32}$/);
  assert.equal(answer.headers['strict-transport-security'], 'max-age=63072000');
  assert.equal((await ask({ path: '/connect/canary-ticket?x=%3Cscript%3Ecanary' })).status, 403);
  assert.equal((await ask({ path: '/connect/t', method: 'POST', body: 'a%3Cb=canary-password', headers: { 'content-type': 'application/x-www-form-urlencoded' } })).status, 403);
  const log = ingress.errorLog();
  assert.match(log, /refused, score \d+, rules[^"]* 942100:ARGS:x/);
  assert.doesNotMatch(log + ingress.accessLog(), /canary/);
});
