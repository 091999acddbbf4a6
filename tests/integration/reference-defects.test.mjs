// Defects that were seen on the running reference implementation and whose absence no other test shows. The numbers are
// those of docs/reference-compat.md, which names the tests for the others.
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertNoSecrets, files } from '../support/canary.mjs';
import { request } from '../support/http.mjs';
import { expectStatus, startLine } from '../support/line.mjs';

test('D3, D6, D7, D11, D22, D31', async (t) => {
  const line = await startLine(t, { database: 'postgres' });
  await line.createProvider({ params: { skip_scope_on_exchange: true, prompt: 'consent' } });
  const agent = await line.createAgent();

  await t.test('D22: a member of params that is no string does not keep the others from being sent', async () => {
    const { browser } = line;
    const { json } = expectStatus(200, await line.requestConnection(agent));
    const asked = await browser.open(json.authUrl, { until: (url) => url.startsWith(`${line.idp.issuer}/auth`) });
    assert.ok(asked.stopped, asked.url);
    assert.equal(new URL(asked.url).searchParams.get('prompt'), 'consent');
  });

  const connection = await line.connect(agent);

  await t.test('D3: no answer has a refresh token', async () => {
    const answers = {
      'gateway token': await line.token(agent, connection),
      'gateway refresh': await line.refresh(agent, connection),
      'broker token': await line.admin('GET', `/connections/${connection}/token`),
      'broker refresh': await line.admin('POST', `/connections/${connection}/refresh`),
      connection: await line.admin('GET', `/connections/${connection}`),
    };
    const given = [...line.idp.tokens.refresh];
    assert.ok(given.length >= 2, 'the provider gave some');
    for (const [name, answer] of Object.entries(answers)) {
      assert.equal(answer.status, 200, `${name}: ${answer.text}`);
      assert.ok(!answer.text.includes('refresh_token'), name);
      assert.ok(given.every((token) => !answer.text.includes(token)), name);
    }
  });

  await t.test('D6: logs name a key by nothing that is in it', () => {
    const said = Object.values(files(line.nexusd.dir)).map(String).join('\n') + line.site.accessLog();
    assert.ok(said.includes('connection_active'));
    for (const [name, key] of Object.entries(line.keys)) {
      const bytes = Buffer.from(key, 'base64');
      for (const prefix of [key.slice(0, 8), bytes.subarray(0, 6).toString('hex')]) {
        assert.ok(!said.includes(prefix), name);
      }
    }
  });

  await t.test('D7: a PKCE verifier does not outlive its flow, nor lie in clear before', async () => {
    expectStatus(200, await line.requestConnection(agent));
    assert.equal(await line.postgres.sql("SELECT state, code_verifier_box IS NOT NULL FROM connections WHERE state IN ('active', 'pending') GROUP BY 1, 2 ORDER BY 1"),
      'active|f\npending|t');
    const clear = await line.postgres.sql("SELECT count(*) FROM connections WHERE encode(code_verifier_box, 'escape') ~ '[A-Za-z0-9_~.-]{43}'");
    assert.equal(clear, '0');
  });

  await t.test('D31: reads at the edge cost the control plane nothing', async () => {
    assert.equal((await line.token(agent, connection)).status, 200);
    // Counted where they are made: the rows of reads are written in batches, later.
    const cost = async () => {
      const lines = (await request(`${line.nexusd.url}/metrics`)).text.split('\n');
      return lines.filter((each) => /^nexus_(audit_events|http_requests)_total\{/.test(each) && !each.includes('route="/metrics"'));
    };
    const logged = () => line.nexusd.log().split('\n').length;
    const [before, lines] = [await cost(), logged()];
    assert.ok(before.length >= 2, before.join('\n'));
    const answers = await Promise.all(Array.from({ length: 50 }, () => line.token(agent, connection)));
    assert.ok(answers.every(({ status }) => status === 200));
    assert.deepEqual(await cost(), before);
    assert.ok(logged() - lines < 10, `${logged() - lines} lines logged`);
  });

  await t.test('D11: what a provider says to a refresh is in no answer, log or audit event', async () => {
    const echoed = { error: 'invalid_client', error_description: `canary-echo-text ${line.idp.clientSecret}`, 'canary-member': 'x' };
    const other = await line.connect(agent);
    line.idp.fail('/token', { status: 400, body: echoed });
    const answer = await line.admin('POST', `/connections/${other}/refresh`);
    assert.equal(answer.json.error, 'upstream_error', answer.text);
    const haystacks = { answer: answer.text, log: line.nexusd.log(), database: await line.databaseDump() };
    assertNoSecrets({ 'client secret': line.idp.clientSecret, description: 'canary-echo-text', member: 'canary-member' }, haystacks);
  });
});
