// The main job: a person connects an account, an agent calls an API through the sidecar without holding a secret, and the
// call still works after the token has expired.
import assert from 'node:assert/strict';
import test from 'node:test';
import { startLine } from '../support/line.mjs';
import { waitFor } from '../support/wait.mjs';
import { openRecord, tokenKey } from '../support/records.mjs';

for (const database of ['sqlite', 'postgres']) {
  test(`connect, call, expire, call again (${database})`, async (t) => {
    const line = await startLine(t, { database, idp: { accessTtl: 8 } });
    await line.createProvider();
    const agent = await line.createAgent({ grants: ['token:use', 'connection:create'] });

    const asked = await line.requestConnection(agent);
    assert.equal(asked.status, 200, asked.text);
    const connection = asked.json.connection_id;
    assert.equal((await line.check(agent, connection)).json.status, 'pending');
    assert.equal((await line.call(agent, connection)).json.error, 'connection_pending');

    const back = new URL(await line.consent(asked.json.authUrl));
    assert.equal(back.searchParams.get('status'), 'success');
    assert.equal(back.searchParams.get('connection_id'), connection);
    assert.equal(back.searchParams.get('provider'), 'demo');
    assert.equal((await line.check(agent, connection)).json.status, 'active');

    const first = await line.call(agent, connection, '/things?a=%2F&b=1');
    assert.equal(first.status, 200, first.text);
    const seen = line.api.last;
    assert.equal(seen.url, '/things?a=%2F&b=1');
    const firstToken = seen.headers.authorization;
    assert.match(firstToken, /^Bearer \S+$/);
    assert.ok(!Object.keys(seen.headers).some((name) => name.startsWith('x-nexus') || name === 'x-api-key'), 'the agent\'s key goes no further');
    assert.ok(!first.text.includes(firstToken.slice('Bearer '.length)));

    const refused = await line.token(agent, connection);
    assert.equal(refused.status, 403, 'token:use does not show the token');

    await waitFor('the first token to expire', async () => !await line.idp.isActive(firstToken.slice('Bearer '.length)), { timeout: 15000 });
    const second = await line.call(agent, connection, '/after');
    assert.equal(second.status, 200, second.text);
    assert.notEqual(line.api.last.headers.authorization, firstToken);
    assert.equal(line.idp.counts.refresh, 1);
    assert.equal(line.api.refused, 0);

    const record = await openRecord(line.keys.CACHE_KEY, tokenKey(connection), await line.redis.get(tokenKey(connection)));
    assert.equal(record.state, 'active');
    assert.equal(`Bearer ${record.credentials.access_token}`, line.api.last.headers.authorization);
    assert.ok(!('refresh_token' in record.credentials));
  });

  test(`methods and bodies reach the API unchanged (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info' });
    await line.createProvider();
    const agent = await line.createAgent();
    const connection = await line.connect(agent);
    for (const [method, size] of [['POST', 0], ['PUT', 10], ['PATCH', 70000], ['POST', 3 << 20], ['DELETE', undefined], ['HEAD', undefined]]) {
      const body = size === undefined ? undefined : Buffer.alloc(size, 'b');
      const answer = await line.call(agent, connection, '/echo/%2E%2F?q=%20', { method, body });
      assert.equal(answer.status, 200, `${method} ${size}: ${answer.text}`);
      assert.equal(line.api.last.method, method);
      assert.equal(line.api.last.url, '/echo/%2E%2F?q=%20');
      assert.equal(line.api.last.body.length, size ?? 0);
    }
  });

  test(`an agent that may read sees the access token and never the refresh token (${database})`, async (t) => {
    const line = await startLine(t, { database });
    await line.createProvider();
    const agent = await line.createAgent();
    const connection = await line.connect(agent);

    const token = await line.token(agent, connection);
    assert.equal(token.status, 200, token.text);
    assert.ok(line.idp.tokens.access.has(token.json.access_token));
    assert.match(token.headers['cache-control'] ?? '', /no-store/);
    for (const secret of [...line.idp.tokens.refresh, line.idp.clientSecret]) {
      assert.ok(!token.text.includes(secret));
    }

    const refreshed = await line.refresh(agent, connection);
    assert.equal(refreshed.status, 200, refreshed.text);
    assert.notEqual(refreshed.json.access_token, token.json.access_token);
    const again = await line.token(agent, connection);
    assert.equal(again.json.access_token, refreshed.json.access_token, 'the refreshed token is served at once');
  });

  test(`reconnecting is a new consent for a new connection; both work (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info' });
    await line.createProvider();
    const agent = await line.createAgent();
    const connections = [await line.connect(agent), await line.connect(agent)];
    assert.notEqual(connections[0], connections[1]);
    for (const connection of connections) {
      assert.equal((await line.call(agent, connection)).status, 200);
    }
  });
}
