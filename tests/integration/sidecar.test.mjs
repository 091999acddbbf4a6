// What the sidecar knows beside the credential, from the API to the provider: what a connection may be used for, and what
// agents call it.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { assertError } from '../support/errors.mjs';
import { request } from '../support/http.mjs';
import { expectStatus, startLine } from '../support/line.mjs';
import { waitFor } from '../support/wait.mjs';

for (const database of ['sqlite', 'postgres']) {
  test(`request rules and aliases (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info' });
    await line.createProvider();
    const agent = await line.createAgent();
    const id = await line.connect(agent);
    expectStatus(200, await line.call(agent, id, '/hello'));

    const patch = (json) => line.admin('PATCH', `/connections/${id}`, json);
    const rules = ['GET /hello', 'POST /things/*'];
    const ruled = expectStatus(200, await patch({ request_rules: rules, labels: { team: 'red' } })).json;
    assert.deepEqual(ruled.request_rules, rules);
    assert.deepEqual(ruled.labels, { team: 'red' });
    await waitFor('the edge to know', async () => (await line.call(agent, id, '/other')).status === 403);
    assertError(await line.call(agent, id, '/other'), 403, 'access_denied');
    assertError(await line.call(agent, id, '/hello', { method: 'DELETE' }), 403, 'access_denied');
    expectStatus(200, await line.call(agent, id, '/hello'));
    assert.deepEqual(expectStatus(200, await patch({ labels: { team: null } })).json.request_rules, rules, 'labels leave rules alone');
    assert.deepEqual(expectStatus(200, await patch({ labels: null, request_rules: rules })).json.request_rules, rules);
    for (const bad of [['get /x'], ['GET x'], ['GET /a?b'], ['GET /../x'], [''], [1], 'GET /x', Array.from({ length: 65 }, (_, i) => `GET /${i}`), [`GET /${'x'.repeat(600)}`]]) {
      assertError(await patch({ request_rules: bad }), 400, 'invalid_request');
    }
    const { generation } = expectStatus(200, await patch({ labels: { team: 'blue' } })).json;
    const long = Array.from({ length: 17 }, (_, i) => `GET /${'x'.repeat(490)}/${i}`);
    const refused = await patch({ request_rules: long });
    assertError(refused, 400, 'invalid_request');
    assert.match(refused.json.message, /request_rules holds 84\d\d bytes, of at most 8192/);
    assertError(await patch({ request_rules: ['GET /late'], if_generation: generation - 1 }), 409, 'conflict');
    assertError(await patch({ request_rules: ['GET /late'], if_generation: 'x' }), 400, 'invalid_request');
    assert.deepEqual(expectStatus(200, await patch({ request_rules: rules, if_generation: generation })).json.request_rules, rules);
    expectStatus(200, await line.refresh(agent, id));   // a new token, the old rules
    assertError(await line.call(agent, id, '/other'), 403, 'access_denied');
    const events = (await line.admin('GET', `/audit?connection_id=${id}`)).json;
    assert.match(JSON.stringify(events), /connection\.restricted/);
    assert.equal(expectStatus(200, await patch({ request_rules: [] })).json.request_rules, undefined);
    await waitFor('the edge to know', async () => (await line.call(agent, id, '/other')).status !== 403);

    const aliases = { 'my-api': id, other: randomUUID() };
    const named = expectStatus(200, await line.admin('PATCH', `/admin/agents/${agent.id}`, { aliases })).json;
    assert.deepEqual(named.aliases, aliases);
    assertError(await line.admin('PATCH', `/admin/agents/${agent.id}`, { aliases: {}, if_generation: named.generation - 1 }), 409, 'conflict');
    expectStatus(200, await line.admin('PATCH', `/admin/agents/${agent.id}`, { aliases, if_generation: named.generation }));
    expectStatus(200, await line.call(agent, 'my-api', '/hello'));
    expectStatus(200, await request(`${line.site.sidecar}/my-api/hello`, { headers: { 'x-nexus-key': agent.key } }));
    assertError(await line.call(agent, 'other', '/hello'), 404, 'connection_not_found');
    assertError(await line.call(agent, 'unknown', '/hello'), 400, 'invalid_connection_id');
    const stranger = await line.createAgent({ workspace: 'w2', aliases: { 'my-api': id.toUpperCase() } });
    assertError(await line.call(stranger, 'my-api', '/hello'), 404, 'connection_not_found');
    assert.deepEqual((await line.admin('GET', `/admin/agents/${stranger.id}`)).json.aliases, { 'my-api': id });
    for (const bad of [{ 'A': id }, { '': id }, { [id]: id }, { a: 'x' }, { a: 1 }, [], 'x', Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`n${i}`, id]))]) {
      assertError(await line.admin('PATCH', `/admin/agents/${agent.id}`, { aliases: bad }), 400, 'invalid_request');
    }
    expectStatus(200, await line.admin('PATCH', `/admin/agents/${agent.id}`, { name: 'renamed' }));
    expectStatus(200, await line.call(agent, 'my-api', '/hello'));
    assert.equal(expectStatus(200, await line.admin('PATCH', `/admin/agents/${agent.id}`, { aliases: {} })).json.aliases, undefined);
    assertError(await line.call(agent, 'my-api', '/hello'), 400, 'invalid_connection_id');
  });
}
