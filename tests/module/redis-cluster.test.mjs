// A cluster of Redis: every key at its node, redirects followed, nodes that come and go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCa } from '../support/certificates.mjs';
import { startDns } from '../support/dns.mjs';
import { accessTokenOf, patient, sourceOf, startEdge } from '../support/edge.mjs';
import { startCluster } from '../support/redis-cluster.mjs';
import { startRedisProxy } from '../support/redis-proxy.mjs';
import { startRedis } from '../support/redis.mjs';
import { waitFor } from '../support/wait.mjs';

const startClusterEdge = (t, cluster, options = {}) => startEdge(t, {
  redisUrl: cluster.url, redisServer: cluster, redis: patient, ...options,
});

/** Waits until a new record is read from Redis. */
async function readsFromRedis(edge) {
  await waitFor('Redis to be asked', async () => {
    const { id } = await edge.write({}, { silent: true });
    return sourceOf(await edge.token(id)) === 'l2';
  });
}

/** Records at every node, one each. */
async function oneAtEach(edge, cluster) {
  const found = new Map();
  while (found.size < cluster.nodes.length) {
    const record = await edge.record();
    const owner = await cluster.owner(record.redisKey);
    if (!found.has(owner)) {
      await cluster.set(record.redisKey, record.sealed, { px: record.px });
      found.set(owner, record);
    }
  }
  return found;
}

/** A master forgets the others, and its replica takes its place among them. */
async function forgetOthers(cluster, lost, heir) {
  const staying = [...cluster.nodes.filter((node) => node !== lost), heir];
  for (const node of staying) {
    await lost.client.call('CLUSTER', 'FORGET', node.id);
  }
  await heir.client.call('CLUSTER', 'FAILOVER', 'TAKEOVER');
  cluster.nodes = staying;
  await waitFor('all others to know the heir', async () => {
    const tables = await Promise.all(cluster.nodes.map((node) => node.client.call('CLUSTER', 'SLOTS')));
    return tables.every((ranges) => ranges.some(([first, , master]) => first === 0 && master[2] === heir.id));
  });
}

test('every node is asked for its own keys; events come from any of them', async (t) => {
  const cluster = await startCluster(t, {
    args: ['--user', 'edge', 'on', '>s3cret', '~nexus:*', '&nexus:events', '+get', '+ping', '+subscribe', '+cluster|slots', '+cluster|info', '+asking'],
  });
  const edge = await startClusterEdge(t, cluster, {
    workers: 2, redis: `${patient} user=edge password=file:redis.password`, files: { 'redis.password': 's3cret' },
  });
  await edge.subscribed();
  for (const record of (await oneAtEach(edge, cluster)).values()) {
    const answer = await edge.token(record.id);
    assert.equal(sourceOf(answer), 'l2');
    assert.equal(accessTokenOf(answer), record.token);
  }
  for (const [generation, node] of cluster.nodes.entries()) {
    const { id } = await edge.write({ generation: 1 });
    await edge.token(id);
    const newer = await edge.write({ connection_id: id, generation: generation + 2 }, { silent: true });
    await node.publish('nexus:events', { kind: 'token', id, generation: generation + 2 });
    await waitFor('the event', async () => accessTokenOf(await edge.token(id)) === newer.token);
  }

  // Once the table is there, nobody is asked for what another one has.
  const asked = () => Promise.all(cluster.nodes.map((node) => node.errors('MOVED')));
  const before = await asked();
  for (let i = 0; i < 30; i++) {
    await edge.token((await edge.record()).id);
  }
  assert.deepEqual(await asked(), before);

  await edge.nginx.reload();
  await readsFromRedis(edge);
});

