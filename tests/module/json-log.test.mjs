// The log format nexus_json of conf/http.conf: valid JSON whatever clients send, and nothing in it that is a secret.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { assertNoSecrets } from '../support/canary.mjs';
import { repository } from '../support/paths.mjs';
import { newAgentKey } from '../support/records.mjs';
import { waitFor } from '../support/wait.mjs';
import { startEdge } from './edge-fixture.mjs';

const locations = ({ upstream }) => `
        location ~ "^/v1/token/(?<id>[^/]+)$" { nexus_api token; nexus_connection $id; nexus_trace on; }
        location /inject/ {
            nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;
            proxy_pass http://${upstream};
        }
        location / { return 200 open; }`;

async function start(t) {
  const edge = await startEdge(t, {
    locations,
    http: ({ dir }) => `include ${path.join(repository, 'conf/http.conf')}; access_log ${dir}/json.log nexus_json;`,
  });
  const file = path.join(edge.nginx.dir, 'json.log');
  return {
    edge,
    text: () => fs.readFileSync(file, 'latin1'),
    lines: async (count) => {
      await waitFor(`${count} lines in the log`, () => fs.existsSync(file) && fs.readFileSync(file, 'latin1').split('\n').length > count);
      const utf8 = new TextDecoder('utf-8', { fatal: true }).decode(fs.readFileSync(file));
      return utf8.trimEnd().split('\n').map((line) => JSON.parse(line));
    },
  };
}

test('a key that was pasted into the path is covered', async (t) => {
  const { edge, lines, text } = await start(t);
  const key = newAgentKey();
  await edge.get(`/v1/token/${key}?x=${key}`);
  const [line] = await lines(1);
  assert.match(line.path, new RegExp(`^/v1/token/${key.slice(0, -44)}[*]{44}$`));
  assertNoSecrets({ secret: key.slice(-43) }, { log: text(), errors: edge.nginx.errorLog() });
});

test('what a line says', async (t) => {
  const { edge, lines } = await start(t);
  const key = await edge.addAgent({ agent_id: 'agent-7', workspace_id: 'acme' });
  const id = await edge.addConnection({ workspace_id: 'acme', provider: 'calendar' });
  const unknown = randomUUID();
  await edge.get(`/v1/token/${id}?canary=1`, { headers: { 'x-api-key': key, traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' } });
  await edge.get('/inject/a/b', { headers: { 'x-api-key': key, 'x-nexus-connection': id } });
  await edge.get(`/v1/token/${unknown}`, { headers: { 'x-api-key': key } });
  await edge.get(`/v1/token/${id}`);
  const [first, second, third, fourth] = await lines(4);

  const { time, request_time: took, request_id: requestId, bytes, resolve_time: waited, token_ttl: ttl, ...rest } = first;
  assert.deepEqual(rest, {
    remote_addr: '127.0.0.1', method: 'GET', path: `/v1/token/${id}`, protocol: 'HTTP/1.1', status: 200, upstream_status: '', upstream_time: '',
    caller: 'agent-7', workspace: 'acme', connection: id, provider: 'calendar', state: 'active', source: 'l2', error: '',
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  });
  assert.ok(Date.parse(time) > 0 && took >= 0 && bytes > 100 && Number(ttl) > 3000);
  assert.match(waited, /^\d+\.\d{3}$/);
  assert.match(requestId, /^[0-9a-f]{32}$/);
  assert.deepEqual([second.source, second.upstream_status, second.resolve_time, second.trace_id], ['l1', '200', '0.000', '']);
  assert.deepEqual([third.status, third.error, third.source, third.connection], [404, 'connection_not_found', 'origin', unknown]);
  assert.deepEqual([fourth.status, fourth.error, fourth.caller], [401, 'missing_api_key', '']);
});

test('no secret, wherever a client puts it', async (t) => {
  const { edge, text, lines } = await start(t);
  const key = await edge.addAgent();
  const wrong = newAgentKey();
  const id = await edge.addConnection({ credentials: { access_token: 'canary-token-51' } });
  const canary = (place) => `canary-${place}-51`;
  const headers = {
    'x-nexus-connection': id, cookie: canary('cookie'), referer: `https://a/?x=${canary('referer')}`, 'user-agent': canary('agent'),
    'x-forwarded-for': canary('forwarded'), tracestate: `a=${canary('state')}`, host: `${canary('host')}.example`,
  };
  await edge.get(`/inject/x?code=${canary('query')}&${canary('flag')}`, { headers: { ...headers, 'x-nexus-key': key } });
  await edge.get(`/inject/x?key=${key}`, { headers: { ...headers, 'x-api-key': wrong } });
  await edge.get(`/v1/token/${id}`, { headers: { ...headers, authorization: `Bearer ${key}` } });
  await edge.get(`/connect/${canary('link')}?state=${canary('query')}`, { headers });
  await edge.get('/x', { headers: { ...headers, traceparent: canary('trace') }, body: canary('body'), method: 'POST' });
  assert.equal((await lines(5))[3].path, '/connect/*');
  for (const written of ['//connect/', '/%63onnect/', '/x/../connect%2F', '/connect/./']) {
    await edge.get(`${written}${canary('link')}`, { headers });
  }
  for (const { path } of (await lines(9)).slice(5)) {
    assert.match(path, /\/connect\/\*$/);
  }
  assertNoSecrets({
    key, wrong, token: 'canary-token-51',
    ...Object.fromEntries(['cookie', 'referer', 'agent', 'forwarded', 'state', 'host', 'query', 'flag', 'link', 'trace', 'body'].map((place) => [place, canary(place)])),
  }, { log: text() });
});

test('odd bytes and requests that are none', async (t) => {
  const { edge, lines } = await start(t);
  const send = (bytes) => new Promise((resolve) => {
    const socket = net.connect(edge.port, '127.0.0.1', () => socket.end(Buffer.from(bytes, 'latin1')));
    socket.on('error', () => {});
    socket.resume().on('close', resolve);
  });
  const odd = [
    'GET /a\xff\xfe"\\b?n\xe4me=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'GET /%00%ff%22?%22 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'GET /\x7f HTTP/1.0\r\n\r\n',
    'GET http://h/%22\xc3\x28 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'G"T / HTTP/1.1\r\n\r\n',
    '\xff\x00\x01\r\n\r\n',
    'GET /\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    `GET / HTTP/1.1\r\nHost: ${'x'.repeat(70_000)}\r\n\r\n`,
  ];
  for (const bytes of odd) {
    await send(bytes);
  }
  await edge.get('/last');
  const all = await waitFor('the last line', async () => {
    const now = await lines(1);
    return now.at(-1).path === '/last' ? now : undefined;
  });
  assert.equal(all[0].path, '/a%FF%FE"\\b');
  assert.ok(all.length > 5);
  for (const line of all) {
    assert.equal(typeof line.status, 'number', JSON.stringify(line));
    assert.match(line.path, /^[\x21-\x7e]*$/);
  }
});
