// Forged id_tokens and callbacks, end to end: each ends the flow with its error, the audit event says why, and no token is
// stored. The provider is malicious, nexusd and its database are real; the same checks have hundreds of cases more in
// tests/unit/control_plane/oidc.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import test, { before, after } from 'node:test';
import { Browser } from '../support/browser.mjs';
import { cleanup, wholeFile } from '../support/cleanup.mjs';
import { startControlPlane } from '../support/control-plane.mjs';
import { CLIENT, startForgingProvider } from '../support/forging-provider.mjs';
import { serve } from '../support/http.mjs';
import { findPort } from '../support/ports.mjs';

const file = wholeFile();
let plane;
let forger;
let app;
let refused = 0;

before(async () => {
  plane = await startControlPlane(file);
  forger = await startForgingProvider(file);
  app = await serve(await findPort(), (_, response) => response.end('done'));
  cleanup(file, () => app.close());
});

after(() => console.log(`oidc-attacks: ${refused} cases refused`));

// ---- walking a flow

async function register(name, profile = {}) {
  const { url } = forger.issuers.get(name);
  const answer = await plane.admin('POST', '/providers', {
    profile: {
      name, client_id: CLIENT, client_secret: 'secret-1', issuer: url, enable_discovery: true, scopes: ['openid'],
      api_base_url: `${url}/api`, ...profile,
    },
  });
  assert.equal(answer.status, 201, answer.text);
  return answer.json.id;
}

const ask = (provider_id) => plane.admin('POST', '/auth/consent-spec', { workspace_id: 'w1', provider_id, return_url: `${app.url}/done` });

/** Up to where the person has consented: {id, browser, state}. */
async function begin(name, profile) {
  const asked = await ask(await register(name, profile));
  assert.equal(asked.status, 200, asked.text);
  const browser = new Browser();
  const sentTo = await browser.leave(asked.json.authUrl);
  forger.issuers.get(name).nonce = sentTo.searchParams.get('nonce');
  return { id: asked.json.connection_id, browser, state: sentTo.searchParams.get('state') };
}

function bring({ browser, state }, query = {}) {
  const back = new URL('/auth/callback', plane.nexusd.url);
  back.search = new URLSearchParams({ code: 'code-1', state, ...query }).toString();
  return browser.open(back.href, { until: (url) => url.startsWith(app.url) });
}

async function auditOf(id, type) {
  const { json } = await plane.admin('GET', `/audit?limit=100&connection_id=${id}&event_type=${type}`);
  return json.map((event) => JSON.parse(event.event_data));
}

async function assertNothingStored(id) {
  assert.equal(await plane.sql(`SELECT count(*) FROM tokens WHERE connection_id = '${id}'`), '0');
  assert.notEqual((await plane.token(id)).status, 200);
}

async function assertRefused(flow, end, { type, error, reason }) {
  assert.ok(end.stopped, `${end.status}: ${end.text}`);
  const query = new URL(end.url).searchParams;
  assert.deepEqual([query.get('status'), query.get('error')], ['error', error], end.url);
  assert.deepEqual(await auditOf(flow.id, type), [{ error, reason }]);
  await assertNothingStored(flow.id);
  refused += 1;
}

// ---- id_tokens

const now = () => Math.floor(Date.now() / 1000);
const half = (text) => createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');
const text = (claims, more) => JSON.stringify(claims).replace(/}$/, `,${more}}`);
const resigned = (token, change) => token.split('.').map((part, i) => (i === 2 ? change(part) : part)).join('.');

