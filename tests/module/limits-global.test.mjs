// Global limits: several nginx that share one Redis. What is counted where, what an edge leases and gives back, and what
// becomes of requests when Redis is away. The script and the table of leases have unit tests.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { patient } from '../support/edge.mjs';
import { request } from '../support/http.mjs';
import { newKeys } from '../support/keys.mjs';
import { startNginx } from '../support/nginx.mjs';
import { startCluster } from '../support/redis-cluster.mjs';
import { startRedis } from '../support/redis.mjs';
import { waitFor } from '../support/wait.mjs';
import { errorBody } from './edge-fixture.mjs';

/** `count` edges of one Redis, each with `zones` in its http block and `locations`. */
async function startEdges(t, { count = 2, workers = 1, zones, locations = 'location / { nexus_limit zone=z; empty_gif; }', redisArgs = patient, cluster }) {
  const keys = newKeys();
  const redis = cluster ?? await startRedis(t);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  t.after(() => agent.destroy());
  const edges = await Promise.all(Array.from({ length: count }, async () => {
    const nginx = await startNginx(t, {
      logLevel: 'info',
      files: { 'cache.key': keys.CACHE_KEY },
      config: ({ dir, port, globals, http: common }) => `
${globals}
worker_processes ${workers};
events { worker_connections 512; }
http {
    ${common}
    nexus_cache zone=nexus:1m;
    nexus_redis ${cluster?.url ?? `unix:${redis.socket}`} ${redisArgs};
    nexus_cache_key file:${dir}/cache.key;
    ${zones}
    server {
        listen 127.0.0.1:${port};
        ${locations}
        location /metrics { nexus_metrics; }
        location /up { return 204; }
    }
}`,
    });
    const get = (path = '/', options = {}) => request(`${nginx.url}${path}`, { agent, ...options });
    const metric = async (name) => {
      const { text } = await get('/metrics');
      return Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.split(' ')[1]);
    };
    await waitFor('every worker\'s connection to Redis, and the subscriber\'s', async () => await metric('nexus_redis_connects_total') >= workers + 1);
    return { nginx, get, metric, calls: (zone = 'z') => metric(`nexus_limit_redis_calls_total{zone="${zone}"}`) };
  }));
  return { redis, edges };
}

/** Sends `count` requests, `at once` of them together, to the edges in turn. returns how often each status came */
async function send(edges, count, { atOnce = 16, path = '/' } = {}) {
  const seen = {};
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < count) {
      const { status } = await edges[next++ % edges.length].get(path);
      seen[status] = (seen[status] ?? 0) + 1;
    }
  }));
  return seen;
}

const sum = async (edges, read) => (await Promise.all(edges.map(read))).reduce((all, one) => all + one, 0);

test('lease=0: exact over all edges, one question for each request', async (t) => {
  const { edges } = await startEdges(t, { zones: 'nexus_limit_zone z key=all rate=1r/h burst=19 scope=global lease=0;' });
  assert.deepEqual(await send(edges, 100), { 200: 20, 429: 80 });
  const calls = await sum(edges, (edge) => edge.calls());
  assert.ok(calls >= 100 && calls <= 100 + 16, `${calls}: and those to a Redis that did not know the script`);
  const refused = await edges[0].get();
  errorBody(assert, refused, 429, 'rate_limited');
  assert.ok(Number(refused.headers['retry-after']) > 3500);
});

test('leases: within the bound, and few questions', async (t) => {
  // 100 units are 10 s of the rate.
  const { edges } = await startEdges(t, { zones: 'nexus_limit_zone z key=all rate=36000r/h burst=1000 scope=global lease=10s;' });
  const start = Date.now();
  const seen = await send(edges, 3000);
  const arrived = Math.ceil((Date.now() - start) / 100);
  assert.ok(seen[200] <= 1001 + arrived + 2 * 100, JSON.stringify(seen));
  assert.ok(seen[200] >= 1001 - 2 * 100, JSON.stringify(seen));
  assert.equal(seen[200] + seen[429], 3000);
  const calls = await sum(edges, (edge) => edge.calls());
  assert.ok(calls <= 150, `${calls} questions`);
});

