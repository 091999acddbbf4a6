// Where nexusd can be made to connect by whoever writes provider profiles, discovery documents, redirects or DNS: never to
// an address that EGRESS_ALLOWED_CIDRS does not name and the deny list holds. Runs in a network of its own, where every
// address leads to this machine: a decoy listens on all of them and counts connections.
import assert from 'node:assert/strict';
import test, { before } from 'node:test';
import { Browser } from '../support/browser.mjs';
import { wholeFile } from '../support/cleanup.mjs';
import { assertError } from '../support/errors.mjs';
import { request } from '../support/http.mjs';
import { startNexusd } from '../support/nexusd.mjs';
import { startDns } from '../support/dns.mjs';
import { inOwnNetwork, runInOwnNetwork } from '../support/own-network.mjs';
import { findPort } from '../support/ports.mjs';
import { startRedis } from '../support/redis.mjs';
import { startDecoy } from './ssrf-decoy.mjs';
import { startTrickster } from './ssrf-trickster.mjs';
import {
  crookedUrls, detours, dnsCases, literalUrls, numberUrls, plainUrls, redirects, unreachableUrls,
} from './ssrf-cases.mjs';

const PROVIDER = '127.0.0.2';   // the one address that nexusd may reach
const HTTP_PORTS = [80, 443];

if (inOwnNetwork) {
  defineTests();
} else {
  test('SSRF, in a network of its own', () => runInOwnNetwork(import.meta.filename));
}