// name -> [reason, token({claims, provider, issuer}), the rest of the issuer's script, more of the profile]
const tokens = {
  'wrong issuer': ['issuer', ({ claims, provider: p }) => p.sign({ ...claims, iss: 'https://evil.example' })],
  'issuer with a slash more': ['issuer', ({ claims, provider: p }) => p.sign({ ...claims, iss: `${claims.iss}/` })],
  'no issuer': ['issuer_missing', ({ claims: { iss, ...claims }, provider: p }) => p.sign(claims)],
  'another client\'s': ['audience', ({ claims, provider: p }) => p.sign({ ...claims, aud: 'client-2' })],
  'no audience': ['audience_missing', ({ claims: { aud, ...claims }, provider: p }) => p.sign(claims)],
  'an odd audience': ['audience_malformed', ({ claims, provider: p }) => p.sign({ ...claims, aud: [CLIENT, 7] })],
  'several audiences, no azp': ['azp_missing', ({ claims, provider: p }) => p.sign({ ...claims, aud: [CLIENT, 'client-2'] })],
  'another azp': ['azp', ({ claims, provider: p }) => p.sign({ ...claims, azp: 'client-2' })],
  'alg none': ['alg_none', ({ claims, provider: p }) => `${p.input(claims, { alg: 'none' })}.`],
  'alg NONE with a signature': ['alg_none', ({ claims, provider: p }) => p.sign(claims, { header: { alg: 'NONE' } })],
  'HS256 by the public key': ['alg_hmac', ({ claims, provider: p }) => {
    const input = p.input(claims, { alg: 'HS256', kid: 'rsa' });
    return `${input}.${p.hmac(p.keys.rsa.publicKey.export({ type: 'spki', format: 'pem' }), input)}`;
  }],
  'HS256 by the client secret': ['alg_hmac', ({ claims, provider: p }) => {
    const input = p.input(claims, { alg: 'HS256', kid: 'rsa' });
    return `${input}.${p.hmac('secret-1', input)}`;
  }],
  'an unknown alg': ['alg_unknown', ({ claims, provider: p }) => p.sign(claims, { header: { alg: 'RS1' } })],
  'an alg that the profile does not accept': ['alg_not_accepted', ({ claims, provider: p }) => p.sign(claims), {}, { accepted_algorithms: ['ES256'] }],
  'a stranger\'s signature': ['signature', ({ claims, provider: p }) => p.sign(claims, { key: 'stranger', header: { kid: 'rsa' } })],
  'a stranger\'s key in the header': ['signature', ({ claims, provider: p }) => p.sign(claims, { key: 'stranger', header: { kid: 'rsa', jwk: p.jwk('stranger') } })],
  'a signature with a bit flipped': ['signature', ({ claims, provider: p }) => resigned(p.sign(claims), (part) => (part[0] === 'A' ? 'B' : 'A') + part.slice(1))],
  'the signature of other claims': ['signature', ({ claims, provider: p }) => resigned(p.sign(claims), () => p.sign({ ...claims, sub: 'bob' }).split('.')[2])],
  'an ECDSA signature of zeroes': ['signature', ({ claims, provider: p }) => resigned(p.sign(claims, { alg: 'ES256' }), () => Buffer.alloc(64).toString('base64url'))],
  'an EdDSA signature with a bit flipped': ['signature', ({ claims, provider: p }) => resigned(p.sign(claims, { alg: 'EdDSA' }), (part) => (part[0] === 'A' ? 'B' : 'A') + part.slice(1))],
  'RS256 under the header of PS256': ['signature', ({ claims, provider: p }) => p.sign(claims, { header: { alg: 'PS256' } })],
  'an unknown kid': ['unknown_kid', ({ claims, provider: p }) => p.sign(claims, { header: { kid: 'nobody' } })],
  'a kid of another type': ['key_mismatch', ({ claims, provider: p }) => p.sign(claims, { header: { kid: 'ec' } })],
  'a kid that is published twice': ['ambiguous_key', ({ claims, provider: p }) => p.sign(claims),
    { jwks: (p) => [p.jwk('rsa'), p.jwk('stranger', { kid: 'rsa' })] }],
  'no kid, two keys': ['ambiguous_key', ({ claims, provider: p }) => p.sign(claims, { header: { kid: undefined } }),
    { jwks: (p) => [p.jwk('rsa'), p.jwk('stranger')] }],
  'an encryption key': ['key_use', ({ claims, provider: p }) => p.sign(claims), { jwks: (p) => [p.jwk('rsa', { use: 'enc' }), p.jwk('ec')] }],
  'a key that only signs': ['key_use', ({ claims, provider: p }) => p.sign(claims), { jwks: (p) => [p.jwk('rsa', { key_ops: ['sign'] }), p.jwk('ec')] }],
  'a key for another alg': ['key_mismatch', ({ claims, provider: p }) => p.sign(claims), { jwks: (p) => [p.jwk('rsa', { alg: 'RS512' })] }],
  'a weak key': ['key_weak', ({ claims, provider: p }) => p.sign(claims, { key: 'weak' }), { jwks: (p) => [p.jwk('weak'), p.jwk('ec')] }],
  'a key whose private part is published': ['key_exposed', ({ claims, provider: p }) => p.sign(claims),
    { jwks: (p) => [{ ...p.keys.rsa.privateKey.export({ format: 'jwk' }), kid: 'rsa' }, p.jwk('ec')] }],
  'a key set without a key for it': ['keys_unavailable', ({ claims, provider: p }) => p.sign(claims), { jwks: (p) => [p.jwk('rsa', { use: 'enc' })] }],
  'a key set with a member twice': ['keys_unavailable', ({ claims, provider: p }) => p.sign(claims),
    { jwks: (p) => `{"keys":[],"keys":[${JSON.stringify(p.jwk('rsa'))}]}` }],
  expired: ['expired', ({ claims, provider: p }) => p.sign({ ...claims, exp: now() - 121, iat: now() - 600 })],
  'not valid yet': ['not_yet_valid', ({ claims, provider: p }) => p.sign({ ...claims, nbf: now() + 300 })],
  'issued in the future': ['issued_in_future', ({ claims, provider: p }) => p.sign({ ...claims, iat: now() + 250 })],
  'times in milliseconds': ['time_malformed', ({ claims, provider: p }) => p.sign({ ...claims, exp: (now() + 300) * 1000 })],
  'no exp': ['exp_missing', ({ claims: { exp, ...claims }, provider: p }) => p.sign(claims)],
  'beyond the profile\'s clock skew': ['expired', ({ claims, provider: p }) => p.sign({ ...claims, exp: now() - 20, iat: now() - 600 }), {}, { clock_skew: 10 }],
  'another nonce': ['nonce', ({ claims, provider: p }) => p.sign({ ...claims, nonce: 'another' })],
  'no nonce': ['nonce_missing', ({ claims: { nonce, ...claims }, provider: p }) => p.sign(claims)],
  'no subject': ['subject_missing', ({ claims: { sub, ...claims }, provider: p }) => p.sign(claims)],
  'a subject that is too long': ['subject_malformed', ({ claims, provider: p }) => p.sign({ ...claims, sub: 'a'.repeat(256) })],
  'another access token\'s': ['at_hash', ({ claims, provider: p }) => p.sign({ ...claims, at_hash: half('at-other') })],
  'another code\'s': ['c_hash', ({ claims, provider: p }) => p.sign({ ...claims, c_hash: half('code-other') })],
  'an oversized header': ['too_large', ({ claims, provider: p }) => p.sign(claims, { header: { x5c: ['a'.repeat(7000)] } })],
  'a claim twice': ['payload_duplicate_member', ({ claims, provider: p }) => p.sign(text(claims, '"aud":"client-2"'))],
  'a claim twice by an escape': ['payload_duplicate_member', ({ claims, provider: p }) => p.sign(text(claims, '"\\u0073ub":"bob"'))],
  'an alg twice': ['header_duplicate_member', ({ claims, provider: p }) => p.sign(claims, { headerText: '{"alg":"none","alg":"RS256","kid":"rsa"}' })],
  'a header that is no JSON': ['header_malformed', ({ claims, provider: p }) => p.sign(claims, { headerText: '{"alg":"RS256","kid":"rsa"}x' })],
  'claims with trailing data': ['payload_malformed', ({ claims, provider: p }) => p.sign(`${JSON.stringify(claims)}{}`)],
  'claims that are a list': ['payload_malformed', ({ claims, provider: p }) => p.sign([claims])],
  'an unknown critical header': ['crit', ({ claims, provider: p }) => p.sign(claims, { header: { crit: ['x'], x: 1 } })],
  'a payload that is not encoded': ['b64', ({ claims, provider: p }) => p.sign(claims, { header: { b64: false } })],
  'an access token in its place': ['typ', ({ claims, provider: p }) => p.sign(claims, { header: { typ: 'at+jwt' } })],
  'an encrypted one': ['encrypted', ({ claims, provider: p }) => `${p.sign(claims)}.AAAA.AAAA`],
  'no JWT at all': ['malformed', () => 'opaque-token'],
  'padded base64': ['malformed', ({ claims, provider: p }) => `${p.sign(claims)}==`],
  none: ['id_token_missing', () => undefined],
};

