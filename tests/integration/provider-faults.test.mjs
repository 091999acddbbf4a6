// A provider that fails for a while costs nobody their connection: only a confirmed refusal of the grant does.
import assert from 'node:assert/strict';
import test, { before } from 'node:test';
import { wholeFile } from '../support/cleanup.mjs';
import { assertError } from '../support/errors.mjs';
import { startLine } from '../support/line.mjs';

const file = wholeFile();
let line;
let agent;

before(async () => {
  line = await startLine(file);
  await line.createProvider();
  agent = await line.createAgent();
});

const faults = [
  ['a reset connection', 'reset'],
  ['an HTML page', 'html'],
  ['503 with Retry-After', '503'],
  ['half an answer', 'trunc'],
  ['429', { status: 429, body: { error: 'slow_down' } }],
  ['408', { status: 408, body: {} }],
  ['200 with an error body', { status: 200, body: { error: 'server_error' } }],
  ['200 without a token', { status: 200, body: { token_type: 'Bearer' } }],
];

for (const [name, kind] of faults) {
  test(`refresh answered by ${name}: the token is still served, the connection stays active`, async () => {
    const connection = await line.connect(agent);
    const token = (await line.token(agent, connection)).json.access_token;
    line.idp.fail('/token', kind, { times: 10 });
    const answer = await line.refresh(agent, connection);
    line.idp.fail('/token', kind, { times: 0 });
    if (kind === 'reset' || kind === 'trunc') {
      assert.match(line.nexusd.log(), /"event":"outgoing_request_failed","provider":"demo","reason":"[^"]{5,}"/);
    }
    assert.ok(answer.status === 502 || answer.status === 503 || answer.status === 200, `${answer.status} ${answer.text}`);
    if (answer.status === 503) {
      assertError(answer, 503);
      assert.ok(answer.headers['retry-after']);
    }
    assert.ok(!answer.text.includes('Bad Gateway<'), 'the provider\'s body is not passed on');
    assert.equal((await line.check(agent, connection)).json.status, 'active');
    const again = await line.token(agent, connection);
    assert.equal(again.status, 200, again.text);
    assert.equal(again.json.access_token, token);
  });
}

test('an exchange that fails leaves the person on the return address with an error, and the agent with a clear state', async () => {
  const asked = await line.requestConnection(agent);
  line.idp.fail('/token', { status: 400, body: { error: 'invalid_grant' } });
  const back = new URL(await line.consent(asked.json.authUrl));
  line.idp.fail('/token', 'html', { times: 0 });
  assert.notEqual(back.searchParams.get('status'), 'success');
  assert.ok(back.searchParams.get('error') ?? back.searchParams.get('status'));
  assert.equal((await line.check(agent, asked.json.connection_id)).json.status, 'failed');
  assertError(await line.token(agent, asked.json.connection_id), 403, 'connection_not_active');
});
