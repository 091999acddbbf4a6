// What signing a request costs (AWS Signature Version 4), beside putting a header on: the same nginx, worker, upstream and
// GET, two connections of one agent. The worker's CPU time per request is the figure. Then uploads (sigv4-stream.mjs).
import { sealToken } from '../support/records.mjs';
import { compareSides, mustAnswerAll, newToken, startCheckingUpstream, startMeasuredEdge, startRecords } from './hot-edge.mjs';
import { median, report } from './measure.mjs';
import { run as runStream } from './sigv4-stream.mjs';

/** The edge that answers. under: as startMeasuredEdge takes it. returns {edge, sides: {header, signed}}, each {url, headers} */
export async function start(t, { under } = {}) {
  const upstream = await startCheckingUpstream(t, '"~^Bearer " 1; "~^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/.*Signature=[0-9a-f]+$" 1;');
  const records = await startRecords(t, { token: newToken(), grants: ['token:use'], connection: { api_base_url: upstream.url } });
  const signed = await addSigned(records, upstream);
  const edge = await startMeasuredEdge(t, records, {
    http: `upstream api { server 127.0.0.1:${upstream.port}; keepalive 64; keepalive_requests 1000000000; }`, server: locations, under,
  });
  const url = `${edge.url}/`;
  const sides = {
    header: { url, headers: records.headers }, signed: { url, headers: { ...records.headers, 'X-Nexus-Connection': signed } },
  };
  await mustAnswerAll(sides);
  return { edge, sides };
}

export async function run({ t, json, rounds = 10, seconds = 2, log }) {
  const pairs = await compareSides({ start: () => start(t), first: 'header', second: 'signed', rounds, seconds, log });
  report({
    json, name: 'sigv4.added_cpu_us', unit: 'us', value: median(pairs.map(({ first, second }) => second.cpuUs - first.cpuUs)),
    baseline: 'a header put on, cpu_us', baseline_value: median(pairs.map(({ first }) => first.cpuUs)), rounds,
  });
  await runStream({ t, json, rounds, log });
}

/** A second connection of the agent's workspace, which signs. returns its id */
async function addSigned({ redis, cacheKey }, upstream) {
  const id = crypto.randomUUID();
  await redis.set(...await sealToken(cacheKey, {
    connection_id: id, workspace_id: 'bench', provider: 'bench', state: 'active', generation: 1, expires_at: Date.now() + 3600_000,
    strategy: 'aws_sigv4', strategy_config: { service: 'execute-api', region: 'eu-central-1' },
    credentials: { access_key: 'AKIDEXAMPLE', secret_key: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
    allowed_hosts: ['127.0.0.1'], api_base_url: upstream.url,
  }));
  return id;
}

const locations = `
        location = / {
            nexus_auth api_key;
            nexus_connection $http_x_nexus_connection;
            nexus_inject auto;
            nexus_allow_hosts api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://api/;
        }`;