for (const [i, [name, [reason, token, script, profile]]] of Object.entries(tokens).entries()) {
  test(`id_token: ${name}`, async () => {
    const issuer = `token-${i}`;
    forger.issue(issuer, { token, ...script });
    const flow = await begin(issuer, profile);
    const end = await bring(flow);
    await assertRefused(flow, end, { type: 'id_token_verification_failed', error: 'invalid_id_token', reason });
    const log = plane.nexusd.log().split('\n').filter((line) => line.includes('id_token_refused') && line.includes(flow.id));
    assert.equal(log.length, 1);
    assert.equal(JSON.parse(log[0]).reason, reason);
  });
}

test('each reason is counted, and nothing of a token is logged', async () => {
  const metrics = (await plane.admin('GET', '/metrics')).text;
  for (const reason of new Set(Object.values(tokens).map(([code]) => code))) {
    const line = metrics.split('\n').find((one) => one.startsWith('oidc_verifications_total{') && one.includes(`reason="${reason}"`));
    assert.match(line ?? '', /result="error"/, reason);
  }
  assert.doesNotMatch(plane.nexusd.log(), /eyJ[A-Za-z0-9_-]{10}/);
  assert.doesNotMatch(plane.nexusd.log(), /alice|client-2|evil\.example/);
});