test('a user who may not ask how the cluster is believes its nodes', async (t) => {
  const cluster = await startCluster(t, {
    args: ['--user', 'edge', 'on', '>s3cret', '~nexus:*', '&nexus:events', '+get', '+ping', '+subscribe', '+cluster|slots', '+asking'],
  });
  const edge = await startClusterEdge(t, cluster, {
    redis: `${patient} user=edge password=file:redis.password`, files: { 'redis.password': 's3cret' },
  });
  await edge.subscribed();
  for (const { id } of (await oneAtEach(edge, cluster)).values()) {
    assert.equal(sourceOf(await edge.token(id)), 'l2');
  }
});

test('a slot that moves: ASK while it does, MOVED once it has', async (t) => {
  const cluster = await startCluster(t);
  const edge = await startClusterEdge(t, cluster);
  await edge.subscribed();
  await readsFromRedis(edge);
  const { id, redisKey, sealed } = await edge.record({ generation: 1 });
  const from = await cluster.owner(redisKey);
  const to = cluster.nodes.find((node) => node !== from);
  const slot = await cluster.slotOf(redisKey);
  await cluster.set(redisKey, sealed);

  await cluster.beginMigration(slot, from, to);
  await cluster.moveKey(redisKey, from, to);
  assert.equal(sourceOf(await edge.token(id)), 'l2');
  assert.equal(await from.errors('ASK'), 1);

  await cluster.endMigration(slot, to);
  for (const generation of [2, 3]) {
    const newer = await edge.record({ connection_id: id, generation });
    await to.set(redisKey, newer.sealed);
    await edge.event(id, generation);
    await waitFor('the newer record', async () => accessTokenOf(await edge.token(id)) === newer.token);
    assert.equal(await from.errors('MOVED'), 1);   // once is enough
  }
  assert.equal(edge.controlPlane.calls.length, 0);
});

test('a slot that nobody has', async (t) => {
  const cluster = await startCluster(t);
  const edge = await startClusterEdge(t, cluster);
  const records = await oneAtEach(edge, cluster);
  await readsFromRedis(edge);
  const [[node, record]] = records;
  const slot = await cluster.slotOf(record.redisKey);
  edge.controlPlane.put(record.id, record.sealed);
  for (const one of cluster.nodes) {
    await one.client.call('CLUSTER', 'DELSLOTS', slot);   // nobody has it
  }
  assert.equal(sourceOf(await edge.token(record.id)), 'origin');
  await node.client.call('CLUSTER', 'ADDSLOTS', slot);
  await cluster.isWell();
  await readsFromRedis(edge);
});

test('master and replica change places; then the old master dies', async (t) => {
  const cluster = await startCluster(t);
  const edge = await startClusterEdge(t, cluster);
  const records = await oneAtEach(edge, cluster);
  await edge.subscribed();
  await readsFromRedis(edge);
  const [old] = cluster.nodes;   // not the last one, which is asked how the cluster is
  const record = records.get(old);
  const replica = await cluster.addReplica(t, old);
  await replica.client.call('CLUSTER', 'FAILOVER');
  await waitFor('the failover', async () => (await cluster.owner(record.redisKey)) === replica
    && /role:slave/.test(await old.client.info('replication'))
    && /cluster_state:ok/.test(await replica.client.call('CLUSTER', 'INFO')));
  assert.equal(sourceOf(await edge.token(record.id)), 'l2');
  await old.kill();
  for (let i = 0; i < 20; i++) {
    await readsFromRedis(edge);
  }
  await edge.subscribed();
});

