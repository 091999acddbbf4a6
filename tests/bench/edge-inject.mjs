// What the edge adds to a page's proxied request: authenticate by API key, authorise, find the token in shared memory, inject
// it, count against the caller's limit, put on CORS headers; beside plain proxy_pass that sets a static Authorization header of
// the same length. Same nginx, same worker, same upstream, the same bytes in from the client and out to the upstream: the
// agent's own headers are sent to both locations, and neither passes them on. The worker's CPU time per request is the
// figure, as requests per second swing with the machine.
import { compareSides, mustAnswerAll, newToken, startCheckingUpstream, startMeasuredEdge, startRecords } from './hot-edge.mjs';
import { median, report } from './measure.mjs';

/** The edge that answers. under: as startMeasuredEdge takes it. returns {edge, sides: {plain, inject}}, each {url, headers} */
export async function start(t, { under } = {}) {
  const token = newToken();
  const upstream = await startCheckingUpstream(t, `"Bearer ${token}" 1;`);
  const records = await startRecords(t, { token, grants: ['token:use'], connection: { api_base_url: upstream.url } });
  const edge = await startMeasuredEdge(t, records, { http: upstreamBlock(upstream) + LIMIT, server: locations(token), under });
  const headers = { ...records.headers, Origin: 'https://app.example.org' };
  const sides = { plain: { url: `${edge.url}/plain`, headers }, inject: { url: `${edge.url}/inject`, headers } };
  await mustAnswerAll(sides);
  return { edge, sides };
}

export async function run({ t, json, rounds = 10, seconds = 2, log }) {
  const pairs = await compareSides({ start: () => start(t), first: 'plain', second: 'inject', rounds, seconds, log });

  const baseline = 'proxy_pass with a static header';
  report({
    json, name: 'edge-inject.added_cpu_us', unit: 'us',
    value: median(pairs.map(({ first, second }) => second.cpuUs - first.cpuUs)),
    baseline: `${baseline}, cpu_us`, baseline_value: median(pairs.map(({ first }) => first.cpuUs)), rounds,
  });
  report({
    json, name: 'edge-inject.rps_ratio', unit: 'ratio',
    value: median(pairs.map(({ first, second }) => second.rps / first.rps)),
    baseline: `${baseline}, rps`, baseline_value: median(pairs.map(({ first }) => first.rps)), rounds,
  });
}

const LIMIT = '\n    nexus_limit_zone callers key=caller rate=1000000r/s burst=1000000;';

const upstreamBlock = (upstream) => `
    upstream api {
        server 127.0.0.1:${upstream.port};
        keepalive 64;
        keepalive_requests 1000000000;
    }`;

const locations = (token) => `
        proxy_http_version 1.1;
        location = /plain {
            proxy_set_header Connection "";
            proxy_set_header Authorization "Bearer ${token}";
            proxy_set_header X-API-Key "";
            proxy_set_header X-Nexus-Connection "";
            proxy_pass http://api/;
        }
        location = /inject {
            nexus_auth api_key;
            nexus_connection $http_x_nexus_connection;
            nexus_inject auto;
            nexus_allow_hosts api;
            nexus_limit zone=callers nodelay;
            nexus_cors on;
            nexus_cors_origins https://app.example.org;
            proxy_set_header Connection "";
            proxy_pass http://api/;
        }`;