test('id_token: oversized: no token answer at all', async () => {
  forger.issue('oversized', { token: ({ claims, provider: p }) => p.sign({ ...claims, more: 'a'.repeat(14000) }) });
  const flow = await begin('oversized');
  const end = await bring(flow);
  assert.equal(new URL(end.url).searchParams.get('error'), 'token_exchange_failed');
  await assertNothingStored(flow.id);
  refused += 1;
});

// ---- the tokens that the forged ones are made of

for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'EdDSA']) {
  test(`a good one by ${alg}`, async () => {
    const issuer = `good-${alg.toLowerCase()}`;
    forger.issue(issuer, { token: ({ claims, provider: p }) => p.sign(claims, { alg }) });
    const flow = await begin(issuer);
    const end = await bring(flow);
    assert.equal(new URL(end.url).searchParams.get('status'), 'success', end.url);
    assert.equal((await plane.token(flow.id)).status, 200);
  });
}

// ---- callbacks

const honest = (name, discovery) => forger.issue(name, { discovery });
const withIss = (document) => ({ ...document, authorization_response_iss_parameter_supported: true });

test('callback: iss is promised and missing', async () => {
  const issuer = honest('iss-missing', withIss);
  const flow = await begin('iss-missing');
  await assertRefused(flow, await bring(flow), { type: 'oauth_error', error: 'invalid_issuer', reason: 'iss_missing' });
  assert.equal(issuer.exchanges, 0, 'the code is not shown to anybody');
});

