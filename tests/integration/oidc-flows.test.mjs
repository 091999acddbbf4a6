// Flows of newer specifications from end to end, against a real provider that insists on them: asked for, consented to,
// exchanged, refreshed; and what happens where the provider does not play along.
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { Browser } from '../support/browser.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { request, serve } from '../support/http.mjs';
import { names, resource, startModernIdp } from '../support/idp-modern.mjs';
import { newKeys } from '../support/keys.mjs';
import { startNexusd } from '../support/nexusd.mjs';
import { findPort } from '../support/ports.mjs';
import { startPostgres } from '../support/postgres.mjs';
import { startRedis } from '../support/redis.mjs';

class Flows {
  constructor(parts) {
    Object.assign(this, parts);
  }

  call(method, path, json) {
    return request(this.nexusd.url + path, { method, json, headers: { 'x-api-key': this.keys.API_KEY } });
  }

  async register(more = {}) {
    const answer = await this.call('POST', '/providers', {
      profile: {
        name: 'modern', issuer: this.idp.issuer, enable_discovery: true, auth_header: 'client_secret_basic', client_id: this.idp.clientId,
        client_secret: this.idp.clientSecret, scopes: ['openid', 'offline_access', 'api:read'], ...this.profile, ...more,
      },
    });
    assert.equal(answer.status, 201, answer.text);
    return answer.json.id;
  }

