// nexusd and the edge share whatever Redis is made of: a server behind TLS, the master that Sentinels name, a cluster. What is
// written arrives, and so do revokes, through failovers too. (How the edge speaks to each: tests/module/redis-*.test.mjs.
// With postgres nothing of it would be different.)
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCa } from '../support/certificates.mjs';
import { startControlPlane } from '../support/control-plane.mjs';
import { expectStatus, request, startLine } from '../support/line.mjs';
import { startRedis } from '../support/redis.mjs';
import { startRedisProxy } from '../support/redis-proxy.mjs';
import { startCluster } from '../support/redis-cluster.mjs';
import { startSentinel } from '../support/redis-sentinel.mjs';
import { waitFor } from '../support/wait.mjs';

const NEEDED = ['~nexus:*', '&nexus:events', '+ping', '+eval', '+evalsha', '+set', '+del', '+type', '+getrange', '+publish'];
const keyOf = (connection) => `nexus:tok:{${connection}}`;

/** `url`: of nexusd alone. {line, connect(): a connection that is in L1, withdraw(id): revokes it, and waits for the edge to know by an event}. */
async function start(t, system, { url = system.url } = {}) {
  const line = await startLine(t, { database: 'sqlite', redis: { system, url, edge: 'timeout=2s connect_timeout=2s' } });
  await line.createProvider();
  const agent = await line.createAgent();
  await line.redis.subscribers('nexus:events');
  const connect = async () => {
    const id = await line.connect(agent);
    assert.equal((await line.token(agent, id)).status, 200);
    return id;
  };
  const withdraw = async (id) => {
    expectStatus(200, await line.admin('POST', `/connections/${id}/revoke`));
    await waitFor('the edge to know', async () => (await line.token(agent, id)).status !== 200, { timeout: 8000 });   // by itself it asks after 30 s
  };
  return { line, connect, withdraw };
}

const redisState = async (nexusd) => (await request(`${nexusd.url}/ready`)).json.redis;

