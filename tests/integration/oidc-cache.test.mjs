// Discovery documents and key sets, kept in the database: fetched once for all nexusd, still there after a restart while
// the provider is down, loaded before anybody asks, and fresh again by itself.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Browser } from '../support/browser.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { startControlPlane } from '../support/control-plane.mjs';
import { serve } from '../support/http.mjs';
import { startIdp } from '../support/idp.mjs';
import { expectStatus } from '../support/line.mjs';
import { findPort } from '../support/ports.mjs';
import { waitFor } from '../support/wait.mjs';

const DISCOVERY = '/.well-known/openid-configuration';
const scopes = ['openid', 'offline_access', 'api:read'];

async function start(t, database) {
  const plane = await startControlPlane(t, { database });
  const fleet = [plane.nexusd, await plane.startNexusd()];
  const idp = await startIdp(t, { redirectUris: fleet.map((nexusd) => `${nexusd.url}/auth/callback`) });
  const app = await serve(await findPort(), (_, response) => response.end('done'));
  cleanup(t, () => app.close());
  const provider = expectStatus(201, await plane.admin('POST', '/providers', {
    profile: {
      name: 'demo', auth_type: 'oauth2', issuer: idp.issuer, enable_discovery: true, auth_header: 'client_secret_basic',
      client_id: idp.clientId, client_secret: idp.clientSecret, scopes, api_base_url: 'https://api.example.com',
    },
  })).json.id;
  return new Fleet({ plane, fleet, idp, app, provider });
}

class Fleet {
  constructor(parts) {
    Object.assign(this, parts);
  }

  async ask(nexusd) {
    return expectStatus(200, await this.plane.admin('POST', '/auth/consent-spec', {
      workspace_id: 'w1', provider_id: this.provider, return_url: `${this.app.url}/done`, scopes,
    }, { nexusd })).json;
  }

  /** A consent, from there a refresh: each brings an id_token that must be verified. */
  async login(nexusd) {
    const asked = await this.ask(nexusd);
    const end = new URL(await new Browser().consent(asked.authUrl, { until: (url) => url.startsWith(this.app.url) }));
    assert.equal(end.searchParams.get('status'), 'success', end.href);
    const id = asked.connection_id;
    const first = expectStatus(200, await this.plane.token(id, { nexusd })).json.credentials.id_token;
    assert.ok(this.idp.tokens.id.has(first));
    const second_of = () => Math.floor(Date.now() / 1000);
    const begun = second_of();
    await waitFor('the next second, so that the next id_token differs', () => second_of() !== begun);
    expectStatus(200, await this.plane.admin('POST', `/connections/${id}/refresh`, {}, { nexusd }));
    const second = expectStatus(200, await this.plane.token(id, { nexusd })).json.credentials.id_token;
    assert.ok(this.idp.tokens.id.has(second), 'the refreshed id_token is verified and kept');
    assert.notEqual(second, first);
  }

  asked() {
    return { discovery: this.idp.counts.discovery, jwks: this.idp.counts.jwks };
  }

  providerDown() {
    for (const path of [DISCOVERY, '/jwks']) {
      this.idp.fail(path, 'reset', { times: Infinity });
    }
  }

  async restart() {
    for (const nexusd of this.fleet) {
      await nexusd.stop();
    }
    await Promise.all(this.fleet.map((nexusd) => nexusd.start()));
  }

  async metric(nexusd, line) {
    const { text } = await this.plane.admin('GET', '/metrics', undefined, { nexusd });
    const found = text.split('\n').find((one) => one.startsWith(`${line} `));
    return found ? Number(found.slice(line.length + 1)) : 0;
  }
}

