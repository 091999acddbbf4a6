// Callers without API keys through the whole line: identities and issuers by the admin API, keys by discovery, rotation, and
// what ends a caller at an edge: his identity, his agent, his issuer.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { makeCa } from '../support/certificates.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { assertError } from '../support/errors.mjs';
import { request, serve } from '../support/http.mjs';
import { jwks, makeJwt, newSigningKey } from '../support/jwt.mjs';
import { newKeys } from '../support/keys.mjs';
import { expectStatus } from '../support/line.mjs';
import { startNexusd } from '../support/nexusd.mjs';
import { startNginx } from '../support/nginx.mjs';
import { built } from '../support/paths.mjs';
import { findPort } from '../support/ports.mjs';
import { startPostgres } from '../support/postgres.mjs';
import { runProgram } from '../support/process.mjs';
import { startRedis } from '../support/redis.mjs';
import { waitFor } from '../support/wait.mjs';

/** nexusd, Redis, an issuer that publishes its keys, and an edge that says whom it takes the caller for. */
async function start(t, { database }) {
  const keys = newKeys();
  const redis = await startRedis(t);
  const databaseUrl = database === 'postgres' ? (await startPostgres(t)).url : undefined;
  const nexusd = await startNexusd(t, { redisUrl: redis.url, databaseUrl, keys });
  const issuer = await startIssuer(t);
  const ca = await makeCa(t);
  const server = await ca.issue('DNS:localhost');
  const nginx = await startNginx(t, {
    files: { 'cache.key': keys.CACHE_KEY, 'edge.key': keys.EDGE_KEY },
    config: ({ dir, port, globals, http }) => `
${globals}
events {}
http {
    ${http}
    nexus_cache zone=nexus:4m;
    nexus_redis unix:${redis.socket};
    nexus_cache_key file:${dir}/cache.key;
    nexus_control_plane_key file:${dir}/edge.key;
    server {
        listen 127.0.0.1:${port};
        listen unix:${dir}/edge.sock;
        listen unix:${dir}/tls.sock ssl;
        ssl_certificate ${server.cert}; ssl_certificate_key ${server.key};
        ssl_client_certificate ${ca.file}; ssl_verify_client optional;
        nexus_control_plane /_nexus;
        nexus_auth api_key jwt mtls peer;
        location /_nexus/ { internal; proxy_pass ${nexusd.url}/; }
        location / { add_header X-Caller $nexus_caller; empty_gif; }
    }
}`,
  });
  const who = async (options = {}) => {
    const answer = await request(`${options.tls ? 'https://localhost' : options.socketPath ? 'http://localhost' : nginx.url}/`, options);
    return answer.status === 200 ? answer.headers['x-caller'] : `${answer.status} ${answer.json?.error}`;
  };
  return {
    keys, redis, nexusd, issuer, ca, nginx,
    admin: (method, path, json, key = keys.API_KEY) => request(nexusd.url + path, { method, json, headers: { 'x-api-key': key } }),
    byToken: (token) => who({ headers: { authorization: `Bearer ${token}` } }),
    byCertificate: ({ cert, key }) => who({
      tls: true, socketPath: `${nginx.dir}/tls.sock`, ca: fs.readFileSync(ca.file), cert: fs.readFileSync(cert), key: fs.readFileSync(key),
    }),
    byPeer: () => who({ socketPath: `${nginx.dir}/edge.sock` }),
  };
}

