// An agent's own names of connections: they lead to an id and no further than the agent may go.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { errorBody, startEdge } from './edge-fixture.mjs';

const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;';

async function start(t) {
  const edge = await startEdge(t, {
    locations: ({ upstream }) => `
        location / { ${inject} proxy_pass http://${upstream}; }
        location = /token { nexus_api token; nexus_connection $arg_name; }`,
  });
  const mine = await edge.addConnection({ workspace_id: 'w1' });
  const sibling = await edge.addConnection({ workspace_id: 'w1', provider: 'other' });
  const foreign = await edge.addConnection({ workspace_id: 'w2' });
  return Object.assign(edge, { mine, sibling, foreign });
}

test('a name in place of an id, agent by agent', async (t) => {
  const edge = await start(t);
  const first = await edge.addAgent({ workspace_id: 'w1', aliases: { github: edge.mine, 'a.b-c_1': edge.sibling } });
  const second = await edge.addAgent({ workspace_id: 'w1', aliases: { github: edge.sibling } });
  const ask = (key, name) => edge.get('/x', { headers: { 'x-nexus-key': key, 'x-nexus-connection': name } });
  for (const [key, name, id] of [[first, 'github', edge.mine], [first, 'a.b-c_1', edge.sibling], [second, 'github', edge.sibling], [first, edge.mine, edge.mine]]) {
    const answer = await ask(key, name);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(edge.upstream.header('authorization'), `Bearer at-${id}`);
    assert.equal(edge.upstream.header('x-nexus-connection'), undefined);
  }
  edge.upstream.requests.length = 0;
  for (const name of ['gitlab', 'GitHub', 'git hub', '', 'a.b-c_1/..', '-x', 'x'.repeat(64), `${edge.mine}x`, edge.mine.toUpperCase()]) {
    errorBody(assert, await ask(first, name), 400, 'invalid_connection_id');
  }
  errorBody(assert, await ask(second, 'a.b-c_1'), 400, 'invalid_connection_id');
  assert.equal(edge.upstream.requests.length, 0);
  const token = await edge.get('/token?name=github', { headers: { 'x-api-key': await edge.addAgent({ workspace_id: 'w1', aliases: { github: edge.mine }, grants: ['token:read'] }) } });
  assert.equal(token.status, 200, token.text);
});

test('a name reaches nothing that its agent may not see', async (t) => {
  const edge = await start(t);
  const aliases = { foreign: edge.foreign, sibling: edge.sibling, gone: randomUUID(), mine: edge.mine };
  const narrow = await edge.addAgent({ workspace_id: 'w1', connections: [edge.mine], aliases });
  const byProvider = await edge.addAgent({ workspace_id: 'w1', providers: ['nothing'], aliases });
  const idle = await edge.addAgent({ workspace_id: 'w1', grants: ['connection:create'], aliases });
  const ask = (key, name) => edge.get('/x', { headers: { 'x-nexus-key': key, 'x-nexus-connection': name } });
  assert.equal((await ask(narrow, 'mine')).status, 200);
  edge.upstream.requests.length = 0;
  for (const name of ['foreign', 'sibling', 'gone']) {
    errorBody(assert, await ask(narrow, name), 404, 'connection_not_found');
  }
  errorBody(assert, await ask(byProvider, 'mine'), 404, 'connection_not_found');
  errorBody(assert, await ask(idle, 'mine'), 403, 'insufficient_grant');
  assert.equal(edge.upstream.requests.length, 0);
});
