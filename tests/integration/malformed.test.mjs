// Requests that nobody should send, made from the API documents route by route, to nexusd, through the nginx in front of it,
// and to the gateway: none is answered with a 500, none ends or hangs a process, each answer is a documented one, and what the
// schemas refuse is refused.
import assert from 'node:assert/strict';
import test from 'node:test';
import { problemsWith } from '../support/contract.mjs';
import { request } from '../support/http.mjs';
import { startLine } from '../support/line.mjs';
import { casesOf, transportCasesOf } from '../support/malformed.mjs';
import { operations } from '../support/openapi.mjs';
import { exchange } from '../support/raw-http.mjs';

const AT_ONCE = 24;
const STEP = 20;   // each case of HTTP itself is used on every 20th operation
const SAMPLE = 4;  // what nginx only passes on is sent to it in part, and so is what the second database sees

for (const database of ['sqlite', 'postgres']) {
  test(`malformed requests (${database})`, async (t) => {
    const line = await startLine(t, { database, logLevel: 'info', allow: /client sent|client intended/ });
    const fixture = await makeFixture(line);
    const before = [line.nexusd.program.pid, ...line.site.workers()];

    const failures = [];
    const counts = { requests: 0, answers: 0 };
    for (const target of targetsOf(line)) {
      const step = database === 'sqlite' && target.name === 'nexusd' ? SAMPLE / 2 : SAMPLE;
      const cases = target.operations.flatMap((operation, index) => [
        ...casesOf(operation, fixture).filter((_, i) => i % step === index % step),
        ...transportCasesOf(operation, fixture, { index, step: STEP }),
      ]);
      counts[target.name] = cases.length;
      counts.requests += cases.length;
      const started = performance.now();
      await inParallel(cases, async (one) => {
        const answered = await send(target, one, failures);
        counts.answers += answered;
      });
      t.diagnostic(`${target.name}: ${cases.length} requests in ${Math.round(performance.now() - started)} ms`);
    }

    t.diagnostic(`malformed requests: ${JSON.stringify(counts)}`);
    assert.deepEqual(failures, [], `${failures.length} failures`);
    assert.ok(counts.nexusd >= 300 && counts.front >= 300);
    assert.ok(counts.answers > counts.requests * 0.9, 'most were answered');
    assert.deepEqual([line.nexusd.program.pid, ...line.site.workers()], before, 'the same processes');
    assert.equal(line.nexusd.program.exited, false);
    assert.equal((await request(`${line.nexusd.url}/ready`)).status, 200);
    assert.equal((await line.token(fixture.agent, fixture.connection)).status, 200, 'and everything still works');
  });
}

async function makeFixture(line) {
  const provider = await line.createProvider({
    name: 'demo', auth_type: 'api_key', issuer: '', enable_discovery: false, auth_header: '', client_id: '', client_secret: '', scopes: [],
  });
  const agent = await line.createAgent({ workspace: 'attacked' });   // none that the documents' examples delete
  const connection = await line.capture(agent, 'demo', { api_key: 'example-only' });
  const keys = { control: line.keys.API_KEY, edge: line.keys.EDGE_KEY, gateway: agent.key };
  const ids = { ConnectionId: connection, ProviderId: provider, ProviderName: 'demo', AgentId: agent.id };
  return { agent, connection, key: (access) => keys[access], id: (component) => ids[component] };
}

function targetsOf(line) {
  const all = [...operations('broker.yaml'), ...operations('gateway.yaml').filter((one) => one.path.startsWith('/v1/'))];
  return [
    { name: 'nexusd', port: line.nexusd.port, operations: all },
    { name: 'front', port: portOf(line.site.front), operations: all },
    { name: 'gateway', port: portOf(line.site.gateway), operations: all.filter((one) => one.path.startsWith('/v1/')), isEdge: true },
  ];
}

const portOf = (url) => Number(new URL(url).port);

async function inParallel(items, work) {
  const queue = items[Symbol.iterator]();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const item of queue) {
      await work(item);
    }
  }));
}

/** Sends one request and judges what comes back; returns the number of answers. */
async function send(target, one, failures) {
  const { answers, ended } = await exchange(target.port, one.bytes ?? toBytes(one), { method: one.method, close: one.close });
  const fail = (text) => failures.push(`${target.name}: ${one.method.slice(0, 20)} ${one.target.slice(0, 80)} (${one.name}): ${text}`);
  if (!ended) {
    fail('no answer and no end in time');
  }
  if (answers.length === 0 && one.expect !== 'any') {
    fail('closed without an answer');
  }
  if (one.alone && answers.length > 1) {
    fail(`${answers.length} answers: ${answers.map(({ status }) => status)}`);
  }
  for (const answer of answers) {
    judge(target, one, answer, fail);
  }
  return Math.min(answers.length, 1);
}

function judge(target, one, answer, fail) {
  // An edge reads no query, normalises paths as nginx does, and takes the same key twice.
  const expected = target.isEdge && /^(path|query|credentials: the same)/.test(one.name) ? 'answered' : one.expect;
  if (answer.status >= 500 || answer.status === 0) {
    fail(`answered ${answer.status}: ${answer.text.slice(0, 200)}`);
  }
  if (expected === 'refused' && (answer.status < 400 || answer.status > 499)) {
    fail(`accepted with ${answer.status}: ${answer.text.slice(0, 200)}`);
  }
  if (!answer.whole) {
    fail('the answer is cut off');
  }
  const problems = pathsOf(target, one).map((path) => problemsWith(`http://127.0.0.1:${target.port}`, one.method, path, answer));
  if (problems.every(({ length }) => length > 0)) {
    fail(`answered ${answer.status}, which is not as documented: ${problems[0].join('; ')}: ${answer.text.slice(0, 200)}`);
  }
}

// What an odd target names is in the eye of the server.
function pathsOf(target, one) {
  const isPlain = /^\/[!-~]*$/.test(one.target);
  const path = one.bytes === undefined && isPlain ? one.target.split('?')[0] : one.path;
  return target.isEdge ? [path, path.replaceAll(/\/\/+/g, '/')] : [path];
}

function toBytes({ method, target, headers, body }) {
  const hasBody = body !== undefined;
  const lines = [
    `${method} ${target} HTTP/1.1`,
    'Host: localhost',
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(hasBody ? [`Content-Length: ${body.length}`] : []),
    'Connection: close',
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body ?? Buffer.alloc(0)]);
}
