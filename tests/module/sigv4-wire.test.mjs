// Random requests through a signing location: the upstream takes the bytes that reach it and computes the signature from
// them once more, by the specification alone. Paths, queries and headers are written as clients write them, well or badly;
// nginx rewrites some of them, keeps connections, and repeats requests at another server.
// NEXUS_SIGV4_REQUESTS says how many (5000); 100000 take about a minute.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { seededRandom } from '../refresh/random.mjs';
import { startEdge } from './edge-fixture.mjs';
import { sendAll, startJudge } from './wire-fixture.mjs';

const REQUESTS = Number(process.env.NEXUS_SIGV4_REQUESTS ?? 5000);
const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const encode = (bytes) => [...bytes].map((b) => (/[A-Za-z0-9\-._~]/.test(String.fromCharCode(b)) ? String.fromCharCode(b) : `%${b.toString(16).toUpperCase().padStart(2, '0')}`)).join('');

/** The bytes that a percent-encoded text stands for. */
function decode(text, plusIsBlank) {
  const bytes = [];
  for (let i = 0; i < text.length; i++) {
    if (/^%[0-9A-Fa-f]{2}$/.test(text.slice(i, i + 3))) {
      bytes.push(parseInt(text.slice(i + 1, i + 3), 16));
      i += 2;
    } else {
      bytes.push(plusIsBlank && text[i] === '+' ? 0x20 : text.charCodeAt(i));
    }
  }
  return Buffer.from(bytes);
}

function canonicalPath(path, service) {
  if (service === 's3') {
    return path.split('/').map((segment) => encode(decode(segment, false))).join('/').replaceAll('%2F', '/');
  }
  const segments = [];
  for (const segment of path.split('/')) {
    if (segment === '..') {
      segments.pop();
    } else if (segment !== '' && segment !== '.') {
      segments.push(encode(Buffer.from(segment, 'latin1')));
    }
  }
  return `/${segments.join('/')}${segments.length > 0 && path.endsWith('/') ? '/' : ''}`;
}

function canonicalQuery(query) {
  const pairs = query.split('&').filter((part) => part !== '').map((part) => {
    const at = part.indexOf('=');
    const [name, value] = at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
    return [encode(decode(name, true)), encode(decode(value, true))];
  });
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return pairs.sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1])).map((pair) => pair.join('=')).join('&');
}

/** Why the signature is wrong; '' if it is right. head: text before the blank line. */
function mismatch(head, body) {
  const [requestLine, ...lines] = head.split('\r\n');
  const [method, target] = requestLine.split(' ');
  const headers = new Map();
  for (const line of lines) {
    const [, name, value] = /^([^:]+): ?(.*)$/.exec(line);
    headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value.trim().replace(/[ \t]+/g, ' ')]);
  }
  const authorizations = headers.get('authorization') ?? [];
  const [, scope, signed, signature] = /^AWS4-HMAC-SHA256 Credential=AKID\/(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$/.exec(authorizations[0]) ?? [];
  if (authorizations.length !== 1 || scope === undefined) {
    return `authorization: ${authorizations}`;
  }
  const names = signed.split(';');
  const must = [...headers.keys()].filter((name) => name === 'host' || name === 'content-type' || name.startsWith('x-amz-'));
  const unsigned = must.filter((name) => !names.includes(name));
  if (unsigned.length > 0) {
    return `not signed: ${unsigned}`;
  }
  const [date, region, service] = scope.split('/');
  const [path, query = ''] = target.split(/\?(.*)/s);
  const hash = headers.get('x-amz-content-sha256').join();
  if (hash !== sha256(body)) {
    return 'the body';
  }
  const canonical = [method, canonicalPath(path, service), canonicalQuery(query), ...names.map((name) => `${name}:${headers.get(name)?.join(',')}`), '', signed, hash].join('\n');
  const key = ['aws4_request', service, region, date].reduceRight((secret, part) => hmac(secret, part), `AWS4${SECRET}`);
  const text = ['AWS4-HMAC-SHA256', headers.get('x-amz-date').join(), scope, sha256(Buffer.from(canonical, 'latin1'))].join('\n');
  return hmac(key, text).toString('hex') === signature ? '' : `${JSON.stringify(head)}\n${canonical}`;
}