for (const database of ['sqlite', 'postgres']) {
  test(`documents are fetched once for all nexusd, and outlive the provider (${database})`, async (t) => {
    const fleet = await start(t, database);
    const [one, two] = fleet.fleet;

    // Sixteen at once, half of them at each nexusd.
    await Promise.all(Array.from({ length: 16 }, (_, i) => fleet.ask(i % 2 ? one : two)));
    assert.equal(fleet.asked().discovery, 1);
    await fleet.login(one);
    await fleet.login(two);
    assert.deepEqual(fleet.asked(), { discovery: 1, jwks: 1 });
    const successes = await Promise.all(fleet.fleet.map((nexusd) => fleet.metric(nexusd, 'oidc_discovery_total{result="success"}')));
    assert.equal(successes[0] + successes[1], 1);
    const fetched = await Promise.all(fleet.fleet.map((nexusd) => fleet.metric(nexusd, 'oidc_jwks_fetch_total{result="fetched"}')));
    assert.equal(fetched[0] + fetched[1], 1);
    assert.ok(await fleet.metric(one, 'oidc_discovery_total{result="cached"}') > 0);

    // The provider's documents cannot be had any more, and every nexusd starts anew.
    fleet.providerDown();
    await fleet.restart();
    await fleet.login(one);
    await fleet.login(two);
    assert.deepEqual(fleet.asked(), { discovery: 1, jwks: 1 }, 'what is fresh is not asked for');

    // The same when all of it expired long ago. The provider is asked, by one nexusd at a time, and not in a hurry.
    await fleet.plane.sql('UPDATE documents SET fresh_until = 2000, checked_at = 1000');
    await fleet.restart();
    await fleet.login(one);
    await fleet.login(two);
    const asked = fleet.asked();
    assert.ok(asked.discovery >= 2 && asked.discovery <= 8, `${asked.discovery}`);
    assert.ok(asked.jwks >= 2 && asked.jwks <= 8, `${asked.jwks}`);
    assert.ok(await fleet.metric(one, 'oidc_discovery_total{result="stale"}') > 0);
    const stale = fleet.fleet.map((nexusd) => nexusd.log()).join('').split('\n').filter((line) => line.includes('"oidc_document_stale"'));
    assert.ok(stale.length >= 2);
    assert.equal(JSON.parse(stale[0]).serves_old, true);
    await waitFor('the age to be shown', async () => await fleet.metric(one, 'oidc_document_age_seconds{kind="jwks"}') > 1e6);

    // It is back: nobody has to ask for the documents to be fresh again.
    fleet.idp.faults.clear();
    await fleet.plane.sql('UPDATE documents SET next_attempt_at = 0');
    await waitFor('the documents to be fresh', async () =>
      await fleet.plane.sql('SELECT count(*) FROM documents WHERE checked_at > 1000 AND error = \'\'') === '2', { timeout: 45000 });
    assert.equal(await fleet.plane.sql('SELECT max(version) FROM documents'), '1', 'they are what they were');
  });

  test(`a broken answer never replaces a good document; a start warms up (${database})`, async (t) => {
    const fleet = await start(t, database);
    const [one] = fleet.fleet;
    await fleet.login(one);

    const evil = { issuer: 'https://evil.example', authorization_endpoint: `${fleet.idp.issuer}/auth`,
      token_endpoint: 'https://evil.example/token', jwks_uri: `${fleet.idp.issuer}/jwks` };
    fleet.idp.fail(DISCOVERY, { status: 200, body: evil }, { times: Infinity });
    fleet.idp.fail('/jwks', { status: 200, body: { keys: [] } }, { times: Infinity });
    await fleet.plane.sql('UPDATE documents SET fresh_until = 2000, checked_at = 1000');
    await fleet.restart();
    await fleet.login(one);
    const refused = fleet.fleet.map((nexusd) => nexusd.log()).join('').split('\n').filter((line) => line.includes('"oidc_document_refused"'));
    assert.ok(refused.length >= 2);
    assert.ok(refused.every((line) => !line.includes('evil.example')), 'what the answer said is not repeated');
    assert.equal(await fleet.plane.sql('SELECT count(*) FROM documents WHERE body LIKE \'%evil%\''), '0');

    fleet.idp.faults.clear();
    for (const nexusd of fleet.fleet) {
      await nexusd.stop();
    }
    await fleet.plane.sql('DELETE FROM documents');
    const before = fleet.asked();
    await Promise.all(fleet.fleet.map((nexusd) => nexusd.start()));
    await waitFor('the documents to be loaded', async () =>
      await fleet.plane.sql('SELECT count(*) FROM documents WHERE version = 1') === '2');
    assert.deepEqual(fleet.asked(), { discovery: before.discovery + 1, jwks: before.jwks + 1 });
  });
}
