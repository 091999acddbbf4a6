// W3C Trace Context: what goes on to the upstream and to the control plane, and what is logged.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { exchange } from '../support/raw-http.mjs';
import { waitFor } from '../support/wait.mjs';
import { startEdge } from './edge-fixture.mjs';

const VALID = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const INVALID = [
  '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
  '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
  '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01',
  'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  `${VALID}-more`, 'x', '',
];

const locations = ({ upstream }) => `
        nexus_allow_private 127.0.0.0/8;
        nexus_connection $http_x_nexus_connection;
        location /pass/ { nexus_inject auto; proxy_pass http://${upstream}; }
        location /on/ { nexus_inject auto; nexus_trace on; proxy_pass http://${upstream}; }
        location /off/ { nexus_inject auto; nexus_trace off; proxy_pass http://${upstream}; }
        location /unguarded/ { proxy_pass http://${upstream}; }
        location /token/ { nexus_api token; nexus_trace on; }`;

async function start(t) {
  const edge = await startEdge(t, {
    locations,
    http: ({ dir }) => `log_format traces '$request_uri "$nexus_trace_id"'; access_log ${dir}/traces.log traces;`,
  });
  const headers = { 'x-nexus-key': await edge.addAgent(), 'x-nexus-connection': await edge.addConnection() };
  return {
    edge,
    ask: async (path, more = {}) => {
      const answer = await edge.get(path, { headers: { ...headers, ...more } });
      assert.equal(answer.status, 200, answer.text);
      return { parent: edge.upstream.header('traceparent'), state: edge.upstream.header('tracestate') };
    },
    logged: (uri) => waitFor(`the log line of ${uri}`, () => fs.readFileSync(path.join(edge.nginx.dir, 'traces.log'), 'utf8')
      .split('\n').find((line) => line.startsWith(`${uri} `))?.match(/"(.*)"/)[1]),
  };
}

test('a valid trace goes on as it came, with its state', async (t) => {
  const { ask, logged } = await start(t);
  for (const kind of ['pass', 'on', 'off', 'unguarded']) {
    const seen = await ask(`/${kind}/valid`, { traceparent: VALID, tracestate: 'rojo=1,congo=2' });
    assert.deepEqual(seen, { parent: VALID, state: 'rojo=1,congo=2' }, kind);
    assert.equal(await logged(`/${kind}/valid`), '4bf92f3577b34da6a3ce929d0e0e4736');
  }
  const later = 'cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-brings';
  assert.equal((await ask('/pass/later', { traceparent: later })).parent, later);
});

test('an invalid one does not, nor does its state; "on" begins a new trace', async (t) => {
  const { ask, logged } = await start(t);
  const made = new Set();
  for (const [i, value] of INVALID.entries()) {
    assert.deepEqual(await ask(`/pass/${i}`, { traceparent: value, tracestate: 'a=1' }), { parent: undefined, state: undefined }, value);
    const { parent, state } = await ask(`/on/${i}`, { traceparent: value, tracestate: 'a=1' });
    assert.match(parent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.equal(state, undefined);
    assert.equal(await logged(`/on/${i}`), parent.split('-')[1]);
    made.add(parent);
    assert.equal((await ask(`/off/${i}`, { traceparent: value })).parent, value);
  }
  assert.equal(made.size, INVALID.length);
});

test('several of them are none; a state alone is none', async (t) => {
  const { ask } = await start(t);
  assert.equal((await ask('/pass/two', { traceparent: [VALID, VALID] })).parent, undefined);
  assert.deepEqual(await ask('/pass/state', { tracestate: 'a=1' }), { parent: undefined, state: undefined });
});

test('without one: nothing by default, a new trace for each request with "on"', async (t) => {
  const { ask, logged } = await start(t);
  assert.equal((await ask('/pass/none')).parent, undefined);
  assert.equal(await logged('/pass/none'), '-');
  const traces = [];
  for (let i = 0; i < 70; i++) {   // more than random bytes are fetched for at once
    traces.push((await ask(`/on/none/${i}`)).parent);
  }
  assert.equal(new Set(traces.map((parent) => parent.split('-')[1])).size, traces.length);
});

test('the control plane is asked within the same trace, and without the caller\'s other headers', async (t) => {
  const { edge } = await start(t);
  const key = await edge.addAgent();
  const ask = async (more) => {
    const before = edge.origin.requests.length;
    await edge.get('/token/', { headers: { 'x-api-key': key, 'x-nexus-connection': randomUUID(), cookie: 'canary=1', ...more } });
    assert.equal(edge.origin.requests.length, before + 1);
    return edge.origin.requests.at(-1).headers;
  };
  const passed = await ask({ traceparent: VALID, tracestate: 'a=1' });
  assert.equal(passed.traceparent, VALID);
  assert.equal(passed.tracestate, 'a=1');
  assert.equal(passed.cookie, undefined);
  assert.match((await ask({})).traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
});

test('a request without headers, because nginx has refused its first line, gets none', async (t) => {
  const edge = await startEdge(t, {
    allow: /client sent/,
    locations: ({ upstream }) => `
        error_page 400 = /guarded/;
        location /guarded/ { nexus_auth api_key; nexus_trace on; proxy_pass http://${upstream}; }`,
  });
  const workers = edge.nginx.workers();
  const { answers } = await exchange(edge.port, Buffer.from('get / HTTP/1.1\r\nHost: a\r\n\r\n'));
  assert.deepEqual(answers.map(({ status }) => status), [401]);
  assert.deepEqual(edge.nginx.workers(), workers);
});
