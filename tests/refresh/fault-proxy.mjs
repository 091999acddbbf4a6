// Stands between broker and provider and spoils exchanges by plan (fault-plan.mjs), a program of its own. It understands
// requests and answers, so that "before the provider committed" and "after" are what they say.
//
//   fault-proxy.mjs '{"port": N, "adminPort": N, "upstreamPort": N, "log": FILE, "graced": [CLASS], "plan": {...}}'
//
// The log has a line for each request that came in whole: {class, family, seq, received, fault, forwarded, status, answered,
// cut, gone}, times in Unix ms, null for what did not happen: `answered` the whole answer was handed over, `cut` we cut the
// connection, `gone` the asker did. At the admin port: POST /faults {on}, POST /refuse {ms}, POST /slow {ms, forMs}, GET
// /counts, POST /flush (which logs what is still open, too).
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { readToken } from './families.mjs';
import { FaultPlan } from './fault-plan.mjs';
import { LineWriter } from './lines.mjs';

const config = JSON.parse(process.argv[2]);
const plan = new FaultPlan(config.plan);
const graced = new Set(config.graced);
const log = new LineWriter(config.log);
const agent = new http.Agent({ keepAlive: true });
const open = new Set();
const counts = { exchanges: 0, faults: {} };
let faultsOn = false;
let slow = { ms: 0, until: 0 };

function forward(request, body, received) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request({
      agent, host: '127.0.0.1', port: config.upstreamPort, path: request.url, method: request.method,
      headers: {
        'content-type': request.headers['content-type'] ?? 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body),
        'x-received-at': String(received),
      },
    }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks) }));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function exchange(request, response, body) {
  const { id, seq } = readToken(new URLSearchParams(body).get('refresh_token'));
  const className = request.url.split('/')[1];
  const { fault, ms, retryAfterS } = faultsOn ? plan.next({ graced: graced.has(className) }) : { fault: 'none' };
  const entry = {
    class: className, family: id, seq, received: Date.now(), fault, forwarded: null, status: null, answered: null, cut: null, gone: null,
  };
  counts.exchanges += 1;
  counts.faults[fault] = (counts.faults[fault] ?? 0) + 1;
  open.add(entry);
  response.once('close', () => {
    if (response.writableFinished) {
      entry.answered = Date.now();
    } else if (entry.cut === null) {
      entry.gone = Date.now();
    }
    if (open.delete(entry)) {
      log.write(entry);
    }
  });

  const send = async () => {
    entry.forwarded = Date.now();
    const answer = await forward(request, body, fault === 'late' ? entry.forwarded : entry.received);
    entry.status = answer.status;
    // The answer is slow, not the request: one that comes late may come behind its own repetition (fault-plan.mjs).
    if (entry.forwarded < slow.until) {
      await delay(slow.ms);
    }
    return answer;
  };
  const cut = () => {
    entry.cut = Date.now();
    request.socket.destroy();
  };
  const answerWith = (answer, headers = {}) => {
    if (!response.destroyed) {
      response.writeHead(answer.status, { 'content-type': 'application/json', 'content-length': answer.body.length, ...headers });
      response.end(answer.body);
    }
  };

  switch (fault) {
    case 'cut_before': return cut();
    case 'cut_after': await send(); return cut();
    case 'hang_before': return undefined;
    case 'hang_after': await send(); return undefined;
    case 'throttle': return answerWith(refusal(429), { 'retry-after': String(retryAfterS) });
    case 'unavailable': return answerWith(refusal(503));
    case 'late': await delay(ms); return answerWith(await send());
    case 'slow':
    case 'delay': {
      const answer = await send();
      await delay(ms);
      return answerWith(answer);
    }
    default: return answerWith(await send());
  }
}

const refusal = (status) => ({ status, body: Buffer.from('{"error":"temporarily_unavailable"}') });

function makeServer(handler) {
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (text) => { body += text; });
    request.on('end', () => Promise.resolve(handler(request, response, body)).catch(() => request.socket.destroy()));
    request.on('error', () => {});
  });
  // Connections are kept, so that a cut meets one that was used before: clients like to repeat a request by themselves then.
  return Object.assign(server, { keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 });
}

const server = makeServer(exchange);
const listen = () => new Promise((resolve) => {
  server.listen({ port: config.port, host: '127.0.0.1', backlog: 4096 }, resolve);
});

const admin = {
  'POST /faults': ({ on }) => { faultsOn = on; },
  // Who comes meanwhile is refused by the kernel; exchanges that are under way end as they would have.
  'POST /refuse': async ({ ms }) => {
    server.close();
    server.closeIdleConnections();
    await delay(ms);
    await listen();
  },
  'POST /slow': ({ ms, forMs }) => { slow = { ms, until: Date.now() + forMs }; },
  'GET /counts': () => ({ ...counts, open: open.size }),
  'POST /flush': () => {
    for (const entry of open) {
      log.write(entry);
    }
    open.clear();
    log.flush();
  },
};

await listen();
makeServer(async (request, response, body) => {
  const operation = admin[`${request.method} ${request.url}`];
  const answer = operation ? await operation(body ? JSON.parse(body) : {}) : undefined;
  response.writeHead(operation ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer ?? {}));
}).listen(config.adminPort, '127.0.0.1');