for (const [name, iss] of Object.entries({
  'another': () => 'https://evil.example', 'with a slash more': ({ url }) => `${url}/`, 'in upper case': ({ url }) => url.toUpperCase(), 'empty': () => '',
})) {
  test(`callback: iss is ${name}`, async () => {
    const issuer = honest(`iss-${name.replaceAll(' ', '-')}`, withIss);
    const flow = await begin(`iss-${name.replaceAll(' ', '-')}`);
    await assertRefused(flow, await bring(flow, { iss: iss(issuer) }), { type: 'oauth_error', error: 'invalid_issuer', reason: 'iss_mismatch' });
    assert.equal(issuer.exchanges, 0);
  });
}

test('callback: iss is wrong though none was promised', async () => {
  const issuer = honest('iss-unasked');
  const flow = await begin('iss-unasked');
  await assertRefused(flow, await bring(flow, { iss: 'https://evil.example' }), { type: 'oauth_error', error: 'invalid_issuer', reason: 'iss_mismatch' });
  assert.equal(issuer.exchanges, 0);
});

test('callback: swapped provider (mix-up): the honest one\'s answer ends another\'s flow', async () => {
  const victim = honest('mixup-honest', withIss);
  const attacker = honest('mixup-attacker');
  const flow = await begin('mixup-attacker');
  await assertRefused(flow, await bring(flow, { iss: victim.url }), { type: 'oauth_error', error: 'invalid_issuer', reason: 'iss_mismatch' });
  assert.deepEqual([attacker.exchanges, victim.exchanges], [0, 0]);
});

test('callback: swapped provider: the id_token of another issuer that the person knows', async () => {
  const other = honest('swap-other');
  forger.issue('swap-token', { token: ({ claims, provider: p }) => p.sign({ ...claims, iss: other.url }) });
  const flow = await begin('swap-token');
  await assertRefused(flow, await bring(flow), { type: 'id_token_verification_failed', error: 'invalid_id_token', reason: 'issuer' });
});

test('callback: the state of a flow opens no other provider\'s', async () => {
  const first = honest('state-first');
  const second = honest('state-second');
  const flow = await begin('state-first');
  const other = await begin('state-second');
  const end = await bring({ browser: other.browser, state: flow.state });
  assert.equal(end.stopped, false);
  assert.ok(end.status >= 400, 'the state is of another browser');
  assert.deepEqual([first.exchanges, second.exchanges], [0, 0]);
  await assertNothingStored(flow.id);
  await assertNothingStored(other.id);
  refused += 1;
});

// Needs our own key: nobody else can make such a state, and it is of no use even so.
test('callback: a state that was signed for another provider', async () => {
  const issuer = honest('resigned');
  honest('resigned-other');
  const other = await register('resigned-other');
  const flow = await begin('resigned');
  const claims = JSON.parse(Buffer.from(flow.state.split('.')[0], 'base64url'));
  const json = JSON.stringify({ ...claims, provider_id: other });
  const mac = createHmac('sha256', Buffer.from(plane.keys.STATE_KEY, 'base64')).update(json).digest('base64url');
  const end = await bring({ browser: flow.browser, state: `${Buffer.from(json).toString('base64url')}.${mac}` });
  await assertRefused(flow, end, { type: 'oauth_error', error: 'invalid_issuer', reason: 'state_provider' });
  assert.equal(issuer.exchanges, 0);
});

test('callback: state from another browser', async () => {
  const issuer = honest('other-browser');
  const flow = await begin('other-browser');
  const end = await bring({ browser: new Browser(), state: flow.state });
  assert.equal(end.stopped, false);
  assert.ok(end.status >= 400);
  assert.equal(issuer.exchanges, 0);
  await assertNothingStored(flow.id);
  refused += 1;
  assert.equal(new URL((await bring(flow)).url).searchParams.get('status'), 'success', 'and the person\'s own still may');
});

