// Redis in trouble: stopped, killed, slow, talking nonsense. What callers see, and that the edge recovers by itself.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { cleanup } from '../support/cleanup.mjs';
import { accessTokenOf, sourceOf, startEdge } from '../support/edge.mjs';
import { testConfig } from '../support/nginx.mjs';
import { findPort } from '../support/ports.mjs';
import { startRedis } from '../support/redis.mjs';
import { waitFor } from '../support/wait.mjs';

/** A record that only the control plane has. */
async function atOrigin(edge) {
  const record = await edge.record();
  edge.controlPlane.put(record.id, record.sealed);
  return record;
}

async function recovers(edge) {
  await waitFor('Redis to be asked again', async () => {
    const { id } = await edge.write({}, { silent: true });
    return sourceOf(await edge.token(id)) === 'l2';
  });
}

test('Redis stopped: cached tokens go on, others come from the control plane in time', async (t) => {
  const edge = await startEdge(t, { redis: 'timeout=50ms' });
  await edge.subscribed();
  const cached = await edge.write();
  await edge.token(cached.id);
  edge.redis.pause();

  const began = performance.now();
  const { id, token } = await atOrigin(edge);
  const answer = await edge.token(id);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(accessTokenOf(answer), token);
  assert.ok(performance.now() - began < 1000);
  for (let i = 0; i < 20; i++) {
    assert.equal(accessTokenOf(await edge.token(cached.id)), cached.token);
  }
  edge.redis.resume();
  await recovers(edge);
});

test('Redis stopped for long: the breaker opens, unverified entries go on', async (t) => {
  const edge = await startEdge(t, { redis: 'timeout=50ms' });
  await edge.subscribed();
  const cached = await edge.write();
  await edge.token(cached.id);
  edge.redis.pause();

  // Without its subscription the entry is asked for again after five seconds, in vain, and goes on.
  const stale = await waitFor('the entry to be unverified', async () => {
    const answer = await edge.token(cached.id);
    assert.equal(answer.status, 200);
    return sourceOf(answer) === 'stale' && answer;
  }, { timeout: 15_000 });
  assert.equal(accessTokenOf(stale), cached.token);
  assert.equal(edge.controlPlane.calls.length, 0);

  // Soon, requests do not wait for a time-out each.
  await waitFor('the breaker to open', async () => {
    const { id } = await atOrigin(edge);
    const began = performance.now();
    assert.equal((await edge.token(id)).status, 200);
    return performance.now() - began < 45;
  }, { timeout: 2000 });

  edge.redis.resume();
  await recovers(edge);
  await waitFor('the entry to be verified again', async () => sourceOf(await edge.token(cached.id)) === 'l1');
});

test('Redis killed and started again', async (t) => {
  const edge = await startEdge(t, { workers: 2 });
  await edge.subscribed();
  const cached = await edge.write();
  await edge.token(cached.id);
  edge.controlPlane.put(cached.id, cached.sealed);
  await edge.redis.kill();

  const { id, token } = await atOrigin(edge);
  assert.equal(accessTokenOf(await edge.token(id)), token);
  assert.equal(accessTokenOf(await edge.token(cached.id)), cached.token);

  await edge.redis.restart();
  await edge.subscribed();
  await recovers(edge);
  // The restarted Redis is empty: what is here is verified with the control plane.
  assert.equal(accessTokenOf(await edge.token(cached.id)), cached.token);
});

test('an event that was missed is made up for after the subscription is back', async (t) => {
  const edge = await startEdge(t);
  await edge.subscribed();
  const { id } = await edge.write({ generation: 1 });
  await edge.token(id);
  await edge.redis.client.client('KILL', 'TYPE', 'pubsub');
  const newer = await edge.write({ connection_id: id, generation: 2 });   // nobody listens, or somebody does again
  await edge.subscribed();
  await waitFor('the newer token', async () => accessTokenOf(await edge.token(id)) === newer.token, { timeout: 4000 });
});

