// Everything at once, for ten seconds: clients that come and leave, Redis stopped and restarted, reloads, killed workers,
// a control plane that fails, hangs and dawdles, a zone that is too small. No answer may ever hold another's token, and no
// worker may die by itself. NEXUS_CHAOS_SECONDS makes it longer.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { accessTokenOf, startEdge } from '../support/edge.mjs';
import { post } from '../support/http.mjs';
import { waitFor } from '../support/wait.mjs';

const seconds = Number(process.env.NEXUS_CHAOS_SECONDS ?? 10);
const GENERATIONS = 4;
const oneOf = (list) => list[Math.floor(Math.random() * list.length)];

test('chaos', { timeout: (seconds + 60) * 1000 }, async (t) => {
  const edge = await startEdge(t, {
    workers: 3, zone: '256k', cache: 'max_ttl=300ms negative_ttl=100ms', redis: 'timeout=30ms',
    controlPlane: 'timeout=500ms', logLevel: 'info', allow: /worker process \d+ exited on signal 9/,
  });
  await edge.subscribed();
  const records = await Promise.all(Array.from({ length: 40 }, async (_, i) => {
    const token = `${i}-${'x'.repeat(i * 300)}`;
    const versions = [await edge.write({ token })];
    while (versions.length < GENERATIONS) {
      versions.push(await edge.record({ connection_id: versions[0].id, token, generation: versions.length + 1 }));
    }
    edge.controlPlane.put(versions[0].id, versions[0].sealed);
    return { ...versions[0], versions };
  }));
  let newest = 0;
  edge.controlPlane.answer = (call) => {
    const known = edge.controlPlane.known(call);
    return oneOf([{ hang: true }, { status: 500 }, { ...known, delay: delay(100) }, ...Array(17).fill(known)]);
  };

  let over = false;
  let answered = 0;
  const client = async () => {
    while (!over) {
      const { id, token } = oneOf(records);
      const kind = Math.random();
      const request = kind < 0.1 ? edge.token(randomUUID())
        : kind < 0.2 ? post(`${edge.url}/refresh/${id}`, { body: '' })
          : edge.token(id, { timeout: kind < 0.3 ? 5 : 15_000 });   // some leave early
      const answer = await request.catch(() => undefined);           // their worker may be killed
      if (answer?.status === 200) {
        answered++;
        assert.equal(accessTokenOf(answer), token);
      } else if (answer) {
        assert.ok([404, 503].includes(answer.status), `${answer.status} ${answer.text}`);
      }
    }
  };
  const clients = Promise.all(Array.from({ length: 24 }, client));
  clients.catch(() => { over = true; });

  const disturbances = [
    async () => { edge.redis.pause(); await delay(1200); edge.redis.resume(); },
    () => edge.nginx.reload(),
    () => edge.redis.restart(),
    async () => {   // changed at the control plane, told by an event, written to Redis later
      newest = Math.min(newest + 1, GENERATIONS - 1);
      records.forEach(({ id, versions }) => edge.controlPlane.put(id, versions[newest].sealed));
      await Promise.all(records.map(({ id }) => edge.event(id, newest + 1)));
    },
    () => process.kill(oneOf(edge.nginx.workers()), 'SIGKILL'),
    () => Promise.all(records.map(({ versions }) => edge.redis.set(versions[newest].redisKey, versions[newest].sealed, { px: versions[newest].px }))),
  ];
  for (let i = 0, end = performance.now() + seconds * 1000; performance.now() < end && !over; i++) {
    await disturbances[i % disturbances.length]();
    await delay(200);
  }
  over = true;
  await clients;
  assert.ok(answered > 100, `${answered} answers`);

  // And then all is well again.
  edge.controlPlane.answer = edge.controlPlane.known;
  const { id, token } = records[0];
  await waitFor('good answers', async () => {
    const answer = await edge.token(id);
    assert.equal(accessTokenOf(answer), token, `${answer.status} ${answer.headers['x-source']} ${answer.text}`);
    return true;
  });
});