  async ask(provider_id) {
    const answer = await this.call('POST', '/auth/consent-spec', { workspace_id: 'w1', provider_id, return_url: `${this.app.url}/done` });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  /** The person logs in and consents; returns where that ended. */
  async walk(authUrl) {
    return new URL(await new Browser().consent(authUrl, { until: (url) => url.startsWith(this.app.url) }));
  }

  async connect(provider_id) {
    const asked = await this.ask(provider_id);
    const end = await this.walk(asked.authUrl);
    assert.equal(end.searchParams.get('status'), 'success', end.href + this.nexusd.log().slice(-3000));
    return asked.connection_id;
  }

  /** Runs SQL; rows are SQLite's only. */
  sql(text) {
    if (this.postgres) {
      return this.postgres.sql(text);
    }
    const database = new DatabaseSync(this.nexusd.databaseFile, { timeout: 5000 });
    try {
      return /^select/i.test(text) ? database.prepare(text).all() : database.exec(text);
    } finally {
      database.close();
    }
  }

  async token(id) {
    const answer = await this.call('GET', `/connections/${id}/token`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  async refresh(id) {
    const answer = await this.call('POST', `/connections/${id}/refresh`);
    assert.equal(answer.status, 200, answer.text + this.nexusd.log().slice(-3000));
    return answer.json;
  }
}

async function start(t, name, { database = 'sqlite', ...options } = {}) {
  const keys = newKeys();
  const redis = await startRedis(t);
  const postgres = database === 'postgres' ? await startPostgres(t) : undefined;
  const port = await findPort();
  const app = await serve(await findPort(), (_, response) => response.end('done'));
  cleanup(t, () => app.close());
  const modern = await startModernIdp(t, name, { redirectUris: [`http://127.0.0.1:${port}/auth/callback`], ...options });
  const nexusd = await startNexusd(t, {
    port, databaseUrl: postgres?.url, redisUrl: redis.url, keys, env: modern.caFile ? { EGRESS_CA_FILE: modern.caFile } : {},
  });
  return new Flows({ keys, redis, postgres, app, nexusd, ...modern });
}

const onPostgres = /DPoP with|^tls_client_auth|FAPI/;
const browserFlows = names.filter((name) => !['device codes', 'token exchange'].includes(name));

for (const name of browserFlows) {
  for (const database of ['sqlite', ...(onPostgres.test(name) ? ['postgres'] : [])]) {
    test(`${name}: connected, read and refreshed (${database})`, async (t) => {
      const flows = await start(t, name, { database });
      const id = await flows.connect(await flows.register());
      const first = await flows.token(id);
      assert.equal(first.token_type, flows.tokenType);
      assert.ok(flows.idp.tokens.access.has(first.access_token));
      assert.ok(await flows.idp.isActive(first.access_token));
      await flows.refresh(id);
      const second = await flows.token(id);
      assert.equal(second.token_type, flows.tokenType);
      assert.notEqual(second.access_token, first.access_token);
      assert.equal(flows.idp.counts.refresh, 1);
      assert.ok(!JSON.stringify(second).includes('"kty"'), 'no key goes to callers');
    });
  }
}

test('a pushed request is sent by us, and the browser carries a reference only', async (t) => {
  const flows = await start(t, 'pushed requests that the provider requires');
  const { authUrl } = await flows.ask(await flows.register());
  const sentTo = await new Browser().leave(authUrl);
  assert.deepEqual([...sentTo.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  assert.equal(flows.idp.counts.par, 1);
});

test('PAR that is down is a page of ours, and works again when it is back', async (t) => {
  const flows = await start(t, 'pushed requests that the provider requires');
  const { authUrl } = await flows.ask(await flows.register());
  flows.idp.fail('/request', '503');
  const page = await new Browser().open(authUrl);
  assert.equal(page.status, 503);
  assert.match(page.text, /Please try again/);
  flows.idp.fail('/request', { status: 400, body: { error: 'invalid_request', error_description: '<script>SECRET</script>' } });
  const refused = await new Browser().open(authUrl);
  assert.equal(refused.status, 502);
  assert.ok(!refused.text.includes('SECRET'), 'nothing that the provider says reaches the page');
  assert.equal((await flows.walk(authUrl)).searchParams.get('status'), 'success');
});

test('par off where the provider requires it is told to who asks', async (t) => {
  const flows = await start(t, 'pushed requests that the provider requires');
  const provider_id = await flows.register({ oauth: { par: 'off' } });
  const answer = await flows.call('POST', '/auth/consent-spec', { workspace_id: 'w1', provider_id, return_url: `${flows.app.url}/done` });
  assert.equal(answer.status, 502, answer.text);
  assert.match(answer.json.message, /requires/);
});

test('resource indicators are sent with the authorization, the exchange and the refresh', async (t) => {
  const flows = await start(t, 'code with PKCE and resource indicators');
  const { authUrl } = await flows.ask(await flows.register());
  assert.deepEqual((await new Browser().leave(authUrl)).searchParams.getAll('resource'), [resource]);
  const end = await flows.walk(authUrl);
  assert.equal(end.searchParams.get('status'), 'success');
  const id = end.searchParams.get('connection_id');
  const audience = async () => (await flows.idp.provider.AccessToken.find((await flows.token(id)).access_token)).aud;
  assert.equal(await audience(), resource);
  await flows.refresh(id);
  assert.equal(await audience(), resource);
});

test('DPoP: a nonce that never fits ends in an error, after two tries', async (t) => {
  const flows = await start(t, 'DPoP with the server\'s nonce');
  const provider_id = await flows.register();
  await flows.connect(provider_id);
  assert.equal(flows.idp.counts.token, 2, 'the first one was told the nonce');
  const id = await flows.connect(provider_id);
  assert.equal(flows.idp.counts.token, 3, 'the nonce is remembered');
  flows.idp.fail('/token', { status: 400, body: { error: 'use_dpop_nonce' }, headers: { 'DPoP-Nonce': 'another' } }, { times: 5 });
  const answer = await flows.call('POST', `/connections/${id}/refresh`);
  assert.equal(answer.status, 502, answer.text);
  assert.equal(flows.idp.counts.token, 5);
  assert.equal((await flows.token(id)).token_type, 'DPoP', 'what there is works on');
});

test('DPoP: UserInfo is shown a proof for the token, with the nonce of the resource', async (t) => {
  const flows = await start(t, 'DPoP with the server\'s nonce');
  const id = await flows.connect(await flows.register({ scopes: ['openid', 'profile', 'offline_access', 'api:read'] }));
  const answer = await flows.call('GET', `/connections/${id}/identity`);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.name, answer.json.sub, `what only UserInfo says: ${flows.nexusd.log()}`);
});

test('DPoP: a provider that ignores it gives no connection', async (t) => {
  const flows = await start(t, 'code with PKCE and resource indicators', { features: { dPoP: { enabled: false } } });
  const { authUrl } = await flows.ask(await flows.register({ oauth: { dpop: true } }));
  const end = await flows.walk(authUrl);
  assert.equal(end.searchParams.get('error'), 'token_exchange_failed');
  assert.match(flows.nexusd.log(), /dpop_not_bound/);
});

test('tls_client_auth: another certificate is refused, and a bad one is not taken', async (t) => {
  const flows = await start(t, 'tls_client_auth', { client: { tls_client_auth_san_dns: 'somebody-else.example' } });
  const { authUrl } = await flows.ask(await flows.register());
  assert.equal((await flows.walk(authUrl)).searchParams.get('error'), 'token_exchange_failed');
  const [cert] = /-----BEGIN CERTIFICATE[\s\S]*END CERTIFICATE-----/.exec(flows.profile.client_secret);
  for (const [secret, why] of [['x', /certificate in PEM/], [cert, /private key in PEM/]]) {
    const answer = await flows.call('POST', '/providers', {
      profile: { name: 'bad', issuer: flows.idp.issuer, enable_discovery: true, client_id: 'c', auth_header: 'tls_client_auth', client_secret: secret },
    });
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.json.message, why);
  }
});

test('keys rotated in the middle of a flow: the id_token by the new key is verified', async (t) => {
  const flows = await start(t, 'code with PKCE and resource indicators');
  const provider_id = await flows.register();
  await flows.connect(provider_id);
  const { authUrl } = await flows.ask(provider_id);
  const { origin } = new URL(flows.nexusd.url);
  const browser = new Browser();
  const back = await browser.consent(authUrl, { until: (url) => url.startsWith(`${origin}/auth/callback`) });
  flows.idp.rotateKeys();
  const end = await browser.open(back, { until: (url) => url.startsWith(flows.app.url) });
  assert.equal(new URL(end.url).searchParams.get('status'), 'success', flows.nexusd.log().slice(-2000));
});

// ---- device codes

/** The person's other device: opens the address with the code in it, logs in and agrees (or not). */
async function agree({ verification_uri_complete: address }, { abort = false } = {}) {
  const person = new Browser();
  let page = await person.open(address);
  for (let steps = 0; steps < 6 && /<form/.test(page.text); steps++) {
    const login = /name="login"/.test(page.text);
    if (abort && !login && /name="abort"/.test(page.text)) {
      return person.submit(page, { abort: 'yes', confirm: '' });
    }
    page = await person.submit(page, login ? { login: 'alice', password: 'x' } : {});
  }
  assert.match(page.text, /Success/, page.text.slice(0, 500));
  return page;
}

const shownTo = async (authUrl) => (await request(authUrl)).json;

/** Loads the page anew as if its interval were over. */
async function reload(flows, authUrl) {
  await flows.sql('UPDATE connections SET flow_poll_at = 0');
  return new Browser().open(authUrl, { until: (url) => url.startsWith(flows.app.url) });
}

const deviceFlow = async (t, database) => {
  const flows = await start(t, 'device codes', { database });
  const { authUrl } = await flows.ask(await flows.register());
  assert.equal(flows.idp.counts.device, 1);
  const page = await new Browser().open(authUrl);
  assert.equal(page.status, 200, page.text);
  assert.equal(page.headers.refresh, '5');
  const shown = await shownTo(authUrl);
  assert.ok(page.text.includes(shown.user_code) && page.text.includes(`href="${shown.verification_uri_complete}"`), page.text);
  assert.equal(flows.idp.counts.token, 1, 'two visits within the interval are one question');
  await agree(shown);
  const end = await reload(flows, authUrl);
  assert.ok(end.stopped, end.text + flows.nexusd.log().slice(-2000));
  const id = new URL(end.url).searchParams.get('connection_id');
  const first = await flows.token(id);
  assert.ok(await flows.idp.isActive(first.access_token));
  await flows.refresh(id);
  assert.notEqual((await flows.token(id)).access_token, first.access_token);
  assert.equal((await new Browser().open(authUrl)).status, 400, 'the link is used up');
};

for (const database of ['sqlite', 'postgres']) {
  test(`device codes: shown, agreed to elsewhere, connected and refreshed (${database})`, (t) => deviceFlow(t, database));
}

for (const error of ['access_denied', 'expired_token']) {
  test(`device codes: ${error} ends the flow`, async (t) => {
    const flows = await start(t, 'device codes');
    const { authUrl } = await flows.ask(await flows.register());
    flows.idp.fail('/token', { status: 400, body: { error, error_description: 'SECRET' } });
    const end = await reload(flows, authUrl);
    assert.equal(new URL(end.url).searchParams.get('error'), error);
    assert.equal((await new Browser().open(authUrl)).status, 400);
  });
}

test('device codes: slow_down and a provider that is down are asked less often', async (t) => {
  const flows = await start(t, 'device codes');
  const { authUrl } = await flows.ask(await flows.register());
  const interval = () => Number(flows.sql('SELECT flow_poll_interval_s AS s FROM connections')[0].s);
  await reload(flows, authUrl);
  assert.equal(interval(), 5);
  flows.idp.fail('/token', { status: 400, body: { error: 'slow_down' } });
  await reload(flows, authUrl);
  assert.equal(interval(), 10, 'RFC 8628 section 3.5: by 5 seconds');
  flows.idp.fail('/token', { status: 503, body: {} });
  await reload(flows, authUrl);
  assert.equal(interval(), 20);
  const asked = flows.idp.counts.token;
  await Promise.all(Array.from({ length: 8 }, () => shownTo(authUrl)));
  assert.equal(flows.idp.counts.token, asked, 'nobody asks before it is time');
});

test('device codes: the person refuses at the provider', async (t) => {
  const flows = await start(t, 'device codes');
  const { authUrl } = await flows.ask(await flows.register());
  await agree(await shownTo(authUrl), { abort: true });
  const end = await reload(flows, authUrl);
  assert.ok(end.stopped, end.text);
  assert.equal(new URL(end.url).searchParams.get('error'), 'access_denied');
});

test('device codes: a provider without them is told to who asks', async (t) => {
  const flows = await start(t, 'code with PKCE and resource indicators');
  const provider_id = await flows.register({ oauth: { grant: 'device_code' } });
  const answer = await flows.call('POST', '/auth/consent-spec', { workspace_id: 'w1', provider_id, return_url: `${flows.app.url}/done` });
  assert.equal(answer.status, 502, answer.text);
  assert.match(answer.json.message, /device_authorization_endpoint/);
});

// ---- token exchange

test('token exchange: a subject token becomes a connection, and is not kept', async (t) => {
  const flows = await start(t, 'token exchange');
  const provider_id = await flows.register();
  const ask = (more) => flows.call('POST', '/auth/consent-spec', { workspace_id: 'w1', provider_id, return_url: `${flows.app.url}/done`, ...more });
  const none = await ask();
  assert.equal(none.status, 400, none.text);
  assert.match(none.json.message, /subject_token/);
  assert.equal((await ask({ subject_token: 'subject-alice', subject_token_type: 'jwt' })).status, 400, 'no URI');
  const answer = await ask({ subject_token: 'subject-alice', subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' });
  assert.equal(answer.status, 200, answer.text + flows.nexusd.log().slice(-2000));
  assert.equal((await flows.token(answer.json.connection_id)).access_token, `exchanged-for-subject-alice-at-${resource}`);
  const again = await flows.call('POST', `/connections/${answer.json.connection_id}/reconnect`, { subject_token: 'subject-alice-2' });
  assert.equal(again.status, 200, again.text);
  assert.equal((await flows.token(answer.json.connection_id)).access_token, `exchanged-for-subject-alice-2-at-${resource}`);
  assert.equal((await flows.call('POST', `/connections/${answer.json.connection_id}/reconnect`, {})).status, 400, 'a new one is needed');
  const wrong = await ask({ subject_token: 'nobody' });
  assert.equal(wrong.status, 502, wrong.text);
  assert.ok(!wrong.text.includes('SECRET') && !/subject-alice|SECRET/.test(flows.nexusd.log()), 'neither token nor the provider\'s text is told');
});

test('a subject token is for token exchange only', async (t) => {
  const flows = await start(t, 'code with PKCE and resource indicators');
  const provider_id = await flows.register();
  const answer = await flows.call('POST', '/auth/consent-spec', { workspace_id: 'w1', provider_id, return_url: `${flows.app.url}/done`, subject_token: 'x' });
  assert.equal(answer.status, 400, answer.text);
});