async function startIssuer(t) {
  const issuer = { port: await findPort(), keys: [], asked: 0 };
  issuer.url = `http://127.0.0.1:${issuer.port}`;
  const server = await serve(issuer.port, (incoming, response) => {
    response.setHeader('content-type', 'application/json');
    if (incoming.url === '/.well-known/openid-configuration') {
      const { url } = issuer;
      return response.end(JSON.stringify({
        issuer: url, authorization_endpoint: `${url}/authorize`, token_endpoint: `${url}/token`, jwks_uri: `${url}/jwks`,
        response_types_supported: ['code'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['RS256'],
      }));
    }
    issuer.asked += 1;
    return response.end(JSON.stringify(jwks(...issuer.keys)));
  });
  cleanup(t, () => server.close());
  return issuer;
}

async function createAgent({ admin }, workspace, fields = {}) {
  return expectStatus(201, await admin('POST', '/admin/agents', { name: 'robot', workspace_id: workspace, grants: ['token:use'], ...fields })).json;
}

for (const database of ['sqlite', 'postgres']) {
  test(`JWTs: trusted, rotated, revoked (${database})`, { timeout: 120_000 }, async (t) => {
    const line = await start(t, { database });
    const { admin, issuer, byToken } = line;
    const [rsa, ec, ed] = [newSigningKey('RS256', 'r1'), newSigningKey('ES256', 'e1'), newSigningKey('EdDSA', 'o1')];
    issuer.keys = [rsa, ec];
    const agent = await createAgent(line, 'w1');

    // Nobody's tokens are believed that nobody trusts.
    assertError(await admin('POST', `/admin/agents/${agent.id}/identities`, { kind: 'jwt', issuer: issuer.url, subject: 'robot' }), 400, 'invalid_request');
    const trusted = expectStatus(201, await admin('POST', '/admin/issuers', { issuer: issuer.url, workspace_id: 'w1', audiences: ['api://edge'] })).json;
    assert.deepEqual(trusted.key_ids, ['r1', 'e1']);
    assert.equal(trusted.keys_from, 'discovery');
    assertError(await admin('POST', '/admin/issuers', { issuer: issuer.url, audiences: ['x'] }), 409, 'conflict');
    const identity = expectStatus(201, await admin('POST', `/admin/agents/${agent.id}/identities`, {
      kind: 'jwt', issuer: issuer.url, subject: 'robot',
    })).json;

    for (const key of [rsa, ec]) {
      assert.equal(await byToken(makeJwt(key, issuer.url, 'robot')), agent.id);
    }
    assert.equal(await byToken(makeJwt(ec, issuer.url, 'robot', { aud: 'api://else' })), '401 invalid_token');
    assert.equal(await byToken(makeJwt(ec, issuer.url, 'somebody')), '401 invalid_token');

    // The issuer rotates: the first token with the new key makes nexusd look.
    issuer.keys = [ec, ed];
    const asked = issuer.asked;
    assert.equal(await byToken(makeJwt(ed, issuer.url, 'robot')), agent.id);
    assert.equal(issuer.asked, asked + 1);
    await waitFor('the old key to be believed no more', async () => await byToken(makeJwt(rsa, issuer.url, 'robot')) === '401 invalid_token');
    assert.deepEqual((await admin('GET', `/admin/issuers/${trusted.id}`)).json.key_ids, ['e1', 'o1']);
    for (let i = 0; i < 5; ++i) {
      assert.equal(await byToken(makeJwt(newSigningKey('EdDSA', `unknown-${i}`), issuer.url, 'robot')), '401 invalid_token');
    }
    assert.equal(issuer.asked, asked + 1, 'unknown keys ask the issuer once in a while only');

    // The end of an identity, and its way to another agent; the end of that agent.
    const token = makeJwt(ed, issuer.url, 'robot');
    expectStatus(200, await admin('DELETE', `/admin/agents/${agent.id}/identities/${identity.id}`));
    await waitFor('the edge to forget the identity', async () => await byToken(token) === '401 invalid_token');
    assertError(await admin('DELETE', `/admin/agents/${agent.id}/identities/${identity.id}`), 404, 'agent_not_found');
    const other = await createAgent(line, 'w1', { name: 'other' });
    expectStatus(201, await admin('POST', `/admin/agents/${other.id}/identities`, { kind: 'jwt', issuer: issuer.url, subject: 'robot' }));
    await waitFor('the edge to learn whose it is now', async () => await byToken(token) === other.id);
    assertError(await admin('POST', `/admin/agents/${agent.id}/identities`, { kind: 'jwt', issuer: issuer.url, subject: 'robot' }), 409, 'conflict');
    expectStatus(200, await admin('DELETE', `/admin/agents/${other.id}`));
    await waitFor('the edge to refuse the agent', async () => await byToken(token) === '401 invalid_token');
    expectStatus(201, await admin('POST', `/admin/agents/${agent.id}/identities`, { kind: 'jwt', issuer: issuer.url, subject: 'robot' }));
    await waitFor('the first agent to have it back', async () => await byToken(token) === agent.id);

    // What its tokens must be like may change; and the issuer may go, and come back with keys that are written down.
    expectStatus(200, await admin('PATCH', `/admin/issuers/${trusted.id}`, { audiences: ['api://else'] }));
    await waitFor('the edge to want the other audience', async () => await byToken(token) === '401 invalid_token');
    expectStatus(200, await admin('PATCH', `/admin/issuers/${trusted.id}`, { audiences: ['api://edge', 'api://else'] }));
    await waitFor('both audiences to do', async () => await byToken(token) === agent.id);
    expectStatus(200, await admin('DELETE', `/admin/issuers/${trusted.id}`));
    await waitFor('the issuer to be gone', async () => await byToken(token) === '401 invalid_token');
    const again = expectStatus(201, await admin('POST', '/admin/issuers', {
      issuer: issuer.url, workspace_id: 'w1', audiences: ['api://edge'], jwks: jwks(rsa),
    })).json;
    assert.equal(again.keys_from, 'jwks');
    assert.equal(await byToken(makeJwt(rsa, issuer.url, 'robot')), '401 invalid_token', 'nobody is known by its tokens any more');
    assert.deepEqual((await admin('GET', `/admin/agents/${agent.id}/identities`)).json.items, []);
    expectStatus(201, await admin('POST', `/admin/agents/${agent.id}/identities`, { kind: 'jwt', issuer: issuer.url, subject: 'robot' }));
    await waitFor('the written keys to do', async () => await byToken(makeJwt(rsa, issuer.url, 'robot')) === agent.id);
    assert.equal(await byToken(token), '401 invalid_token');

    const events = (await admin('GET', '/audit?limit=100')).json.map((event) => event.event_type);
    for (const type of ['issuer.trusted', 'issuer.updated', 'issuer.keys_changed', 'issuer.removed', 'agent.identity_added', 'agent.identity_removed']) {
      assert.ok(events.includes(type), `${type} in ${events}`);
    }
  });

  test(`certificates, users and tenants (${database})`, { timeout: 120_000 }, async (t) => {
    const line = await start(t, { database });
    const { admin, issuer, byCertificate, byPeer, byToken } = line;
    const [one, two] = [await createAgent(line, 'w1'), await createAgent(line, 'w2')];
    const add = (agent, body, key) => admin('POST', `/admin/agents/${agent.id}/identities`, body, key);

    const san = expectStatus(201, await add(one, { kind: 'mtls', san: 'DNS:Report.Example' })).json;
    assert.equal(san.san, 'DNS:report.example');
    const client = await line.ca.issue('DNS:report.example');
    assert.equal(await byCertificate(client), one.id);
    assertError(await add(two, { kind: 'mtls', san: 'DNS:report.example' }), 409, 'conflict');
    expectStatus(200, await admin('DELETE', `/admin/agents/${one.id}/identities/${san.id}`));
    await waitFor('the certificate to be nobody\'s', async () => await byCertificate(client) === '401 invalid_credentials');

    assert.equal(await byPeer(), '401 invalid_credentials');
    expectStatus(201, await add(two, { kind: 'peer', uid: process.getuid() }));
    await waitFor('the user to be known', async () => await byPeer() === two.id);
    expectStatus(200, await admin('PATCH', '/admin/workspaces/w2', { suspended: true }));
    await waitFor('a suspended workspace to be refused', async () => await byPeer() === '401 invalid_credentials');

    for (const [body, status, code] of [
      [{}, 400, 'missing_fields'],
      [{ kind: 'api_key' }, 400, 'invalid_request'],
      [{ kind: 'peer' }, 400, 'missing_fields'],
      [{ kind: 'peer', uid: 65534 }, 400, 'invalid_request'],
      [{ kind: 'peer', uid: -1 }, 400, 'invalid_request'],
      [{ kind: 'mtls', san: 'report.example' }, 400, 'invalid_request'],
      [{ kind: 'mtls', san: 'DNS:a', subject: 'b' }, 400, 'invalid_request'],
      [{ kind: 'jwt', issuer: issuer.url }, 400, 'missing_fields'],
    ]) {
      assertError(await add(one, body), status, code);
    }

    // A workspace's own key: its own issuer, its own agents, and no names that are everybody's.
    const bound = expectStatus(201, await admin('POST', '/admin/keys', {
      name: 'w1', workspace_id: 'w1', scopes: ['agents:read', 'agents:write'],
    })).json.key.secret;
    assertError(await add(one, { kind: 'mtls', san: 'DNS:b.example' }, bound), 403, 'insufficient_grant');
    assertError(await add(one, { kind: 'peer', uid: 1 }, bound), 403, 'insufficient_grant');
    assertError(await add(two, { kind: 'peer', uid: 1 }, bound), 404, 'agent_not_found');
    const key = newSigningKey('ES256', 'e1');
    const own = expectStatus(201, await admin('POST', '/admin/issuers', { issuer: 'https://own.example', audiences: ['api://edge'], jwks: jwks(key) }, bound)).json;
    assert.equal(own.workspace_id, 'w1');
    expectStatus(201, await add(one, { kind: 'jwt', issuer: 'https://own.example', subject: 'robot' }, bound));
    assert.equal(await byToken(makeJwt(key, 'https://own.example', 'robot')), one.id);
    assertError(await add(two, { kind: 'jwt', issuer: 'https://own.example', subject: 'x' }), 400, 'invalid_request');
    expectStatus(201, await admin('POST', '/admin/issuers', { issuer: 'https://shared.example', audiences: ['api://edge'], jwks: jwks(key) }));
    assertError(await add(one, { kind: 'jwt', issuer: 'https://shared.example', subject: 'x' }, bound), 403, 'insufficient_grant');
    expectStatus(201, await add(one, { kind: 'jwt', issuer: 'https://shared.example', subject: 'x' }));
    assert.equal(await byToken(makeJwt(key, 'https://shared.example', 'x')), one.id);
    assert.deepEqual((await admin('GET', '/admin/issuers', undefined, bound)).json.items.map(({ issuer: url }) => url), ['https://own.example']);
    assertError(await admin('GET', '/admin/issuers?workspace_id=w2', undefined, bound), 403, 'insufficient_grant');

    for (const [body, member] of [
      [{ issuer: 'idp.example', audiences: ['x'] }, 'issuer'], [{ issuer: 'https://a.example', audiences: [] }, 'audiences'],
      [{ issuer: 'https://a.example', audiences: ['x'], algorithms: ['none'] }, 'algorithms'],
      [{ issuer: 'https://a.example', audiences: ['x'], algorithms: ['HS256'] }, 'algorithms'],
      [{ issuer: 'https://a.example', audiences: ['x'], jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }, 'jwks'],
      [{ issuer: 'https://a.example', audiences: ['x'], jwks: jwks(key), jwks_uri: 'https://a.example/keys' }, 'jwks'],
      [{ issuer: 'https://a.example', audiences: ['x'], jwks_uri: 'ftp://a.example' }, 'jwks_uri'],
    ]) {
      const answer = await admin('POST', '/admin/issuers', body);
      assertError(answer, 400, 'invalid_request');
      assert.match(answer.json.message, new RegExp(member));
    }
  });

  test(`an issuer is worth the agents that its tokens name (${database})`, { timeout: 120_000 }, async (t) => {
    const line = await start(t, { database });
    const { admin, byToken } = line;
    const url = 'https://ci.example';
    const [honest, mine] = [newSigningKey('ES256', 'h1'), newSigningKey('ES256', 'm1')];
    const [reader, user] = [await createAgent(line, 'w1', { grants: ['token:read'] }), await createAgent(line, 'w1')];
    const issuer = expectStatus(201, await admin('POST', '/admin/issuers', { issuer: url, workspace_id: 'w1', audiences: ['api://edge'], jwks: jwks(honest) })).json;
    expectStatus(201, await admin('POST', `/admin/agents/${user.id}/identities`, { kind: 'jwt', issuer: url, subject: 'user' }));
    const [weak, strong] = await Promise.all([[], ['tokens:read']].map(async (more) => expectStatus(201, await admin('POST', '/admin/keys', {
      name: 'ci', workspace_id: 'w1', scopes: ['agents:write', ...more],
    })).json.key.secret));
    const change = (body, key) => admin('PATCH', `/admin/issuers/${issuer.id}`, body, key);

    expectStatus(200, await change({ jwks: jwks(honest) }, weak));
    expectStatus(201, await admin('POST', `/admin/agents/${reader.id}/identities`, { kind: 'jwt', issuer: url, subject: 'reader' }));
    for (const body of [{ jwks: jwks(honest, mine) }, { jwks_uri: 'https://evil.example/jwks' }, { jwks_uri: '' }, { audiences: ['api://mine'] }, { algorithms: ['ES512'] }, { leeway_s: 300 }]) {
      assertError(await change(body, weak), 403, 'insufficient_grant', JSON.stringify(body));
    }
    assert.deepEqual((await admin('GET', `/admin/issuers/${issuer.id}`)).json.key_ids, ['h1']);
    assert.equal(await byToken(makeJwt(honest, url, 'reader')), reader.id);
    assert.equal(await byToken(makeJwt(mine, url, 'reader')), '401 invalid_token');
    expectStatus(200, await change({ jwks: jwks(mine) }, strong));
    await waitFor('the new key to do', async () => await byToken(makeJwt(mine, url, 'reader')) === reader.id);
  });

  test(`a name ends with the trust under which it was given (${database})`, { timeout: 120_000 }, async (t) => {
    const line = await start(t, { database });
    const { admin, byToken } = line;
    const url = 'https://login.corp.example';
    const [corporate, other] = [newSigningKey('ES256', 'c1'), newSigningKey('ES256', 'o1')];
    const [evil, honest] = [await createAgent(line, 'evil'), await createAgent(line, 'w1')];
    const [bound, boundToo] = await Promise.all(['evil', 'w2'].map(async (workspace) => expectStatus(201, await admin('POST', '/admin/keys', {
      name: workspace, workspace_id: workspace, scopes: ['agents:read', 'agents:write'],
    })).json.key.secret));
    const trust = async (key, signer) => expectStatus(201, await admin('POST', '/admin/issuers', { issuer: url, audiences: ['api://edge'], jwks: jwks(signer) }, key)).json;
    const name = (agent, key) => admin('POST', `/admin/agents/${agent.id}/identities`, { kind: 'jwt', issuer: url, subject: 'payroll' }, key);
    const end = async ({ id }, key) => expectStatus(200, await admin('DELETE', `/admin/issuers/${id}`, undefined, key));

    // A workspace names a subject under an issuer of its own that is everybody's later.
    const own = await trust(bound, other);
    expectStatus(201, await name(evil, bound));
    assert.equal(await byToken(makeJwt(other, url, 'payroll')), evil.id);
    await end(own, bound);
    await waitFor('the issuer to be gone', async () => await byToken(makeJwt(other, url, 'payroll')) === '401 invalid_token');
    const shared = await trust(undefined, corporate);
    const token = makeJwt(corporate, url, 'payroll');
    for (let i = 0; i < 3; ++i) {
      assert.equal(await byToken(token), '401 invalid_token');
    }
    assertError(await name(evil, bound), 403, 'insufficient_grant');
    expectStatus(201, await name(honest));
    await waitFor('the edge to know whose it is', async () => await byToken(token) === honest.id);

    // What was everybody's is one workspace's later, and that of another one: its keys speak for nobody.
    await end(shared);
    await waitFor('the issuer to be gone', async () => await byToken(token) === '401 invalid_token');
    const third = await trust(boundToo, other);
    assert.equal(await byToken(makeJwt(other, url, 'payroll')), '401 invalid_token');
    assert.deepEqual((await admin('GET', `/admin/agents/${honest.id}/identities`)).json.items, []);
    await end(third, boundToo);
    const events = (await admin('GET', '/audit?event_type=agent.identity_removed')).json;
    assert.deepEqual(events.map((event) => [event.workspace_id, JSON.parse(event.event_data).identities]).sort(), [['evil', 1], ['w1', 1]], JSON.stringify(events));
  });
}

test('nexusctl: issuers and identities', async (t) => {
  const line = await start(t, { database: 'sqlite' });
  const agent = await createAgent(line, 'w1');
  const key = newSigningKey('ES256', 'e1');
  const file = `${line.nginx.dir}/jwks.json`;
  fs.writeFileSync(file, JSON.stringify(jwks(key)));
  const ctl = async (...args) => {
    const ran = await runProgram(built('control_plane/nexusctl'), args, { env: { NEXUS_URL: line.nexusd.url, API_KEY: line.keys.API_KEY } });
    return { code: ran.code, out: ran.stdout, problem: ran.stderr };
  };
  assert.match((await ctl('issuer', 'trust', 'https://idp.example', '--audience', 'api://edge', '--jwks', file, '--workspace', 'w1')).out, /^issuer [0-9a-f-]{36}: 1 keys\n$/);
  assert.match((await ctl('issuer', 'list')).out, /https:\/\/idp\.example +w1 +api:\/\/edge +1/);
  const added = await ctl('agent', 'identity', 'add', agent.id, '--issuer', 'https://idp.example', '--subject', 'robot');
  assert.match(added.out, /^identity [a-z0-9]{16}: robot of https:\/\/idp\.example\n$/, added.problem);
  assert.equal(await line.byToken(makeJwt(key, 'https://idp.example', 'robot')), agent.id);
  assert.equal((await ctl('agent', 'identity', 'add', agent.id, '--uid', '1000')).code, 0);
  assert.equal((await ctl('agent', 'identity', 'add', agent.id, '--san', 'nonsense')).code, 1);
  for (const wrong of [[], ['--issuer', 'https://idp.example'], ['--subject', 'x'], ['--uid', '1', '--san', 'DNS:a']]) {
    assert.equal((await ctl('agent', 'identity', 'add', agent.id, ...wrong)).code, 2, wrong.join(' '));
  }
  const listed = JSON.parse((await ctl('agent', 'identity', 'list', agent.id, '--json')).out);
  assert.deepEqual(listed.map(({ kind }) => kind).sort(), ['jwt', 'peer']);
  for (const { id } of listed) {
    assert.equal((await ctl('agent', 'identity', 'remove', agent.id, id)).code, 0);
  }
  const [{ id }] = JSON.parse((await ctl('issuer', 'list', '--json')).out);
  assert.equal((await ctl('issuer', 'remove', id)).out, `removed ${id}\n`);
});
