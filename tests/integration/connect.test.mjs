// The person's side of a flow: /connect/{token} binds it to one browser, leads to the provider or shows a form, and the
// callback or the form brings the person back to return_url, or to a page that says why not.
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { Browser } from '../support/browser.mjs';
import { assertError } from '../support/errors.mjs';
import { request } from '../support/http.mjs';
import { expectStatus, startLine } from '../support/line.mjs';

const HTML = { accept: 'text/html,application/xhtml+xml' };

const staticProfile = (line, params, more = {}) => ({
  name: 'keyed', auth_type: 'api_key', issuer: undefined, enable_discovery: undefined, auth_header: undefined,
  client_id: undefined, client_secret: undefined, scopes: undefined, api_base_url: line.api.url, params, ...more,
});

const cookiePair = (answer) => answer.headers['set-cookie'][0].split(';')[0];

/** Opens the link as a browser would: {answer, cookie, state}; the state is what the provider gets. */
async function open(asked) {
  const answer = expectStatus(302, await request(asked.authUrl, { headers: HTML }));
  return { answer, cookie: cookiePair(answer), state: new URL(answer.headers.location).searchParams.get('state') };
}

function assertPage(answer, status, what) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^text\/html; charset=utf-8$/);
  assert.match(answer.headers['content-security-policy'], /^default-src 'none'; style-src 'sha256-[\w+/=]{44}'; .*frame-ancestors 'none'$/);
  assert.equal(answer.headers['x-frame-options'], 'DENY');
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  assert.equal(answer.headers['referrer-policy'], 'no-referrer');
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.match(answer.text, /<html lang="en">/);
  assert.doesNotMatch(answer.text, /<script|\son\w+=|(src|href)="(https?:)?\/\//i, 'nothing runs, nothing is loaded');
  assert.match(answer.text, what);
}