const PIECES = ['a', 'Z', '0', '-', '.', '_', '~', '%20', '%2f', '%2F', '%e6%bc%a2', '%7E', '%21', '!', '$', "'", '(', ')', '*', '+', ',', ';', ':', '@', '=', '..', '%25', '%', '%4', '"', '<', '[', '|', '\xe9'];
const VALUES = ['', 'plain', 'two  blanks', '\ttab\t', 'a=b; c="d"', 'x'.repeat(70), 'comma, comma', '\xe9'];
const NAMES = ['X-Amz-Meta-A', 'x-amz-meta-a', 'X-AMZ-Target', 'x-amz-acl', 'Content-Type', 'Content-MD5', 'Accept', 'X-Other', 'User-Agent', 'Range', 'Authorization', 'X-Amz-Date', 'X-Amz-Security-Token'];
const LOCATIONS = ['/raw/', '/prefix/', '/rewrite/', '/variable/', '/two/', '/s3/'];

function drawRequest(random) {
  const below = (n) => Math.floor(random() * n);
  const one = (list) => list[below(list.length)];
  const text = (most) => Array.from({ length: below(most + 1) }, () => one(PIECES)).join('');
  const segments = Array.from({ length: below(4) }, () => (random() < 0.15 ? one(['', '.', '..']) : text(4)));
  const query = random() < 0.4 ? '' : `?${Array.from({ length: below(5) }, () => one([`${text(3)}=${text(3)}`, text(3), '', `a=${below(3)}`])).join('&')}`;
  const method = one(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH']);
  const body = Buffer.from(['POST', 'PUT', 'PATCH'].includes(method) ? text(30).repeat(1 + below(40)) : '', 'latin1');
  const headers = Array.from({ length: below(6) }, () => `${one(NAMES)}: ${one(VALUES)}\r\n`).join('');
  return { method, target: `${one(LOCATIONS)}${segments.join('/')}${query}`, headers, body, chunked: body.length > 0 && random() < 0.3 };
}

test(`${REQUESTS} random requests arrive with the signature of what arrives`, { timeout: 600_000 }, async (t) => {
  const good = await startJudge(t, mismatch);
  const flaky = await startJudge(t, mismatch, { failing: 3 });
  const common = 'nexus_inject aws_sigv4; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8; nexus_allow_hosts backend two 127.0.0.1 *.example;';
  const edge = await startEdge(t, {
    logLevel: 'crit',
    http: `proxy_http_version 1.1; proxy_set_header Connection ""; client_body_buffer_size 1k; merge_slashes off; keepalive_requests 1000000;
           upstream backend { server 127.0.0.1:${good}; keepalive 8; }
           upstream two { server 127.0.0.1:${flaky} max_fails=0; server 127.0.0.1:${good} max_fails=0; keepalive 8; }`,
    locations: `
        location /raw/ { ${common} proxy_set_header Host 127.0.0.1; proxy_pass http://backend; }
        location /prefix/ { ${common} proxy_set_header Host a.example; proxy_pass http://backend/new%20place/; }
        location /rewrite/ { ${common} proxy_set_header Host 127.0.0.1; rewrite ^/rewrite/(.*)$ /to/$1?added=%41+b&z break; proxy_pass http://backend; }
        location /variable/ { ${common} set $name backend; proxy_set_header Host 127.0.0.1; proxy_set_header X-Amz-Meta-Set "  from  nginx"; proxy_pass http://$name$request_uri; }
        location /two/ { ${common} proxy_set_header Host 127.0.0.1; proxy_next_upstream error timeout non_idempotent; proxy_pass http://two; }
        location /s3/ { ${common} nexus_sigv4 service=s3 region=eu-central-1; proxy_set_header Host 127.0.0.1; proxy_pass http://backend; }`,
  });
  const key = await edge.addAgent();
  const id = await edge.addConnection({
    strategy: 'aws_sigv4', strategy_config: { service: 'execute-api' }, credentials: { access_key: 'AKID', secret_key: SECRET },
  });
  const own = `X-Nexus-Key: ${key}\r\nX-Nexus-Connection: ${id}\r\n`;

  const random = seededRandom(44);
  const requests = Array.from({ length: REQUESTS }, () => drawRequest(random));
  const counts = await sendAll(edge.port, requests, () => own);
  t.diagnostic(JSON.stringify(counts));
});
