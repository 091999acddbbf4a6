// SIGTERM while requests run: they get their full answers, new ones are told to come back, nothing that was accepted is
// lost, and the exit status is 0.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { startLine } from '../support/line.mjs';
import { request } from '../support/http.mjs';
import { waitFor } from '../support/wait.mjs';

const REFRESHES = 4;

for (const database of ['sqlite', 'postgres']) {
  test(`SIGTERM finishes what is in flight (${database})`, async (t) => {
    const line = await startLine(t, { database });
    await line.createProvider();
    const agent = await line.createAgent();
    const connections = [];
    for (let i = 0; i < REFRESHES; i++) {
      connections.push(await line.connect(agent));
    }
    const key = { 'x-api-key': line.keys.API_KEY };
    const direct = (method, path, options) => request(line.nexusd.url + path, { method, headers: key, ...options });

    // Reads that are audited in batches: some of their events are not written yet when the signal comes.
    const reads = 50;
    for (let i = 0; i < reads; i++) {
      assert.equal((await direct('GET', `/connections/${connections[i % REFRESHES]}/token`)).status, 200);
    }
    const kept = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => kept.destroy());
    assert.equal((await direct('GET', '/health', { agent: kept })).headers.connection, 'keep-alive');

    line.idp.fail('/token', 'slow', { times: REFRESHES, delay: 1500 });
    const running = connections.map((id, i) => (i % 2 === 0
      ? direct('POST', `/connections/${id}/refresh`)
      : line.admin('POST', `/connections/${id}/refresh`)));   // through the nginx in front
    await waitFor('the refreshes to be under way', async () =>
      new RegExp(`^nexus_http_requests_in_flight ${REFRESHES + 1}$`, 'm').test((await direct('GET', '/metrics')).text));

    line.nexusd.program.signal('SIGTERM');
    await waitFor('nexusd to hear the signal', () => line.nexusd.log().includes('"stopping"'));
    const refused = await direct('GET', '/health', { agent: kept });
    assert.equal(refused.status, 503, refused.text);
    assert.equal(refused.headers.connection, 'close');
    assert.match(refused.headers['retry-after'], /^\d+$/);
    const late = await direct('GET', `/connections/${connections[0]}/token`).catch((error) => error.code);
    assert.ok(late === 'ECONNREFUSED' || late.status === 503, `a new request got ${late.status ?? late}`);

    for (const [i, answer] of (await Promise.all(running)).entries()) {
      assert.equal(answer.status, 200, answer.text);
      assert.ok(answer.json.access_token);
      if (i % 2 === 0) {
        assert.equal(answer.headers.connection, 'close');
      }
    }
    assert.equal(await line.nexusd.program.finished, 'code 0', line.nexusd.log().slice(-2000));

    // Each refresh hands out a token too.
    assert.equal(await line.count("SELECT count(*) FROM audit_events WHERE event_type = 'token_retrieved'"), reads + REFRESHES);
    assert.equal(await line.count('SELECT count(*) FROM cache_outbox'), 0);
    assert.equal(await line.count("SELECT count(*) FROM refreshes WHERE lease_until > 0 OR owner <> ''"), 0);

    await line.nexusd.start();
    assert.equal((await line.call(agent, connections[0])).status, 200);
  });
}
