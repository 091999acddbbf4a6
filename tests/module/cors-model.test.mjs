// Random configurations and random requests of pages: what a browser lets the page see of the real nginx's answers
// (cors/fetch-standard.mjs) is what the manual promises (cors/expectation.mjs).
//
//   NEXUS_CORS_PAIRS=50000   how many pairs, 50,000 unless said
//   NEXUS_CORS_SEED=1        another seed gives other pairs; a pair that fails is printed with both
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startNginx } from '../support/nginx.mjs';
import { pipeline } from '../support/pipeline.mjs';
import { newKeys } from '../support/keys.mjs';
import { seededRandom } from '../refresh/random.mjs';
import { expectation } from './cors/expectation.mjs';
import { corsCheck, maxAge, needsPreflight, normalizeMethod, preflightHeaders, preflightPasses, visibleHeaders } from './cors/fetch-standard.mjs';
import { drawConfig, drawRequest, toDirectives } from './cors/pairs.mjs';

const PAIRS = Number(process.env.NEXUS_CORS_PAIRS ?? 50_000);
const SEED = Number(process.env.NEXUS_CORS_SEED ?? 1);
const CONFIGS = 250;
const BATCH = 5_000;

const contents = (upstream) => ({
  proxied: `proxy_pass http://127.0.0.1:${upstream};`,
  unauthenticated: `nexus_auth api_key; nexus_auth_failures off; proxy_pass http://127.0.0.1:${upstream};`,
  forbidden: 'deny all;',
  missing: 'try_files /none =404;',
  returned: 'return 410;',
  unreachable: 'proxy_pass http://127.0.0.1:1;',
});

const location = (config, i, upstream) => `
        location = /${i} {${toDirectives(config)}
            ${contents(upstream)[config.kind]}
        }`;

/** nginx with one location per configuration, and an upstream that has an opinion on CORS of its own. */
function start(t, configs) {
  const keys = newKeys();
  return startNginx(t, {
    ports: 2,
    logLevel: 'crit',
    files: { 'cache.key': keys.CACHE_KEY, 'edge.key': keys.EDGE_KEY },
    config: ({ dir, ports: [port, upstream], globals, http }) => `
${globals}
events {}
http {
    ${http}
    access_log off;
    keepalive_requests 1000000;
    nexus_cache zone=nexus:1m;
    nexus_redis unix:${dir}/redis.sock;
    nexus_cache_key file:${dir}/cache.key;
    nexus_control_plane_key file:${dir}/edge.key;
    server {
        listen 127.0.0.1:${port};
        nexus_control_plane /_nexus;
        add_header X-Cors $nexus_cors always;
        add_header Retry-After 1 always;
        location /_nexus/ { internal; proxy_pass http://127.0.0.1:1/; }
        ${configs.map((config, i) => location(config, i, upstream)).join('')}
    }
    server {
        listen 127.0.0.1:${upstream};
        add_header Access-Control-Allow-Origin https://upstream.example;
        add_header Access-Control-Allow-Credentials true;
        add_header Access-Control-Allow-Methods "PATCH, *";
        add_header Access-Control-Expose-Headers X-Upstream-Only;
        add_header X-Upstream yes;
        add_header X-Upstream-Only yes;
        add_header Vary Accept-Language;
        return 200 upstream;
    }
}`,
  });
}

/** The header lines by which a browser sends a page's request itself. */
function requestHeaders(request) {
  const crosses = request.origin !== request.ownOrigin;
  const isNamed = request.origin !== undefined && (crosses || !['GET', 'HEAD'].includes(request.method));
  return {
    ...request.headers,
    ...(isNamed ? { Origin: request.origin } : {}),
    ...(request.origin !== undefined && request.hasFetchMetadata ? { 'Sec-Fetch-Site': crosses ? 'cross-site' : 'same-origin' } : {}),
  };
}

/** What the page gets, by the browser's rules; and what is wrong with the answers for anybody. */
function observe(request, preflight, answer) {
  const crosses = request.origin !== undefined && request.origin !== request.ownOrigin;
  const passes = preflight && preflightPasses(request, preflight);
  const isReadable = answer !== undefined && (!crosses || corsCheck(request, answer));
  return {
    preflight: passes,
    maxAge: passes ? maxAge(preflight) : undefined,
    status: answer?.status,
    isReadable,
    sees: !isReadable ? [] : crosses ? visibleHeaders(request, answer) : Object.keys(answer.headers).sort(),
    verdicts: { preflight: preflight?.headers['x-cors']?.[0], request: answer?.headers['x-cors']?.[0] },
  };
}