test('a key that is over its limit is not asked for again', async (t) => {
  const { edges: [edge] } = await startEdges(t, {
    count: 1,
    zones: 'nexus_limit_zone z key=$arg_who rate=10r/h burst=1 scope=global;',
    locations: 'location / { nexus_limit zone=z; nexus_limit_headers ietf; empty_gif; }',
  });
  const first = await edge.get('/?who=a');
  assert.equal(first.headers['ratelimit-policy'], '"z";q=2;w=720');
  assert.equal(first.headers.ratelimit, '"z";r=1;t=360');
  assert.equal((await edge.get('/?who=a')).headers.ratelimit, '"z";r=0;t=720');
  assert.deepEqual(await send([edge], 5, { path: '/?who=a' }), { 429: 5 });
  const calls = await edge.calls();
  assert.deepEqual(await send([edge], 200, { path: '/?who=a' }), { 429: 200 });
  assert.equal(await edge.calls(), calls);
  const refused = await edge.get('/?who=a');
  assert.ok(Math.abs(Number(refused.headers['retry-after']) - 360) < 30, refused.headers['retry-after']);
  assert.equal(refused.headers.ratelimit, `"z";r=0;t=${refused.headers['retry-after']}`);
  assert.equal((await edge.get('/?who=b')).status, 200);
  assert.equal((await edge.get('/?who=')).status, 200);
});

test('a cheap request that waits with a dear one has an answer of its own', async (t) => {
  const { redis, edges: [edge] } = await startEdges(t, {
    count: 1, redisArgs: 'timeout=5s connect_timeout=5s', zones: 'nexus_limit_zone z key=all rate=1r/h burst=9 scope=global;',
    locations: 'location / { nexus_limit zone=z cost=$arg_cost; empty_gif; }',
  });
  const ask = (...costs) => Promise.all(costs.map(async (cost, i) => {
    await delay(50 * i);
    return (await edge.get(`/?cost=${cost}`)).status;
  }));
  assert.deepEqual(await ask(5), [200]);
  redis.pause();
  const answers = ask(8, 7, 1, 4);   // five units are left
  await delay(400);
  redis.resume();
  assert.deepEqual(await answers, [429, 429, 200, 200]);
  assert.deepEqual(await ask(1), [429]);
});

test('what costs nothing has to fit, and takes nothing', async (t) => {
  const { edges: [edge, other] } = await startEdges(t, {
    zones: `
    nexus_limit_zone z key=$arg_who rate=1r/h burst=9 scope=global;
    nexus_limit_zone exact key=$arg_who rate=1r/h burst=9 scope=global lease=0;
    nexus_limit_zone ahead key=$arg_who rate=3600r/h burst=9 scope=global lease=10s;`,
    locations: `
        location /z { nexus_limit zone=z cost=$arg_cost; empty_gif; }
        location /exact { nexus_limit zone=exact cost=$arg_cost; empty_gif; }
        location /ahead { nexus_limit zone=ahead cost=$arg_cost; empty_gif; }`,
  });
  for (const path of ['/z', '/exact']) {
    const ask = async (from, who, count, cost) => send([from], count, { path: `${path}?who=${who}&cost=${cost}`, atOnce: 1 });
    assert.deepEqual(await ask(edge, 'a', 9, 1), { 200: 9 }, path);
    assert.deepEqual(await ask(edge, 'a', 5, 0), { 200: 5 }, path);
    assert.deepEqual(await ask(other, 'a', 1, 1), { 200: 1 }, `${path}: the tenth was still there, for another edge`);
    assert.deepEqual(await ask(edge, 'a', 3, 0), { 429: 3 }, path);
    assert.deepEqual(await ask(other, 'a', 3, 0), { 429: 3 }, path);
    const refused = await edge.get(`${path}?who=a&cost=0`);
    errorBody(assert, refused, 429, 'rate_limited');
    assert.ok(Number(refused.headers['retry-after']) > 3500, refused.headers['retry-after']);
    assert.deepEqual(await ask(edge, 'b', 1, 1000001), { 429: 1 }, path);
    assert.deepEqual(await ask(edge, 'b', 5, 0), { 200: 5 }, path);
    assert.deepEqual(await ask(edge, 'b', 11, 1), { 200: 10, 429: 1 }, path);
  }
  const calls = await edge.calls();
  assert.deepEqual(await send([edge], 50, { path: '/z?who=a&cost=0', atOnce: 1 }), { 429: 50 });
  assert.equal(await edge.calls(), calls, 'and asks nothing');
  assert.deepEqual(await send([edge], 20, { path: '/ahead?who=a&cost=0', atOnce: 4 }), { 200: 20 });
});