/** A server that speaks to each connection by `script(socket, line)`; the greeting is answered unless `mute`. */
async function fakeRedis(t, script, { greet = true } = {}) {
  const port = await findPort();
  const sockets = new Set();
  const fake = { port, url: `redis://127.0.0.1:${port}`, connections: 0 };
  const server = net.createServer((socket) => {
    fake.connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (data) => {
      for (const command of commandsOf(data.toString('latin1'))) {
        if (greet && command[0] === 'PING') {
          socket.write('+PONG\r\n');
        } else {
          script(socket, command);
        }
      }
    });
  });
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  cleanup(t, () => new Promise((resolve) => {
    sockets.forEach((socket) => socket.destroy());
    server.close(resolve);
  }));
  return fake;
}

function commandsOf(text) {
  return [...text.matchAll(/\*(\d+)\r\n((?:\$\d+\r\n[^\r]*\r\n)+)/g)]
    .map(([, , body]) => [...body.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map(([, word]) => word));
}

const onGet = (answer) => (socket, command) => {
  if (command[0] === 'GET') {
    answer(socket, command[1]);
  }
};

const faults = {
  'garbage': onGet((socket) => socket.write('what is this?\r\n')),
  'a status where bytes were due': onGet((socket) => socket.write('+OK\r\n')),
  'an integer': onGet((socket) => socket.write(':5\r\n')),
  'an array': onGet((socket) => socket.write('*2\r\n$1\r\na\r\n$1\r\nb\r\n')),
  'a huge array': onGet((socket) => socket.write('*1000000000\r\n')),
  'nested arrays': onGet((socket) => socket.write('*1\r\n*1\r\n*1\r\n*1\r\n$1\r\na\r\n')),
  'a negative length': onGet((socket) => socket.write('$-7\r\n')),
  'an error': onGet((socket) => socket.write('-ERR no\r\n')),
  'not authenticated': onGet((socket) => socket.write('-NOAUTH Authentication required.\r\n')),
  'half an answer, then the end': onGet((socket) => socket.write('$100\r\nabc', () => socket.destroy())),
  'the end': onGet((socket) => socket.destroy()),
  'silence': onGet(() => {}),
  'an endless answer': onGet((socket) => {
    socket.write('$2147483647\r\n');
    const chunk = Buffer.alloc(1 << 20);
    // After an error the callback comes before the socket is marked as destroyed: go by the error.
    const more = (error) => !error && !socket.destroyed && socket.write(chunk, more);
    more();
  }),
  'two answers to one question': onGet((socket) => socket.write('$-1\r\n$3\r\nabc\r\n')),
  'an answer byte by byte': onGet((socket) => {
    const bytes = [...'$-1\r\n'];
    const timer = setInterval(() => (bytes.length === 0 || socket.destroyed
      ? clearInterval(timer) : socket.write(bytes.shift())), 1);
  }),
};

for (const [what, script] of Object.entries(faults)) {
  test(`Redis answers with ${what}`, async (t) => {
    const fake = await fakeRedis(t, script);
    const edge = await startEdge(t, { redisUrl: fake.url, redis: 'timeout=100ms' });
    for (let i = 0; i < 5; i++) {
      const { id, token } = await atOrigin(edge);
      const answer = await edge.token(id);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(accessTokenOf(answer), token);
    }
  });
}

test('late answers are dropped, not given to the next question', async (t) => {
  const edge0 = await startEdge(t);   // only for its key's records
  const wrong = await edge0.record();
  const fake = await fakeRedis(t, onGet((socket) => {
    setTimeout(() => socket.write(Buffer.concat([
      Buffer.from(`$${wrong.sealed.length}\r\n`), wrong.sealed, Buffer.from('\r\n')])), 120);
  }));
  const edge = await startEdge(t, { redisUrl: fake.url, redis: 'timeout=50ms' });
  for (let i = 0; i < 10; i++) {
    const { id, token } = await atOrigin(edge);
    assert.equal(accessTokenOf(await edge.token(id)), token);
  }
});

test('a slow server is left alone after a few time-outs, and asked again once it is quick', async (t) => {
  let late = true;
  const slow = (reply) => (socket) => setTimeout(() => socket.write(reply), late ? 150 : 0);
  const fake = await fakeRedis(t, (socket, command) => slow(command[0] === 'PING' ? '+PONG\r\n' : '$-1\r\n')(socket), { greet: false });
  const edge = await startEdge(t, { redisUrl: fake.url, redis: 'timeout=100ms connect_timeout=2s' });
  await waitFor('the connection', async () => await edge.metric('nexus_redis_connects_total') >= 1);
  for (let i = 0; i < 6; i++) {
    await edge.token((await atOrigin(edge)).id);
  }
  assert.equal(await edge.metric('nexus_redis_timeouts_total'), 3);
  assert.equal(await edge.metric('nexus_redis_breaker_opens_total'), 1);
  assert.ok(await edge.metric('nexus_redis_refused_total') >= 3);
  late = false;
  await waitFor('the breaker to close', async () => {
    const before = await edge.metric('nexus_redis_refused_total');
    await edge.token((await atOrigin(edge)).id);
    return await edge.metric('nexus_redis_refused_total') === before;
  });
});

test('a server that never greets is tried less and less often', async (t) => {
  const fake = await fakeRedis(t, () => {}, { greet: false });
  const edge = await startEdge(t, { redisUrl: fake.url, redis: 'connect_timeout=20ms' });
  const { id, token } = await atOrigin(edge);
  assert.equal(accessTokenOf(await edge.token(id)), token);
  await waitFor('several attempts', () => fake.connections >= 6);
  const before = fake.connections;
  const until = performance.now() + 1000;
  await waitFor('a second to pass', () => performance.now() > until);
  assert.ok(fake.connections - before <= 8, `${fake.connections - before} attempts in a second`);
});

test('AUTH, SELECT and names', async (t) => {
  const redis = await startRedis(t, { tcp: true });
  await redis.client.call('ACL', 'SETUSER', 'edge', 'on', '>s3cret', '~*', '&*', '+@all');
  const guarded = await startEdge(t, {
    redisUrl: `redis://localhost:${redis.port}/3`,
    redis: 'user=edge password=file:redis.password',
    files: { 'redis.password': 's3cret\n' },
  });
  const record = await guarded.record();
  await redis.client.select(3);
  await redis.set(record.redisKey, record.sealed);
  const answer = await waitFor('the guarded Redis', async () => {
    const got = await guarded.token(record.id);
    return got.status === 200 && got;
  });
  assert.equal(sourceOf(answer), 'l2');
  assert.ok(!guarded.nginx.errorLog().includes('s3cret'));
});

test('values that cannot work are refused with file and line', async (t) => {
  const url = 'redis://127.0.0.1:6379';
  const tls = 'rediss://127.0.0.1:6379';
  const cases = [
    ['http://127.0.0.1', /redis:\/\/ or unix:/],
    ['redis://127.0.0.1,127.0.0.2', /several hosts/],
    ['redis://user:pw@127.0.0.1', /no credentials/],
    ['redis://127.0.0.1/x', /database/],
    ['redis://127.0.0.1/99999', /database/],
    ['redis://', /host/],
    ['redis://no-such-host.invalid', /host not found|no-such-host/],
    ['redis://127.0.0.1:99999', /port/],
    ['unix:relative', /unix:\/path/],
    [`${url} timeout=0`, /timeout/],
    [`${url} timeout=2m`, /timeout/],
    [`${url} timeout=soon`, /timeout/],
    [`${url} password=clear-text`, /file:|env:|reference/],
    [`${url} password=file:/does/not/exist`, /exist|No such file/],
    [`${url} password=env:NEXUS_NOT_SET`, /NEXUS_NOT_SET/],
    [`${url} user=me`, /password/],
    [`${url} colour=red`, /colour/],
    [`${url} ca=/etc/ca.pem`, /for TLS/],
    [`${url} verify=off`, /for TLS/],
    [`${url} sentinel_password=env:PATH`, /sentinel:\/\/ only/],
    [`${tls} verify=maybe`, /on or off/],
    [`${tls} ca=/does/not/exist`, /does\/not\/exist/],
    [`${tls} certificate=/etc/c.pem`, /belong together/],
    [`${tls} certificate=/does/not/exist certificate_key=/etc/k.pem`, /does\/not\/exist/],
    [`${tls} ca=/etc/ca.pem verify=off`, /one of them/],
  ];
  for (const [value, expected] of cases) {
    const { ok, message } = await testConfig(t, {
      config: ({ globals, http }) => `${globals}\nevents {}\nhttp {\n${http}\nnexus_redis ${value};\n}`,
    });
    assert.equal(ok, false, value);
    assert.match(message, expected, value);
    assert.match(message, /nginx\.conf:\d+/, value);
  }
});