for (const database of ['sqlite', 'postgres']) {
  test(`an OAuth flow belongs to the browser that opened it (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info' });
    await line.createProvider();
    const agent = await line.createAgent();
    const ask = async () => expectStatus(200, await line.requestConnection(agent)).json;
    const callback = (query, headers = {}) => request(`${line.site.front}/auth/callback?${new URLSearchParams(query)}`, { headers });

    const asked = await ask();
    assert.equal(asked.authUrl, `${line.site.front}/connect/${asked.state}`);
    const first = await open(asked);
    assert.match(first.answer.headers['set-cookie'][0], /^nexus_flow_[0-9a-f]{8}=[\w-]{43}; Path=\/; Max-Age=(5\d\d|600); HttpOnly; SameSite=Lax$/);
    assert.equal(first.answer.headers['cache-control'], 'no-store');
    assert.equal(first.answer.headers['referrer-policy'], 'no-referrer');
    assert.ok(first.answer.headers.location.startsWith(`${line.idp.issuer}/auth?`));
    assert.notEqual(first.state, asked.state);
    assert.ok(!first.answer.headers.location.includes(first.cookie.split('=')[1]), 'the provider does not see the cookie');

    // The browser of somebody else, in three disguises; none of them uses the flow up.
    const other = await open(await ask());
    for (const headers of [{}, { cookie: other.cookie }, { cookie: `${first.cookie.split('=')[0]}=${other.cookie.split('=')[1]}` }]) {
      const refused = await callback({ state: first.state, code: 'x' }, headers);
      assertError(refused, 400, 'invalid_state');
      assert.equal(refused.json.detail, 'browser');
      assertPage(await callback({ state: first.state, error: 'access_denied' }, { ...HTML, ...headers }), 400, /opened in another browser/);
    }
    assertError(await callback({ state: asked.state, code: 'x' }, { cookie: first.cookie }), 400, 'invalid_state');   // the ticket is no state
    assertError(await request(`${line.site.front}/connect/${first.state}`), 400, 'invalid_state');                    // nor the state a ticket
    assertError(await request(`${line.site.front}/auth/capture-schema?state=${first.state}`), 400, 'invalid_state');
    assert.equal((await line.check(agent, asked.connection_id)).json.status, 'pending');

    // Two tabs of one browser: the second keeps the cookie, both states are good.
    const tab = expectStatus(302, await request(asked.authUrl, { headers: { ...HTML, cookie: `a=b; ${first.cookie}` } }));
    assert.equal(cookiePair(tab), first.cookie);
    const browser = new Browser();
    await browser.leave(asked.authUrl);
    const end = new URL(await browser.consent(asked.authUrl, { until: (url) => url.startsWith(line.app.url) }));
    assert.equal(end.searchParams.get('status'), 'success');
    assert.equal((await line.check(agent, asked.connection_id)).json.status, 'active');

    // Used up: the right browser gets a page, and no code goes to the provider again.
    const codes = line.idp.counts.token;
    assertError(await callback({ state: first.state, code: 'x' }, { cookie: first.cookie }), 400, 'invalid_state');
    assertPage(await callback({ state: first.state, code: 'x' }, { cookie: first.cookie, ...HTML }), 400, /does not work any more/);
    assertPage(await request(asked.authUrl, { headers: HTML }), 400, /does not work any more/);
    assert.equal(line.idp.counts.token, codes);

    for (const secret of [asked.state, first.state, first.cookie.split('=')[1]]) {
      assert.ok(!line.nexusd.log().includes(secret) && !line.site.accessLog().includes(secret) && !line.site.errorLog().includes(secret));
    }
  });

  test(`the answer always goes back to the person (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info' });
    await line.createProvider();
    const agent = await line.createAgent();
    const returnUrl = `${line.app.url}/done?tenant=7&status=old#part`;
    for (const [query, error] of [[{ error: 'access_denied' }, 'access_denied'], [{ error: 'canary"><script>' }, 'oauth_error'], [{}, 'missing_params'],
      [{ code: 'x', iss: 'https://evil.example' }, 'invalid_issuer'], [{ code: 'wrong' }, 'token_exchange_failed']]) {
      const { json } = expectStatus(200, await line.requestConnection(agent, { return_url: returnUrl }));
      const { cookie, state } = await open(json);
      const back = expectStatus(302, await request(`${line.site.front}/auth/callback?${new URLSearchParams({ state, iss: line.idp.issuer, ...query })}`, { headers: { ...HTML, cookie } }));
      const url = new URL(back.headers.location);
      assert.equal(url.searchParams.get('tenant'), '7', 'its own query stays (D27)');
      assert.deepEqual(url.searchParams.getAll('status'), ['error']);
      assert.equal(url.searchParams.get('error'), error);
      assert.equal(url.searchParams.get('connection_id'), json.connection_id);
      assert.equal(url.hash, '#part');
      assert.ok(!back.headers.location.includes('canary'));
      assert.match(back.headers['set-cookie'][0], /^nexus_flow_[0-9a-f]{8}=; Path=\/; Max-Age=0;/);
      assert.equal((await line.check(agent, json.connection_id)).json.status, 'failed', 'not left pending (D28)');
    }
    assertPage(await request(`${line.site.front}/auth/callback`, { headers: HTML }), 400, /does not work any more/);
    assertPage(await request(`${line.site.front}/connect/nonsense`, { headers: HTML }), 400, /does not work any more/);
  });

  test(`the form of a static credential (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info' });
    await line.createProvider(staticProfile(line, {
      header_name: 'X-Key',
      credential_schema: {
        type: 'object',
        title: 'Connect <b>Weather</b> & more',
        description: 'From "Settings" > <script>alert(1)</script>',
        required: ['api_key', 'region'],
        properties: {
          region: { type: 'string', title: 'Region', enum: ['eu', 'us"><i>'], description: 'Where it is' },
          account: { type: 'string', title: 'Account', minLength: 3, maxLength: 5, pattern: '^[a-zä]+$', default: 'abc', examples: ['team'] },
          api_key: { type: 'string', title: 'Key', writeOnly: true, minLength: 8 },
        },
      },
    }));
    await line.createProvider();
    const agent = await line.createAgent();
    const ask = async (provider = 'keyed') => expectStatus(200, await line.requestConnection(agent, { provider, scopes: [] })).json;
    const asked = await ask();

    const shown = await request(asked.authUrl, { headers: HTML });
    assertPage(shown, 200, /<h1>Connect &lt;b&gt;Weather&lt;\/b&gt; &amp; more<\/h1>/);
    assert.match(shown.text, /<option value="us&quot;&gt;&lt;i&gt;">/);
    assert.match(shown.text, /<input id="f1" name="account" type="text" placeholder="team" value="abc" /);
    assert.match(shown.text, /<label for="f2">Key<\/label>\n<input id="f2" name="api_key" type="password" required /);
    assert.match(shown.text, /<p class="soft" id="f0-hint">Where it is<\/p>\n<select id="f0" name="region" aria-describedby="f0-hint" required>/);
    const cookie = cookiePair(shown);
    const hidden = /name="_state" value="([^"]+)"/.exec(shown.text)[1];
    const good = { _state: hidden, region: 'eu', account: 'teäm', api_key: 'canary-secret-key' };
    const submit = (fields, headers = { cookie }) => request(asked.authUrl, {
      method: 'POST', body: new URLSearchParams(fields).toString(), headers: { ...HTML, 'content-type': 'application/x-www-form-urlencoded', ...headers },
    });

    for (const [fields, problems, kept] of [
      [{ ...good, api_key: '' }, ['Key is required'], ['value="teäm"', '<option value="eu" selected>']],
      [{ ...good, api_key: 'short', account: 'x' }, ['Key must have at least 8 characters', 'Account must have at least 3 characters'], ['value="x"']],
      [{ ...good, account: 'toolong' }, ['Account must have at most 5 characters'], []],
      [{ ...good, account: 'A<b>"' }, ['Account does not have the expected form'], ['value="A&lt;b&gt;&quot;"']],
      [{ ...good, region: 'moon' }, ['Region must be one of the choices'], []],
      [{ _state: hidden }, ['Region is required', 'Key is required'], []],
    ]) {
      const again = await submit(fields);
      assertPage(again, 400, /aria-invalid="true"/);
      for (const text of [...problems, ...kept]) {
        assert.ok(again.text.includes(text), `${text} in ${again.text}`);
      }
      assert.equal(again.text.match(/class="problem" id="f\d-problem"/g).length, problems.length);
      assert.match(again.text, /aria-describedby="[^"]*f\d-problem"/);
      assert.ok(!again.text.includes('canary-secret-key') && !again.text.includes('"short"'), 'what was typed unseen is not shown');
    }

    // Another site's form, another browser's, a state that was not made for a browser, none, junk.
    const foreign = await ask();
    const theirs = await request(foreign.authUrl, { headers: HTML });
    for (const [fields, headers] of [[good, {}], [good, { cookie: cookiePair(theirs) }], [{ ...good, _state: asked.state }, { cookie }],
      [{ ...good, _state: /name="_state" value="([^"]+)"/.exec(theirs.text)[1] }, { cookie: `${cookie}; ${cookiePair(theirs)}` }], [{ api_key: 'canary-secret-key' }, { cookie }]]) {
      assertPage(await submit(fields, headers), 400, /opened in another browser/);
    }
    assertPage(await submit({ ...good, access_token: 'planted' }), 400, /did not work/);
    assertError(await submit(good, { cookie, accept: '*/*', 'content-type': 'text/plain' }), 400, 'invalid_request');
    assert.equal((await line.check(agent, asked.connection_id)).json.status, 'pending');

    const done = await submit(good);
    assert.equal(done.status, 303, done.text);
    const back = new URL(done.headers.location);
    assert.equal(back.searchParams.get('status'), 'success');
    assert.equal(back.searchParams.get('connection_id'), asked.connection_id);
    line.api.accept = (incoming) => incoming.headers['x-key'] === 'canary-secret-key';
    assert.equal((await line.call(agent, asked.connection_id)).status, 200);
    assertPage(await submit({ ...good, api_key: 'another-key' }), 400, /does not work any more/);
    assertPage(await request(asked.authUrl, { headers: HTML }), 400, /does not work any more/);
    assert.equal((await line.call(agent, asked.connection_id)).status, 200, 'the first credential stays');

    // An OAuth flow has no form to be posted (D8).
    const oauth = await ask('demo');
    const started = await open(oauth);
    const planted = await request(oauth.authUrl, {
      method: 'POST', body: new URLSearchParams({ _state: started.state, access_token: 'planted' }).toString(),
      headers: { cookie: started.cookie, 'content-type': 'application/x-www-form-urlencoded' },
    });
    assertError(planted, 400, 'invalid_state');
    assert.equal((await line.check(agent, oauth.connection_id)).json.status, 'pending');
    assert.ok(!line.nexusd.log().includes('canary-secret-key') && !line.nexusd.log().includes(hidden));
  });
}

test('a link that waits too long, and a return_url that is not allowed any more', async (t) => {
  const line = await startLine(t, { logLevel: 'info' });
  await line.createProvider(staticProfile(line));
  const agent = await line.createAgent();
  const asked = expectStatus(200, await line.requestConnection(agent, { provider: 'keyed', scopes: [] })).json;
  const late = expectStatus(200, await line.requestConnection(agent, { provider: 'keyed', scopes: [] })).json;
  const shown = await request(asked.authUrl, { headers: HTML });
  line.nexusd.env.ALLOWED_RETURN_DOMAINS = 'elsewhere.example';
  await line.nexusd.stop();
  await line.nexusd.start();
  const done = await request(asked.authUrl, {
    method: 'POST', body: new URLSearchParams({ _state: /name="_state" value="([^"]+)"/.exec(shown.text)[1], api_key: 'k' }).toString(),
    headers: { ...HTML, cookie: cookiePair(shown), 'content-type': 'application/x-www-form-urlencoded' },
  });
  assertPage(done, 200, /<h1>Connected<\/h1>/);
  assert.equal((await line.check(agent, asked.connection_id)).json.status, 'active');

  expireFlow(line, late.connection_id);
  assertPage(await request(late.authUrl, { headers: HTML }), 400, /does not work any more/);
});

// Time cannot be moved from outside, the row's can.
function expireFlow(line, id) {
  const database = new DatabaseSync(line.nexusd.databaseFile);
  database.exec(`UPDATE connections SET flow_expires_at = 1 WHERE id = '${id}'`);
  database.close();
}

test('a provider with a redirect URI of its own is mixed up with no other', async (t) => {
  const own = '2d16defc-1306-45a3-badc-c91e9c406e5b';
  const line = await startLine(t, { logLevel: 'info', idp: { ownRedirects: [own] } });
  await line.createProvider();
  const profile = {
    name: 'own', issuer: line.idp.issuer, enable_discovery: true, auth_header: 'client_secret_basic', client_id: line.idp.clientId,
    client_secret: line.idp.clientSecret, scopes: ['openid'], api_base_url: line.api.url, oauth: { redirect_uri: 'own' },
  };
  assertError(await line.admin('POST', '/providers', { profile: { ...profile, oauth: { redirect_uri: 'https://evil.example/' } } }), 400, 'invalid_request');
  expectStatus(201, await line.admin('POST', '/providers', { id: own, profile }));
  const agent = await line.createAgent();

  const id = await line.connect(agent, { provider: 'own' });
  assert.equal((await line.token(agent, id)).status, 200);
  const { answer } = await open(expectStatus(200, await line.requestConnection(agent, { provider: 'own' })).json);
  assert.equal(new URL(answer.headers.location).searchParams.get('redirect_uri'), `${line.site.front}/auth/callback/${own}`);

  // An answer at another address than its own: no code is exchanged for it.
  for (const [provider, path] of [['own', '/auth/callback'], ['demo', `/auth/callback/${own}`], ['own', '/auth/callback/7f6c2f1e-1111-4222-8333-944455556666']]) {
    const { json } = expectStatus(200, await line.requestConnection(agent, { provider }));
    const { cookie, state } = await open(json);
    const exchanged = line.idp.counts.token;
    const query = new URLSearchParams({ state, code: 'x', iss: line.idp.issuer });
    const back = expectStatus(302, await request(`${line.site.front}${path}?${query}`, { headers: { ...HTML, cookie } }));
    assert.equal(new URL(back.headers.location).searchParams.get('error'), 'invalid_issuer', path);
    assert.equal(line.idp.counts.token, exchanged);
    const events = expectStatus(200, await line.admin('GET', `/audit?connection_id=${json.connection_id}&event_type=oauth_error`)).json;
    assert.deepEqual(events.map((event) => JSON.parse(event.event_data).reason), ['redirect_mismatch'], path);
  }
});