test('a dry run is counted once, and holds behind an internal redirect', async (t) => {
  const { edges: [edge] } = await startEdges(t, {
    count: 1,
    zones: `
    nexus_limit_zone z key=$arg_who rate=1r/h burst=9 scope=global;
    nexus_limit_zone exact key=$arg_who rate=1r/h burst=9 scope=global lease=0;`,
    locations: `
        location /z { nexus_limit zone=z dry_run; try_files /none /z-holds?$args; }
        location /z-holds { nexus_limit zone=z; empty_gif; }
        location /exact { nexus_limit zone=exact dry_run; try_files /none /exact-holds?$args; }
        location /exact-holds { nexus_limit zone=exact; empty_gif; }`,
  });
  for (const path of ['/z', '/exact']) {
    assert.deepEqual(await send([edge], 15, { path: `${path}?who=a`, atOnce: 1 }), { 200: 10, 429: 5 }, path);
  }
});

test('what is not spent goes back', async (t) => {
  const { edges: [edge] } = await startEdges(t, {
    count: 1, zones: 'nexus_limit_zone z key=all rate=100r/s burst=1000 scope=global lease=500ms;',
  });
  await send([edge], 60, { atOnce: 4 });
  const calls = await edge.calls();
  await waitFor('units to go back', async () => await edge.calls() > calls);
});

test('a cluster: each key on its own node', async (t) => {
  const { edges } = await startEdges(t, {
    cluster: await startCluster(t),
    zones: 'nexus_limit_zone z key=$arg_who rate=1r/h burst=2 scope=global lease=0;',
  });
  for (let i = 0; i < 20; i++) {
    assert.deepEqual(await send(edges, 4, { path: `/?who=${i}`, atOnce: 2 }), { 200: 3, 429: 1 }, `key ${i}`);
  }
  assert.equal(await sum(edges, (edge) => edge.metric('nexus_limit_without_redis_total{zone="z"}')), 0);
});

test('workers of one nginx share its leases', async (t) => {
  const { edges: [edge] } = await startEdges(t, {
    count: 1, workers: 4, zones: 'nexus_limit_zone z key=all rate=36000r/h burst=1000 scope=global lease=10s;',
  });
  const agent = { agent: false };   // connections of their own, so that all workers have some
  let allowed = 0;
  const start = Date.now();
  for (let i = 0; i < 60; i++) {
    const answers = await Promise.all(Array.from({ length: 25 }, () => edge.get('/', agent)));
    allowed += answers.filter(({ status }) => status === 200).length;
  }
  const arrived = Math.ceil((Date.now() - start) / 100);
  assert.ok(allowed <= 1001 + arrived, `${allowed}`);
  assert.ok(allowed >= 1001 - 100, `${allowed}`);
  const calls = await edge.calls();
  assert.ok(calls <= 150, `${calls} questions`);
});

test('limits of both kinds in one place: a refused request costs none', async (t) => {
  const { edges: [edge] } = await startEdges(t, {
    count: 1,
    zones: `
    nexus_limit_zone all key=all rate=1r/h burst=9 scope=global lease=0;
    nexus_limit_zone one key=$arg_who rate=1r/h burst=1 scope=global lease=0;
    nexus_limit_zone local key=$arg_who rate=1r/h burst=3;`,
    locations: `
        location / { nexus_limit zone=all; nexus_limit zone=one; nexus_limit zone=local nodelay; empty_gif; }
        location /cost { nexus_limit zone=all cost=11; empty_gif; }`,
  });
  assert.deepEqual(await send([edge], 8, { path: '/?who=a', atOnce: 1 }), { 200: 2, 429: 6 });
  assert.deepEqual(await send([edge], 8, { path: '/?who=b', atOnce: 1 }), { 200: 2, 429: 6 });
  await waitFor('the last units to be back', async () => (await edge.get('/?who=c')).status === 200);
  const seen = await send([edge], 10, { path: '/?', atOnce: 1 });
  assert.deepEqual(seen, { 200: 5, 429: 5 }, 'ten less the five that were served');
  const hopeless = await edge.get('/cost');
  assert.equal(hopeless.status, 429);
  assert.equal(hopeless.headers['retry-after'], undefined);
});