test('a node that leaves the cluster is not talked to any more', async (t) => {
  const cluster = await startCluster(t);
  const edge = await startClusterEdge(t, cluster);
  const records = await oneAtEach(edge, cluster);
  for (const { id } of records.values()) {
    assert.equal(sourceOf(await edge.token(id)), 'l2');
  }
  const [leaving, ...staying] = cluster.nodes;
  await leaving.client.flushall();
  await leaving.client.call('CLUSTER', 'RESET', 'HARD');
  for (const node of staying) {
    await node.client.call('CLUSTER', 'FORGET', leaving.id);
  }
  await staying[0].client.call('CLUSTER', 'ADDSLOTSRANGE', 0, 5460);
  cluster.nodes = staying;
  await cluster.isWell();

  await waitFor('the edge to leave the node', async () => {
    await edge.token((await edge.record()).id);
    const clients = await leaving.client.client('LIST', 'TYPE', 'normal');
    return clients.split('\n').filter((line) => /laddr=127\.0\.0\.1:/.test(line)).length === 0;
  });
  await edge.subscribed();
  for (let i = 0; i < 10; i++) {
    const record = await edge.record();
    const owner = (await cluster.owner(record.redisKey));
    await owner.set(record.redisKey, record.sealed);
    assert.equal(sourceOf(await edge.token(record.id)), 'l2');
  }
});

for (const coverage of ['yes', 'no']) {
  test(`a node that is cut off from the others is not listened to (cluster-require-full-coverage ${coverage})`, async (t) => {
    const cluster = await startCluster(t, { separable: true, args: ['--cluster-require-full-coverage', coverage] });
    const edge = await startClusterEdge(t, cluster);
    const records = await oneAtEach(edge, cluster);
    await edge.subscribed();
    await readsFromRedis(edge);
    const deaf = await cluster.listenedAt('nexus:events');
    const [owner, { id, redisKey }] = [...records].find(([node]) => node !== deaf);
    await edge.token(id);

    cluster.cutOff(deaf);
    await waitFor('the node to notice', async () => /cluster_state:fail/.test(await deaf.client.call('CLUSTER', 'INFO')));
    const newer = await edge.record({ connection_id: id, generation: 2 });
    const tell = () => owner.publish('nexus:events', { kind: 'token', id, generation: 2 });
    if (coverage === 'no') {
      await owner.set(redisKey, newer.sealed);
      await tell();   // nobody hears it, but what was read before counts as unverified then
    } else {
      edge.controlPlane.put(id, newer.sealed);   // the others do not serve without the slots of the one
      await waitFor('the edge to leave the node', async () => await cluster.listenedAt('nexus:events') !== deaf);
      await tell();
    }
    await waitFor('the newer record', async () => accessTokenOf(await edge.token(id)) === newer.token);

    await cluster.reunite();
    await edge.subscribed();
    await readsFromRedis(edge);
  });

  test(`a node that has forgotten the others does not keep the edge (cluster-require-full-coverage ${coverage})`, async (t) => {
    const cluster = await startCluster(t, { args: ['--cluster-require-full-coverage', coverage] });
    const [lost, other] = cluster.nodes;
    await forgetOthers(cluster, lost, await cluster.addReplica(t, lost));

    // The only one that answers at first.
    const later = await startRedisProxy(t, other);
    await later.refuse();
    const edge = await startClusterEdge(t, cluster, { redisUrl: `cluster://127.0.0.1:${lost.port},127.0.0.1:${later.port}` });
    await lost.subscribers('nexus:events');
    await waitFor('its table to be read', async () => await lost.calls('cluster\\|slots') > 0);
    await later.accept();
    await waitFor('every node to be asked', async () => {
      const records = await oneAtEach(edge, cluster);
      const answers = await Promise.all([...records.values()].map(({ id }) => edge.token(id)));
      return answers.every((answer) => sourceOf(answer) === 'l2');
    });
    await edge.subscribed();
  });

  test(`a node that forgets the others is not listened to any more (cluster-require-full-coverage ${coverage})`, async (t) => {
    const cluster = await startCluster(t, { args: ['--cluster-require-full-coverage', coverage] });
    const [lost] = cluster.nodes;
    const heir = await cluster.addReplica(t, lost);
    const edge = await startClusterEdge(t, cluster, { redisUrl: `cluster://127.0.0.1:${lost.port}` });
    await lost.subscribers('nexus:events');
    await waitFor('its table to be read', async () => await lost.calls('cluster\\|slots') > 0);
    await forgetOthers(cluster, lost, heir);
    await edge.subscribed();   // at one of the others
    await readsFromRedis(edge);
  });
}

