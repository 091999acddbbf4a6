// The authorization server of the refresh oracle, a program of its own: a token endpoint for each class of families
// (POST /CLASS/token), and a ledger of every redemption. The rules are families.mjs's; faults are the proxy's.
//
//   provider.mjs '{"port": N, "adminPort": N, "ledger": FILE, "classes": {...}, "seed": N}'
//
// The ledger has a line for each redemption: {family, class, seq, received, committed, outcome, answered}, times in Unix ms,
// `answered` null where the asker was gone. At the admin port: POST /families {class, count}, GET /families, GET /counts,
// POST /flush.
import http from 'node:http';
import { Families, isGood } from './families.mjs';
import { LineWriter } from './lines.mjs';
import { seededRandom } from './random.mjs';

const config = JSON.parse(process.argv[2]);
const families = new Families(config.classes, seededRandom(config.seed ?? 1));
const ledger = new LineWriter(config.ledger);
const counts = { redemptions: 0, good: 0, outcomes: {} };

// Once a second, so that what the driver has counted is soon in the file; it flushes before it reads.
setInterval(() => ledger.flush(), 1000).unref();

function redeem(request, response, body) {
  // Behind the proxy the time counts at which that had the request: what is between the two is the oracle's own slowness.
  const received = Number(request.headers['x-received-at'] ?? Date.now());
  const { outcome, family, seq, answer } = families.redeem(new URLSearchParams(body).get('refresh_token'), received);
  const entry = {
    family: family?.id ?? null, class: family?.className ?? null, seq: seq ?? null, received, committed: Date.now(), outcome, answered: null,
  };
  counts.redemptions += 1;
  counts.outcomes[outcome] = (counts.outcomes[outcome] ?? 0) + 1;
  response.once('close', () => {
    if (response.writableFinished) {
      entry.answered = Date.now();
      if (isGood(outcome)) {
        counts.good += 1;
        family.lastGoodAt = entry.received;
      }
    }
    ledger.write(entry);
  });
  reply(response, answer ? 200 : 400, answer ?? { error: 'invalid_grant' });
}

const admin = {
  'POST /families': (body) => families.create(body.class, body.count),
  'GET /families': () => families.all.map(({ id, className, seq, revokedAt, lastGoodAt }) => ({ family: id, class: className, seq, revokedAt, lastGoodAt })),
  'GET /counts': () => counts,
  'POST /flush': () => {
    ledger.flush();
    return counts;
  },
};

function reply(response, status, value) {
  const text = JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function listen(port, handler) {
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (text) => { body += text; });
    request.on('end', () => handler(request, response, body));
    request.on('error', () => {});
  });
  // An idle connection that is closed just as a request comes would be a fault that nobody planned.
  Object.assign(server, { keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 });
  server.listen({ port, host: '127.0.0.1', backlog: 4096 });
}

listen(config.port, redeem);
listen(config.adminPort, (request, response, body) => {
  const operation = admin[`${request.method} ${request.url}`];
  try {
    reply(response, operation ? 200 : 404, operation ? operation(body ? JSON.parse(body) : {}) : {});
  } catch (error) {
    reply(response, 400, { message: error.message });
  }
});
