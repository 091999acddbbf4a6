// nginx -s reload under load: no request fails, and the cache is kept.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startLine } from '../support/line.mjs';
import { request } from '../support/http.mjs';

// Between one client's requests: six clients stay below the 500 a second that conf/ allows a connection, on any machine.
const PAUSE_MS = 15;

test('reload under load', async (t) => {
  const line = await startLine(t, { logLevel: 'notice' });
  await line.createProvider();
  line.api.accept = (incoming) => /^Bearer /.test(incoming.headers.authorization ?? '');
  const agent = await line.createAgent();
  const connection = await line.connect(agent);
  assert.equal((await line.call(agent, connection)).status, 200);
  assert.equal((await line.token(agent, connection)).status, 200);

  const failures = [];
  let answered = 0;
  let running = true;
  const client = async (call) => {
    const agentOfOne = new http.Agent({ keepAlive: true, maxSockets: 1 });
    while (running) {
      try {
        const answer = await call(agentOfOne);
        answered += 1;
        if (answer.status !== 200) {
          failures.push(`${answer.status} ${answer.text}`);
        }
      } catch (error) {
        // A kept-alive connection that nginx closes while a request is on its way is not answered, by the rules of HTTP.
        if (!['ECONNRESET', 'EPIPE'].includes(error.code)) {
          failures.push(error.message);
        }
      }
      await delay(PAUSE_MS);
    }
    agentOfOne.destroy();
  };
  const headers = { 'x-nexus-key': agent.key, 'x-nexus-connection': connection };
  const fresh = () => request(`${line.site.sidecar}/load`, { headers });
  const clients = [
    ...Array.from({ length: 4 }, () => client(fresh)),
    ...Array.from({ length: 2 }, () => client((kept) => request(`${line.site.gateway}/v1/token/${connection}`, { headers: { 'x-api-key': agent.key }, agent: kept }))),
  ];

  const before = await line.redis.calls('get');
  const asked = line.idp.counts.token;
  for (let round = 0; round < 5; round++) {
    const at = answered;
    await line.site.reload();
    while (answered < at + 50) {
      await delay(10);
    }
  }
  running = false;
  await Promise.all(clients);
  assert.deepEqual(failures.slice(0, 5), []);
  assert.ok(answered > 250, `only ${answered} requests`);
  assert.equal(line.idp.counts.token, asked);
  const reads = await line.redis.calls('get') - before;
  assert.ok(reads < answered / 10, `${reads} reads of Redis for ${answered} requests: the cache was not kept`);
});