test('Redis away: by itself, by a share of the limit', async (t) => {
  const { redis, edges } = await startEdges(t, {
    redisArgs: 'timeout=200ms connect_timeout=200ms',
    zones: `
    nexus_limit_zone z key=all rate=1r/h burst=18 scope=global lease=0 edges=2;
    nexus_limit_zone open key=all rate=1r/h scope=global lease=0 on_error=allow;
    nexus_limit_zone shut key=all rate=1r/h scope=global lease=0 on_error=deny;`,
    locations: `
        location / { nexus_limit zone=z; empty_gif; }
        location /open { nexus_limit zone=open; empty_gif; }
        location /shut { nexus_limit zone=shut; empty_gif; }`,
  });
  await redis.stop();
  assert.deepEqual(await send(edges, 60), { 200: 20, 429: 40 }, 'ten each');
  assert.deepEqual(await send(edges, 20, { path: '/open' }), { 200: 20 });
  errorBody(assert, await edges[0].get('/shut'), 503, 'overloaded');
  assert.equal((await edges[0].get('/shut')).headers['retry-after'], '1');
  assert.ok(await edges[0].metric('nexus_limit_without_redis_total{zone="z"}') >= 30);

  await redis.start();
  await waitFor('Redis to be asked again', async () => (await edges[0].get('/shut')).status !== 503);
  await waitFor('Redis to be asked again', async () => (await edges[1].get('/shut')).status !== 503);
  const { 200: allowed } = await send(edges, 60);
  assert.equal(allowed, 19, 'of a Redis that has lost everything');
});

test('Redis killed under load: nobody is told, and it is asked again when it is back', async (t) => {
  const { redis, edges } = await startEdges(t, {
    redisArgs: 'timeout=100ms connect_timeout=100ms',
    zones: 'nexus_limit_zone z key=all rate=1000r/s burst=100 scope=global lease=20ms edges=2;',
  });
  let isOver = false;
  const statuses = {};
  const load = Array.from({ length: 8 }, async (_, i) => {
    while (!isOver) {
      const { status } = await edges[i % 2].get();
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  });
  const withoutRedis = () => sum(edges, (edge) => edge.metric('nexus_limit_without_redis_total{zone="z"}'));
  await waitFor('load', () => statuses[200] > 100);
  await redis.kill();
  await waitFor('requests without Redis', async () => await withoutRedis() > 50);
  await redis.start();
  await waitFor('Redis to be asked by both again', async () => {
    const before = await withoutRedis();
    const calls = await Promise.all(edges.map((edge) => edge.calls()));
    await new Promise((resolve) => setTimeout(resolve, 50));   // a while without, and with questions
    const after = await Promise.all(edges.map((edge) => edge.calls()));
    return await withoutRedis() === before && after.every((count, i) => count > calls[i]);
  });
  isOver = true;
  await Promise.all(load);
  assert.deepEqual(Object.keys(statuses).filter((status) => !['200', '429'].includes(status)), []);
});

test('clients that leave while Redis is silent', async (t) => {
  const { redis, edges: [edge] } = await startEdges(t, {
    count: 1, redisArgs: 'timeout=2s connect_timeout=2s',
    zones: 'nexus_limit_zone z key=$arg_who rate=100r/s burst=100 scope=global; nexus_limit_zone x key=$arg_who rate=100r/s burst=100 scope=global lease=0;',
    locations: 'location / { nexus_limit zone=z; empty_gif; } location /x { nexus_limit zone=x; empty_gif; }',
  });
  assert.equal((await edge.get('/?who=a')).status, 200);
  redis.pause();
  const leaving = ['/?who=a', '/?who=a', '/?who=b', '/x?who=a'].map((path) => http.get(`${edge.nginx.url}${path}`, { agent: false }).on('error', () => {}));
  const staying = edge.get('/?who=c');
  await waitFor('questions', async () => await edge.calls() + await edge.calls('x') >= 4);
  leaving.forEach((outgoing) => outgoing.destroy());
  await waitFor('nginx to notice', () => edge.nginx.accessLog().match(/" 499 /g)?.length === 4);
  redis.resume();
  assert.equal((await staying).status, 200);
  assert.equal((await edge.get('/?who=a')).status, 200);
});