test('callback: a replayed state', async () => {
  const issuer = honest('replayed');
  const flow = await begin('replayed');
  assert.equal(new URL((await bring(flow)).url).searchParams.get('status'), 'success');
  const again = await bring(flow);
  assert.equal(again.stopped, false);
  assert.ok(again.status >= 400);
  assert.equal(issuer.exchanges, 1);
  refused += 1;
});

for (const [name, change] of Object.entries({
  'with a bit flipped': (state) => (state[5] === 'A' ? 'B' : 'A') + state.slice(1), 'cut off': (state) => state.slice(0, -3), 'empty': () => '', 'of nobody': () => 'e30.AAAA',
})) {
  test(`callback: a state ${name}`, async () => {
    const issuer = honest(`state-${name.replaceAll(' ', '-')}`);
    const flow = await begin(`state-${name.replaceAll(' ', '-')}`);
    const end = await bring({ browser: flow.browser, state: change(flow.state) });
    assert.equal(end.stopped, false);
    assert.ok(end.status >= 400);
    assert.equal(issuer.exchanges, 0);
    await assertNothingStored(flow.id);
    refused += 1;
  });
}

// ---- metadata

for (const [name, discovery] of Object.entries({
  'PKCE downgraded to plain': (document) => ({ ...document, code_challenge_methods_supported: ['plain'] }),
  'PKCE taken away': (document) => ({ ...document, code_challenge_methods_supported: [] }),
  'another issuer': (document) => ({ ...document, issuer: 'https://evil.example' }),
  'an issuer with a slash more': (document) => ({ ...document, issuer: `${document.issuer}/` }),
  'no issuer': ({ issuer, ...document }) => document,
  'a member twice': (document) => JSON.stringify(document).replace(/}$/, ',"token_endpoint":"https://evil.example/token"}'),
})) {
  test(`metadata: ${name}`, async () => {
    const issuer = `metadata-${name.toLowerCase().replaceAll(' ', '-')}`;
    forger.issue(issuer, { discovery });
    const asked = await ask(await register(issuer));
    if (asked.status === 200) {
      await assert.rejects(new Browser().leave(asked.json.authUrl), /did not lead on/);
      await assertNothingStored(asked.json.connection_id);
    } else {
      assert.ok(asked.status >= 400 && asked.json.error, asked.text);
    }
    refused += 1;
  });
}

// ---- refresh: the access token is renewed, the forged id_token is left out

for (const [name, reason, change] of [
  ['another account\'s', 'subject_changed', { sub: 'bob' }], ['another nonce', 'nonce', { nonce: 'another' }],
  ['another issuer\'s', 'issuer', { iss: 'https://evil.example' }], ['another client\'s', 'audience', { aud: 'client-2' }],
]) {
  test(`refresh: ${name}`, async () => {
    const issuer = `refresh-${reason.replaceAll('_', '-')}`;
    forger.issue(issuer, {
      token: ({ claims, form, provider: p }) => p.sign(form.get('grant_type') === 'refresh_token' ? { ...claims, ...change } : claims),
    });
    const flow = await begin(issuer);
    assert.equal(new URL((await bring(flow)).url).searchParams.get('status'), 'success');
    const refreshed = await plane.admin('POST', `/connections/${flow.id}/refresh`);
    assert.equal(refreshed.status, 200, refreshed.text);
    const token = await plane.token(flow.id);
    assert.equal(token.json.access_token, 'at-2');
    assert.equal(token.json.id_token ?? undefined, undefined);
    assert.deepEqual(await auditOf(flow.id, 'id_token_verification_failed'), [{ reason }]);
    refused += 1;
  });
}

test('there were enough of them', () => assert.ok(refused >= 80, String(refused)));