function defineTests() {
  const file = wholeFile();
  const names = dnsCases(PROVIDER);
  let provider;   // a malicious one
  let decoy;
  let dns;
  let nexusd;     // may reach the provider only
  let open;       // may reach everything: shows that the cases are real
  let cases = 0;

  before(async () => {
    const port = await findPort();
    provider = await startTrickster(file, PROVIDER, port);
    // On the provider's own port the decoy has the neighbours' addresses, on the usual ports all there are.
    decoy = await startDecoy(file, [
      ...HTTP_PORTS.map((usual) => ({ port: usual, host: '::' })),
      ...['127.0.0.1', '127.0.0.3', '10.0.0.1', '169.254.169.254', '8.8.8.8', '::1'].map((host) => ({ port, host })),
    ]);
    dns = await startDns(file, { ...names.fixed, ...names.changing, ...names.mixed }, { port: 53 });
    const redis = await startRedis(file);
    const start = (env) => startNexusd(file, { redisUrl: redis.url, env });
    nexusd = await start({
      EGRESS_ALLOWED_CIDRS: `${PROVIDER}/32`,
      LOG_LEVEL: 'info',
      // None of these may count.
      http_proxy: 'http://127.0.0.1:80', HTTPS_PROXY: 'http://127.0.0.1:80', ALL_PROXY: 'socks5h://127.0.0.1:80', NO_PROXY: '',
    });
    open = await start({ EGRESS_ALLOWED_CIDRS: '0.0.0.0/0,::/0', LOG_LEVEL: 'info' });
  });

  test('what the decoy is worth: it sees what an open guard lets through', async () => {
    const someNames = Object.keys(names.fixed).filter((name, i) => i % 4 === 0);
    const reachable = [...literalUrls, ...someNames.map((name) => `https://${name}/`)];
    await each(reachable, async (url) => assert.notEqual((await flow(open, { token_url: url })).status, 'success'));
    await decoy.settle();
    const seen = decoy.count();
    assert.ok(seen >= reachable.length, `${seen} connections from ${reachable.length} URLs: some would prove nothing`);
    await flow(nexusd, { token_url: 'https://93.184.216.34/token' });
    await decoy.settle();
    assert.equal(decoy.count(), seen + 1, 'a public address may be reached');
    decoy.forget();
  });

  test('what the guard lets through: the provider itself', async () => {
    assert.equal((await flow(nexusd, {})).status, 'success');
    assert.equal((await flow(nexusd, { token_url: undefined, issuer: provider.tenant(), enable_discovery: true })).status, 'success');
  });

  test('addresses in a profile are refused when it is registered, with the member named', async () => {
    const urls = [...literalUrls, ...unreachableUrls, ...plainUrls, ...numberUrls, ...crookedUrls];
    for (const member of ['token_url', 'issuer', 'user_info_endpoint']) {
      await each(urls, async (url) => {
        const answer = await register(nexusd, { [member]: url, ...(member === 'issuer' ? { enable_discovery: true } : {}) });
        assertError(answer, 400, 'invalid_request', `${member} ${JSON.stringify(url)}`);
        assert.equal(answer.json.detail, `profile.${member}`, answer.text);
        countCase(`${member} ${url}`);
      });
    }
    await decoy.settle();
    decoy.assertUntouched();
  });

  test('a discovery document leads nowhere else', async () => {
    const urls = [...literalUrls, ...unreachableUrls, ...plainUrls, ...numberUrls, ...crookedUrls];
    const others = ['jwks_uri', 'userinfo_endpoint', 'revocation_endpoint'];   // these take turns
    await each([...urls.entries()], async ([i, url]) => {
      for (const member of ['token_endpoint', ...(i % 2 === 0 ? [others[i / 2 % 3]] : [])]) {
        const issuer = provider.tenant({ document: { [member]: url } });
        const end = await flow(nexusd, { issuer, enable_discovery: true, token_url: undefined }, scopesFor(member));
        const isAsked = ['token_endpoint', 'jwks_uri'].includes(member);
        assert.ok(!isAsked || end.status !== 'success', `${member} ${url}`);
        assert.ok(end.status === 'success' || end.error, `${member} ${url} ended without an error: ${JSON.stringify(end)}`);
        countCase(`${member} ${url}`);
      }
    });
    await decoy.settle();
    decoy.assertUntouched();
  });

  test('redirects and other ways to be sent on are not followed', async () => {
    for (const place of ['discovery', 'token', 'jwks']) {
      await each(redirects, async (answer) => {
        const issuer = provider.tenant({ [place]: { ...answer, body: '{}' } });
        const end = await flow(nexusd, { issuer, enable_discovery: true, token_url: undefined }, scopesFor(place));
        assert.notEqual(end.status, 'success', `${place} ${answer.status}`);
        assert.ok(end.error);
        countCase(`${place} ${answer.status} ${answer.headers.location}`);
      });
    }
    await decoy.settle();
    decoy.assertUntouched();
  });

  test('headers of a good answer do not lead later requests elsewhere', async () => {
    const issuer = provider.tenant({ headers: detours });
    const end = await flow(nexusd, { issuer, enable_discovery: true, token_url: undefined });
    assert.equal(end.status, 'success');
    assert.equal((await refresh(nexusd, end.connection)).status, 200);
    countCase('detours', Object.keys(detours).length);
    await decoy.settle();
    decoy.assertUntouched();
  });

  test('names that lead to private addresses: a clear error when they are used', async () => {
    await each([...Object.keys(names.fixed).entries()], async ([i, name]) => {
      for (const url of [`https://${name}/`, i % 2 === 0 ? `http://${name}/` : `https://${name.toUpperCase()}./`]) {
        assert.equal((await flow(nexusd, { token_url: url })).error, 'token_exchange_failed');
        countCase(`token_url ${url}`);
        const answer = await consent(nexusd, await registered(nexusd, { issuer: url, enable_discovery: true, token_url: undefined }));
        assertError(answer, 502, 'egress_denied', url);
        countCase(`issuer ${url}`);
      }
    });
    await decoy.settle();
    decoy.assertUntouched();
  });

  test('names that lead elsewhere the second time: every connection is judged by itself, none is kept for the name', async () => {
    for (const name of Object.keys(names.changing)) {
      const base = `http://${name}:${provider.port}`;
      // First the code is exchanged at the provider, then the refresh resolves the name anew.
      const end = await flow(nexusd, { token_url: `${base}/plain/token` });
      assert.equal(end.status, 'success', name);
      const answer = await refresh(nexusd, end.connection);
      assert.ok(answer.status >= 400 && answer.json?.error, `${name}: ${answer.status} ${answer.text}`);
      countCase(`refresh ${name}`);
    }
    dns.names['turns.test'] = (times) => (times % 2 === 1 ? PROVIDER : '127.0.0.1');
    for (let i = 0; i < 10; i++) {
      await flow(nexusd, { token_url: `http://turns.test:${provider.port}/plain/token` });
      countCase(`turn ${i}`);
    }
    await decoy.settle();
    decoy.assertUntouched();
  });

  test('names with several addresses: only the allowed one is tried', async () => {
    for (const name of Object.keys(names.mixed)) {
      assert.equal((await flow(nexusd, { token_url: `http://${name}:${provider.port}/plain/token` })).status, 'success', name);
      countCase(`mixed ${name}`);
    }
    await decoy.settle();
    decoy.assertUntouched();
  });

  test('a name server that says nothing costs the time-out, not more', async () => {
    dns.names['silent.test'] = 'silence';
    const started = Date.now();
    assert.equal((await flow(nexusd, { token_url: 'https://silent.test/' })).error, 'token_exchange_failed');
    assert.ok(Date.now() - started < 8000, `${Date.now() - started} ms`);
  });

  test('every case was counted, and every denial too', async () => {
    const { text } = await request(`${nexusd.url}/metrics`, { headers: { 'x-api-key': nexusd.keys.API_KEY } });
    const denied = [...text.matchAll(/^nexus_egress_requests_total\{[^}]*result="denied"\} (\d+)/mg)]
      .reduce((sum, [, count]) => sum + Number(count), 0);
    console.log(`${cases} SSRF cases, ${decoy.count()} connections to the decoy; ${denied} requests denied at use`);
    assert.ok(cases >= 200);
    assert.ok(denied >= 200);
    assert.equal(decoy.count(), 0);
  });

  // ---- one case

  function scopesFor(place) {
    return place.startsWith('jwks') ? ['openid'] : ['api'];
  }

  /** Several at a time: nexusd has threads for it. */
  async function each(list, check) {
    const rest = list.values();
    await Promise.all(Array.from({ length: 6 }, async () => {
      for (const entry of rest) {
        await check(entry);
      }
    }));
  }

  function countCase(what, weight = 1) {
    cases += weight;
    assert.equal(decoy.count(), 0, `${what} reached the decoy: ${decoy.describe()}`);
  }

  // ---- an administrator, a person

  let serial = 0;
  function register({ url, keys }, profile) {
    return request(`${url}/providers`, {
      method: 'POST', headers: { 'x-api-key': keys.API_KEY },
      json: {
        profile: {
          name: `p-${serial++}`, client_id: 'client', client_secret: 'secret',
          auth_url: `${provider.url}/plain/authorize`, token_url: `${provider.url}/plain/token`, ...profile,
        },
      },
    });
  }

  async function registered(server, profile) {
    const answer = await register(server, { ...profile, ...(profile.issuer ? { auth_url: undefined } : {}) });
    assert.equal(answer.status, 201, answer.text);
    return answer.json.id;
  }

  function consent({ url, keys }, id, scopes = ['api']) {
    return request(`${url}/auth/consent-spec`, {
      method: 'POST', headers: { 'x-api-key': keys.API_KEY },
      json: { workspace_id: 'w', provider_id: id, return_url: 'http://127.0.0.1:9/done', scopes },
    });
  }

  /** From registration to the end of the code exchange: {status, error, connection}. With openid, keys are fetched. */
  async function flow(server, profile, scopes) {
    const asked = await consent(server, await registered(server, profile), scopes);
    if (asked.status !== 200) {
      return { status: 'refused', error: asked.json?.error };
    }
    const page = await new Browser().open(asked.json.authUrl, { until: (url) => url.startsWith('http://127.0.0.1:9/') });
    assert.ok(page.stopped, `the flow ended on ${page.url} (status ${page.status})`);
    const back = new URL(page.url).searchParams;
    return { status: back.get('status'), error: back.get('error'), connection: back.get('connection_id') };
  }

  function refresh({ url, keys }, connection) {
    return request(`${url}/connections/${connection}/refresh`, { method: 'POST', headers: { 'x-api-key': keys.API_KEY } });
  }
}
