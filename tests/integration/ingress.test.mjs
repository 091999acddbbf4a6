// The whole flow through the public side: TLS, the rule set on, and behind it the real gateway, control plane and provider.
// Chooses its database: what stands in front does not depend on it (sqlite; postgres is for the others).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import { before, test } from 'node:test';
import tls from 'node:tls';
import { Browser } from '../support/browser.mjs';
import { makeCa } from '../support/certificates.mjs';
import { wholeFile } from '../support/cleanup.mjs';
import { request } from '../support/http.mjs';
import { startIngress } from '../support/ingress.mjs';
import { startLine } from '../support/line.mjs';
import { findPort } from '../support/ports.mjs';

const file = wholeFile();
let line;
let ingress;
let agent;

before(async () => {
  const [port, ca] = [await findPort(), await makeCa(file)];
  // What the browser and the callers trust; nexusd and nginx make no request to the ingress.
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), fs.readFileSync(ca.file, 'utf8')]);
  line = await startLine(file, { database: 'sqlite', publicUrl: `https://localhost:${port}` });
  const portOf = (url) => Number(new URL(url).port);
  ingress = await startIngress(file, { port, ca, front: portOf(line.site.front), gateway: portOf(line.site.gateway), logLevel: 'info' });
  await line.createProvider();
  agent = await line.createAgent();
});

const ask = (method, path, json) => request(ingress.url + path, { method, json, headers: { 'x-api-key': agent.key } });

async function asked(more = {}) {
  const answer = await ask('POST', '/v1/request-connection', {
    user_id: 'w1', provider_name: 'demo', scopes: ['openid', 'offline_access', 'api:read'], return_url: `${line.app.url}/done?from=a&to=b`, ...more,
  });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

test('ask, consent, read, refresh: all over https, nothing of it taken for an attack', async () => {
  const { authUrl, connection_id: connection } = await asked();
  const back = new URL(await line.consent(authUrl));
  assert.equal(back.searchParams.get('status'), 'success');
  const first = await ask('GET', `/v1/token/${connection}`);
  assert.equal(first.status, 200, first.text);
  const refreshed = await ask('POST', `/v1/refresh/${connection}`);
  assert.equal(refreshed.status, 200, refreshed.text);
  assert.notEqual(refreshed.json.access_token, first.json.access_token);
  assert.deepEqual((await ask('GET', `/v1/check-connection/${connection}`)).json, { status: 'active' });
  assert.ok(ingress.accessLog().split('\n').some((entry) => entry && JSON.parse(entry).path === '/auth/callback'), 'the callback came through the ingress');
});

test('a person who says no comes back with the provider\'s error', async () => {
  const { authUrl } = await asked();
  const browser = new Browser();
  const provider = await browser.leave(authUrl);
  const end = await browser.open(`${ingress.url}/auth/callback?${new URLSearchParams({
    error: 'access_denied', error_description: 'The user hasn\'t consented; select another account, or ask "admin" (see https://id.example/help?x=1).',
    state: provider.searchParams.get('state'), iss: line.idp.issuer,
  })}`, { until: (url) => url.startsWith(line.app.url) });
  assert.equal(new URL(end.url).searchParams.get('status'), 'error');
});

test('reconnecting goes by a link, and a form takes any credential', async () => {
  assert.equal((await line.admin('POST', '/providers', {
    profile: {
      name: 'static', auth_type: 'api_key', api_base_url: line.api.url,
      params: { credential_schema: { type: 'object', properties: { api_key: { type: 'string', format: 'password' } }, required: ['api_key'] } },
    },
  })).status, 201);
  const { authUrl, connection_id: connection } = await asked({ provider_name: 'static', scopes: [] });
  assert.ok(authUrl.startsWith(`${ingress.url}/connect/`), authUrl);
  const browser = new Browser();
  const page = await browser.open(authUrl);
  assert.equal(page.status, 200);
  const secret = 'it\'s; <b>DROP TABLE</b> -- or 1=1 ../../etc/passwd';
  const end = await browser.submit(page, { api_key: secret }, { until: (url) => url.startsWith(line.app.url) });
  assert.ok(end.stopped, end.text);
  assert.equal((await ask('GET', `/v1/token/${connection}`)).json.credentials.api_key, secret);
});

test('nexusd knows the person by their own address, not by what they say', async () => {
  const { authUrl } = await asked({ provider_name: 'static', scopes: [] });
  const agentOf = new https.Agent({ localAddress: '127.0.0.9' });
  const headers = { accept: 'text/html', 'x-forwarded-for': '192.0.2.1', 'x-real-ip': '192.0.2.1' };
  const page = await request(authUrl, { agent: agentOf, headers });
  const answer = await request(authUrl, {
    agent: agentOf, method: 'POST',
    headers: { ...headers, cookie: page.headers['set-cookie'][0].split(';')[0], 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ _state: /name="_state" value="([^"]+)"/.exec(page.text)[1], api_key: 'k' }).toString(),
  });
  assert.equal(answer.status, 303, answer.text);
  const { json: events } = await line.admin('GET', '/audit?limit=100');
  const addresses = new Set(events.map(({ ip_address: address }) => address));
  assert.ok(addresses.has('127.0.0.9'), [...addresses].join());
  assert.ok(!addresses.has('192.0.2.1'));
});

test('administration is not on the public side', async () => {
  for (const path of ['/providers', '/connections', '/admin/agents', '/audit', '/metrics', '/ready']) {
    const answer = await request(ingress.url + path, { headers: { 'x-api-key': line.keys.API_KEY } });
    assert.equal(answer.status, 404, path);
  }
});