/** Names of header lines that came twice or should not be there, and whether Vary says what the answer depends on. */
function flaws(config, expected, answers) {
  const found = [];
  for (const answer of answers) {
    for (const [name, values] of Object.entries(answer.headers)) {
      if ((name.startsWith('access-control-') || name === 'vary') && values.length > 1) {
        found.push(`${name} came ${values.length} times`);
      }
      if (config.mode !== 'shadow' && values.some((value) => /upstream\.example|PATCH, \*|X-Upstream-Only/.test(value))) {
        found.push(`${name} is the upstream's`);
      }
    }
    const varies = (answer.headers.vary?.[0] ?? '').split(', ').includes('Origin');
    if (varies !== expected.varies) {
      found.push(`Vary is ${answer.headers.vary}`);
    }
    if (answer.headers['x-upstream'] && !answer.headers.vary?.[0].includes('Accept-Language')) {
      found.push('the upstream\'s Vary is lost');
    }
  }
  return found;
}

/** The promise in the form of an observation. */
function toObservation(expected, { sees }, answer) {
  const names = Object.keys(answer?.headers ?? {});
  const always = ['cache-control', 'content-length', 'content-type'];
  return {
    preflight: expected.preflight,
    maxAge: expected.maxAge,
    status: expected.status,
    isReadable: expected.isReadable,
    sees: expected.isReadable ? names.filter((name) => always.includes(name) || expected.exposes(name)).sort() : sees,
    verdicts: {
      preflight: expected.preflight === undefined ? undefined : expected.verdicts.preflight,
      request: expected.status === undefined ? undefined : expected.verdicts.request,
    },
  };
}

test(`${PAIRS} pairs of a configuration and a page's request`, async (t) => {
  const random = seededRandom(SEED);
  const configs = Array.from({ length: CONFIGS }, () => drawConfig(random));
  const nginx = await start(t, configs);
  const host = `127.0.0.1:${nginx.port}`;
  const outcomes = {};

  for (let first = 0; first < PAIRS; first += BATCH) {
    const pairs = Array.from({ length: Math.min(BATCH, PAIRS - first) }, (_, i) => {
      const index = Math.floor(random() * CONFIGS);
      const drawn = drawRequest(random, configs[index], `http://${host}`);
      return { index, number: first + i, config: configs[index], request: { ...drawn, method: normalizeMethod(drawn.method) } };
    });

    const asking = pairs.filter(({ request }) => request.origin !== undefined && request.origin !== request.ownOrigin && needsPreflight(request));
    const granted = await pipeline(nginx.port, asking.map(({ index, request }) => (
      { method: 'OPTIONS', path: `/${index}`, headers: preflightHeaders(request), host })));
    asking.forEach((pair, i) => { pair.preflight = granted[i]; });

    const sending = pairs.filter(({ request, preflight }) => !preflight || preflightPasses(request, preflight));
    const answers = await pipeline(nginx.port, sending.map(({ index, request }) => (
      { method: request.method, path: `/${index}`, headers: requestHeaders(request), host })));
    sending.forEach((pair, i) => { pair.answer = answers[i]; });

    for (const { number, config, request, preflight, answer } of pairs) {
      const expected = expectation(config, request);
      const seen = observe(request, preflight, answer);
      const pair = `pair ${number} of NEXUS_CORS_SEED=${SEED} NEXUS_CORS_PAIRS=${PAIRS}\n${JSON.stringify(request)}\n${JSON.stringify(config)}\n`
        + `${toDirectives(config)}\npreflight: ${JSON.stringify(preflight)}\nanswer: ${JSON.stringify(answer)}`;
      assert.deepEqual(seen, toObservation(expected, seen, answer), pair);
      assert.deepEqual(flaws(config, expected, [preflight, answer].filter(Boolean)), [], pair);
      const outcome = `${preflight ? 'preflight ' : ''}${answer ? `${answer.status} ` : ''}${seen.isReadable ? 'readable' : 'unreadable'}`;
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  }
  t.diagnostic(JSON.stringify(outcomes));
  // Otherwise the pairs would prove little.
  for (const outcome of ['preflight unreadable', 'preflight 200 readable', '200 readable', '200 unreadable', '401 readable', '403 readable',
    '404 readable', '410 readable', '502 readable']) {
    assert.ok(outcomes[outcome] > PAIRS / 1000, `${outcome}: ${outcomes[outcome]}`);
  }
});