test('the last node that is left is not listened to: whether anybody publishes there is not known', async (t) => {
  const cluster = await startCluster(t);
  const edge = await startClusterEdge(t, cluster);
  await edge.subscribed();
  await readsFromRedis(edge);
  const [left, ...others] = cluster.nodes;
  await Promise.all(others.map((node) => node.kill()));
  await waitFor('the node to notice', async () => /cluster_state:fail/.test(await left.client.call('CLUSTER', 'INFO')));
  await waitFor('the edge to leave the node', async () => (await left.client.pubsub('NUMSUB', 'nexus:events'))[1] === 0
    && /is cut off from the others of its cluster/.test(edge.nginx.errorLog()));
  await Promise.all(others.map((node) => node.restart()));
  await cluster.isWell();
  await edge.subscribed();
  await readsFromRedis(edge);
});

test('over TLS, every node verified; one configured node is enough to find the others', async (t) => {
  const ca = await makeCa(t);
  const leaf = await ca.issue('IP:127.0.0.1');
  const cluster = await startCluster(t, { tls: { ...leaf, ca: ca.file } });
  const edge = await startClusterEdge(t, cluster, {
    redisUrl: `clusters://127.0.0.1:${cluster.nodes[0].tlsPort}`, redis: `ca=${ca.file} timeout=2s connect_timeout=2s`,
  });
  await edge.subscribed();
  for (const { id } of (await oneAtEach(edge, cluster)).values()) {
    assert.equal(sourceOf(await edge.token(id)), 'l2');
  }
});

test('over TLS, nodes that are announced without a host have the certificate of the one that was configured', async (t) => {
  const ca = await makeCa(t);
  const leaf = await ca.issue('DNS:localhost');
  const cluster = await startCluster(t, {
    tls: { ...leaf, ca: ca.file }, args: ['--cluster-preferred-endpoint-type', 'unknown-endpoint'],
  });
  const edge = await startClusterEdge(t, cluster, {
    redisUrl: `clusters://localhost:${cluster.nodes[0].tlsPort}`, redis: `ca=${ca.file} timeout=2s connect_timeout=2s`,
  });
  await edge.subscribed();
  for (const { id } of (await oneAtEach(edge, cluster)).values()) {
    assert.equal(sourceOf(await edge.token(id)), 'l2');
  }
});

test('nodes that are announced by name are asked of the resolver', async (t) => {
  const dns = await startDns(t, { 'node.example': ['127.0.0.1'] });
  const cluster = await startCluster(t, {
    args: ['--cluster-announce-hostname', 'node.example', '--cluster-preferred-endpoint-type', 'hostname'],
  });
  const edge = await startClusterEdge(t, cluster, { http: `resolver 127.0.0.1:${dns.port} ipv6=off;` });
  await edge.subscribed();
  await readsFromRedis(edge);
  for (const { id } of (await oneAtEach(edge, cluster)).values()) {
    assert.equal(sourceOf(await edge.token(id)), 'l2');
  }
  assert.ok(dns.questions.length > 0);

  const without = await startClusterEdge(t, cluster);
  await without.token((await without.record()).id);
  await waitFor('the log', () => /the name "node\.example" was announced, which needs a resolver/.test(without.nginx.errorLog()));
});

test('a server that is no cluster is told from one', async (t) => {
  const redis = await startRedis(t, { tcp: true });
  const edge = await startEdge(t, { redisUrl: `cluster://127.0.0.1:${redis.port}`, redisServer: redis, redis: patient });
  await waitFor('the log', () => /gave no table of slots/.test(edge.nginx.errorLog()));
  const record = await edge.record();
  edge.controlPlane.put(record.id, record.sealed);
  assert.equal((await edge.token(record.id)).status, 200);
});
