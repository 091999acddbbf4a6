// Ten thousand random requests, signed by the edge's code and by an independent signer, @smithy/signature-v4.
//
// Where the two could differ, the requests keep to what the specification says clearly: smithy takes an S3 path as it
// stands, ours decodes and encodes it but for its slashes (Amazon S3 API reference: "do not encode the forward slash of an
// object key"), so that S3 paths here are encoded as AWS asks and have no %2F; smithy leaves headers out that it
// thinks may change on the way (Authorization, User-Agent, Proxy-*, ...), of which there are none here.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { SignatureV4 } from '@smithy/signature-v4';
import { seededRandom } from '../refresh/random.mjs';
import { built } from '../support/paths.mjs';
import { mustRun } from '../support/process.mjs';

const REQUESTS = 10_000;
const ACCESS_KEY = 'AKIDEXAMPLE';
const NAMES = ['content-type', 'X-Amz-Meta-One', 'x-amz-target', 'X-Custom', 'range', 'if-none-match', 'accept', 'Content-MD5'];
const SERVICES = ['s3', 'execute-api', 'dynamodb', 'sts', 'es'];
const BYTES = [...'abzAZ019-._~ !"#$&\'()*+,/:;=?@[]%|{}^`\\<>', 'é', '漢', '😀', '\u0001'];

/** What smithy asks of a hash: by a key, an HMAC. */
class Sha256 {
  constructor(key) {
    this.hash = key === undefined ? createHash('sha256') : createHmac('sha256', key);
  }

  update(bytes) {
    this.hash.update(bytes);
  }

  async digest() {
    return this.hash.digest();
  }
}

const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function drawRequest(random) {
  const below = (n) => Math.floor(random() * n);
  const one = (list) => list[below(list.length)];
  const text = (most) => Array.from({ length: below(most + 1) }, () => one(BYTES)).join('');
  const service = one(SERVICES);
  const segments = Array.from({ length: below(5) }, () => (random() < 0.15 ? one(['.', '..', '']) : encode(service === 's3' ? text(6).replaceAll('/', '') : text(6))));
  const path = `/${segments.join('/')}${random() < 0.3 ? '/' : ''}`;
  const query = {};
  for (let i = below(5); i > 0; i--) {
    const name = text(5) || 'a';
    if (name !== '__proto__') {
      query[name] = random() < 0.3 ? [text(4), text(4), text(4)] : text(6);
    }
  }
  // As a client may write them: encoded in one way or another, in any order.
  const loosely = (value) => (random() < 0.5 ? encode(value) : encodeURIComponent(value).replace(/%20/g, '+'));
  const pairs = Object.entries(query).flatMap(([name, values]) => [values].flat().map((value) => `${loosely(name)}=${loosely(value)}`));
  pairs.sort(() => random() - 0.5);

  const headers = { host: `${one(['a', 'b.c'])}.example.com${random() < 0.2 ? ':8443' : ''}` };
  for (const name of NAMES) {
    if (random() < 0.4) {
      headers[name] = one(['', 'plain', '  two  spaces ', '\ttab\tand\t', 'a=b; c="d e"', 'x'.repeat(below(80))]);
    }
  }
  const date = new Date(Date.UTC(2000 + below(60), below(12), 1 + below(28), below(24), below(60), below(60)));
  return {
    method: one(['GET', 'PUT', 'POST', 'DELETE', 'HEAD']), path, query, target: `${path}${pairs.length > 0 ? `?${pairs.join('&')}` : ''}`,
    headers, body: text(20), service, region: one(['us-east-1', 'eu-central-1', 'cn-north-1']), secret: `s${encode(text(30))}`,
    session: random() < 0.3 ? encode(text(30)) : undefined, date,
  };
}

async function signedBySmithy(request) {
  const signer = new SignatureV4({
    credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: request.secret, sessionToken: request.session },
    region: request.region, service: request.service, sha256: Sha256, uriEscapePath: request.service !== 's3',
  });
  const { headers } = await signer.sign({
    method: request.method, protocol: 'https:', hostname: request.headers.host, path: request.path, query: request.query, headers: request.headers, body: request.body,
  }, { signingDate: request.date });
  return headers;
}

test('ten thousand random requests have the signatures that another signer gives them', async () => {
  const random = seededRandom(20260);
  const requests = Array.from({ length: REQUESTS }, () => drawRequest(random));
  const theirs = await Promise.all(requests.map(signedBySmithy));
  const lines = requests.map((request, i) => {
    const { authorization, ...signed } = theirs[i];
    assert.ok(authorization.startsWith('AWS4-HMAC-SHA256 '));
    return JSON.stringify({
      method: request.method, target: request.target, headers: Object.entries(signed).map(([name, value]) => `${name}: ${value}`),
      payload_hash: signed['x-amz-content-sha256'], region: request.region, service: request.service, date: signed['x-amz-date'],
      access_key: ACCESS_KEY, secret_key: request.secret,
    });
  });
  const output = await mustRun(built('tests/support/nexus-sign'), [], { input: `${lines.join('\n')}\n`, timeout: 60_000 });
  const ours = output.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.equal(ours.length, REQUESTS);
  const different = ours.map((one, i) => i).filter((i) => ours[i].authorization !== theirs[i].authorization);
  assert.deepEqual(different.slice(0, 3).map((i) => ({ line: JSON.parse(lines[i]), ours: ours[i], theirs: theirs[i].authorization })), []);
});