test('over TLS: a certificate for another name than the address, one of nexusd\'s own, a user who may do what is needed', async (t) => {
  const ca = await makeCa(t);
  const [server, client] = [await ca.issue('DNS:redis.example'), await ca.issue('DNS:nexusd.example')];
  const redis = await startRedis(t, { tls: { ...server, ca: ca.file, clients: 'yes' } });
  await redis.client.call('ACL', 'SETUSER', 'nexusd', 'on', '>hunter2hunter2', '+select', ...NEEDED);
  const good = {
    REDIS_URL: `rediss://nexusd@127.0.0.1:${redis.tlsPort}/2`, REDIS_PASSWORD: 'hunter2hunter2', REDIS_SERVER_NAME: 'redis.example',
    REDIS_CA_FILE: ca.file, REDIS_CERTIFICATE_FILE: client.cert, REDIS_CERTIFICATE_KEY_FILE: client.key,
  };
  const plane = await startControlPlane(t, { database: 'sqlite', env: good });
  assert.equal(await redisState(plane.nexusd), 'ok');
  expectStatus(201, await plane.admin('POST', '/admin/agents', { name: 'a', workspace_id: 'w', grants: ['token:use'] }));
  await redis.client.select(2);
  await waitFor('the agent\'s record', async () => (await redis.client.keys('nexus:agent:*')).length === 1);

  const stranger = await makeCa(t, 'stranger');
  for (const [what, env, why] of [
    ['a CA that is not trusted', { REDIS_CA_FILE: stranger.file }, /cannot be reached \(SSL certificate problem/],
    ['the address is not on the certificate', { REDIS_SERVER_NAME: undefined }, /cannot be reached \(SSL: no alternative certificate subject name/],
    ['no certificate of its own', { REDIS_CERTIFICATE_FILE: undefined, REDIS_CERTIFICATE_KEY_FILE: undefined }, /Redis is not available/],
    ['a wrong password', { REDIS_PASSWORD: 'wrong' }, /it answered WRONGPASS/],
  ]) {
    const refused = await startControlPlane(t, { database: 'sqlite', env: { ...good, ...env } });
    assert.equal(await redisState(refused.nexusd), 'unavailable', what);
    expectStatus(201, await refused.admin('POST', '/admin/agents', { name: 'a', workspace_id: 'w', grants: ['token:use'] }));
    await waitFor('the reason in the log', () => why.test(refused.nexusd.log()));
    assert.doesNotMatch(refused.nexusd.log(), /hunter2hunter2/);
  }
});

test('behind Sentinels that want a password: the master is found, and followed', async (t) => {
  const system = await startSentinel(t);
  await system.client.call('ACL', 'SETUSER', 'watcher', 'on', '>sentinel-secret', '+ping', '+sentinel');
  const { line, connect, withdraw } = await start(t, system);
  const [first, second, third] = [await connect(), await connect(), await connect()];
  await withdraw(first);

  const old = await system.master();
  const now = await system.failover();
  assert.notEqual(now, old);
  await now.subscribers('nexus:events');
  await withdraw(second);
  assert.ok(await now.get(keyOf(second)));

  await now.kill();   // without a word
  await system.changed(now);
  await waitFor('nexusd to find the other one', async () => await redisState(line.nexusd) === 'ok');
  await (await system.master()).subscribers('nexus:events');
  await withdraw(third);

  const unknown = await startControlPlane(t, { database: 'sqlite', env: { REDIS_URL: system.url.replace(system.masterName, 'nobody') } });
  assert.equal(await redisState(unknown.nexusd), 'unavailable');
  expectStatus(201, await unknown.admin('POST', '/admin/agents', { name: 'a', workspace_id: 'w', grants: ['token:use'] }));
  await waitFor('the reason', () => /Sentinel 127\.0\.0\.1 knows no master \\?"nobody/.test(unknown.nexusd.log()));

  await system.client.call('ACL', 'SETUSER', 'default', 'off');   // from here on only who logs in is told
  const login = { REDIS_SENTINEL_USERNAME: 'watcher', REDIS_SENTINEL_PASSWORD: 'sentinel-secret' };
  for (const [env, state] of [[login, 'ok'], [{}, 'unavailable'], [{ ...login, REDIS_SENTINEL_PASSWORD: 'wrong' }, 'unavailable']]) {
    const plane = await startControlPlane(t, { database: 'sqlite', env: { REDIS_URL: system.url, ...env } });
    assert.equal(await redisState(plane.nexusd), state, JSON.stringify(env));
  }
});

test('a Sentinel that was cut off from the others names the old master for ever: another one is asked', async (t) => {
  const system = await startSentinel(t);
  const cutOff = await startRedisProxy(t, { port: system.port, host: '127.0.0.1' });
  const { line, connect, withdraw } = await start(t, system, { url: cutOff.url.replace('redis://', 'sentinel://') + `,127.0.0.1:${system.port}/${system.masterName}` });
  const id = await connect();
  const old = await system.master();
  const port = String(old.port);
  cutOff.fault = ([command]) => (command === 'SENTINEL' ? { reply: `*2\r\n$9\r\n127.0.0.1\r\n$${port.length}\r\n${port}\r\n` } : undefined);
  await old.kill();
  await system.changed(old);
  await waitFor('nexusd to find the other one', async () => await redisState(line.nexusd) === 'ok');
  await (await system.master()).subscribers('nexus:events');
  await withdraw(id);
});

test('a node of a cluster that is cut off from the others, and answers nexusd, is not believed', async (t) => {
  const cluster = await startCluster(t);
  const [cutOff, ...others] = cluster.nodes;
  const replica = await cluster.addReplica(t, cutOff);
  const seeds = others.map((node) => `127.0.0.1:${node.port}`).join(',');
  const { connect, withdraw } = await start(t, { ...cluster, subscribers: cluster.subscribers.bind(cluster), url: `cluster://${seeds}` },
    { url: `cluster://127.0.0.1:${cutOff.port}` });
  let id;
  do {
    id = await connect();
  } while (await cluster.owner(keyOf(id)) !== cutOff);
  await waitFor('the replica to have it', async () => await replica.client.call('CLUSTER', 'COUNTKEYSINSLOT', await cluster.slotOf(keyOf(id))) > 0);

  await cutOff.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');   // the edge listens elsewhere then, or hears nothing of this
  for (const node of [...others, replica]) {
    await cutOff.client.call('CLUSTER', 'FORGET', node.id);
  }
  await replica.client.call('CLUSTER', 'FAILOVER', 'TAKEOVER');
  await waitFor('the cluster to go on without it', async () => await cluster.owner(keyOf(id)) === replica);
  await waitFor('it to know that it is cut off', async () => /cluster_state:fail/.test(await cutOff.client.call('CLUSTER', 'INFO')));
  await withdraw(id);
  // The edge may know it from nexusd, before nexusd has found the node.
  await waitFor('revoked, at the node that has it now', async () => (await replica.get(keyOf(id)))[5] === 6);
});

test('a cluster: every record at its node, while slots move too; a revoke is told although its node is gone', async (t) => {
  const cluster = await startCluster(t);
  const { line, connect, withdraw } = await start(t, cluster);
  const ids = [];
  const owners = new Set();
  while (owners.size < 3) {
    ids.push(await connect());
    owners.add(await cluster.owner(keyOf(ids.at(-1))));
  }
  for (const id of ids) {
    assert.ok(await (await cluster.owner(keyOf(id))).get(keyOf(id)), id);
  }
  await withdraw(ids[0]);

  // A slot on its way: the record is written where it is asked for.
  const moving = await connect();
  const slot = await cluster.slotOf(keyOf(moving));
  const from = await cluster.owner(keyOf(moving));
  const to = cluster.nodes.find((node) => node !== from);
  await cluster.beginMigration(slot, from, to);
  for (const key of await from.client.call('CLUSTER', 'GETKEYSINSLOT', slot, 10)) {
    await cluster.moveKey(key, from, to);
  }
  await withdraw(moving);
  await assert.rejects(from.get(keyOf(moving)), /ASK/);
  await cluster.endMigration(slot, to);
  assert.ok(await to.get(keyOf(moving)));

  // Where the edge listens lives on; the node that has the record does not.
  const listening = await Promise.all(cluster.nodes.map(async (node) => (await node.client.pubsub('NUMSUB', 'nexus:events'))[1] > 0));
  let orphan;
  do {
    orphan = await connect();
  } while (listening[cluster.nodes.indexOf(await cluster.owner(keyOf(orphan)))]);
  await (await cluster.owner(keyOf(orphan))).kill();
  await withdraw(orphan);
  assert.equal(await redisState(line.nexusd), 'ok');
});

test('a Unix socket where nobody listens is named in the log with the system\'s reason', async (t) => {
  const plane = await startControlPlane(t, { database: 'sqlite' });
  await plane.redis.stop();   // which takes the socket away
  const line = await waitFor('the log', async () => {
    await plane.admin('GET', '/ready');
    return plane.nexusd.log().split('\n').find((each) => each.includes('redis_connect_failed'));
  });
  const { server, reason } = JSON.parse(line);
  assert.deepEqual({ server, reason }, {
    server: plane.redis.socket, reason: 'Redis is not available: it cannot be reached (No such file or directory)',
  });
});
