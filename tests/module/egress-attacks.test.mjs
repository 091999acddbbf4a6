// Whoever calls, names a connection's places, answers DNS or is the provider tries to have a credential sent elsewhere. In a
// network of its own, where every address leads to this machine: a decoy listens on all of them, with certificates that the
// edge trusts, and remembers every byte. No case may bring it a credential, and each must end for its own reason.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test, { before } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { assertNoSecrets } from '../support/canary.mjs';
import { makeCa } from '../support/certificates.mjs';
import { wholeFile } from '../support/cleanup.mjs';
import { startDns } from '../support/dns.mjs';
import { inOwnNetwork, runInOwnNetwork } from '../support/own-network.mjs';
import { repository } from '../support/paths.mjs';
import { exchange } from '../support/raw-http.mjs';
import { startEdge } from './edge-fixture.mjs';
import * as cases from './egress-cases.mjs';
import { ok, startDecoy, startProvider } from './egress-places.mjs';

const { PROVIDER } = cases;

if (inOwnNetwork) {
  defineTests();
} else {
  test('egress attacks, in a network of their own', () => runInOwnNetwork(import.meta.filename));
}

/** How a case may end: {status, log: what nginx's error log says, or arrived: how many requests the provider gets}. */
const refusedHost = { status: [403], code: 'host_not_allowed', arrived: 0 };
const peer = { status: [502], log: /the peer's address is not one that a credential may be sent to/, arrived: 0 };
const nobody = { status: [502], log: /could not be resolved|no resolver defined|no live upstreams|Connection refused|timed out/, arrived: 0 };
const noUrl = { status: [500], log: /invalid (URL prefix|host|port)|no host in upstream|invalid port in upstream|invalid URL|invalid IPv6 address/, arrived: 0 };
const badRequest = { status: [400, 404, 405, 411, 414, 501, 505, undefined], arrived: 0 };
const arrives = { status: [200], arrived: 1 };
const endings = {
  'not allowed': [refusedHost],
  peer: [peer],
  'peer or nobody': [peer, nobody],
  'no such place': [refusedHost, peer, nobody, noUrl],
  'not allowed or no such place': [refusedHost, nobody, noUrl, badRequest],
  'the provider\'s name': [arrives, { status: [502], log: /certificate|SSL/, arrived: 0 }],
  'not verified': [refusedHost, { status: [502], log: /certificate|SSL/, arrived: 0 }],
  'provider or bad request': [arrives, badRequest, refusedHost],
  'bad request': [badRequest],
  'no smuggled one': [arrives, badRequest],
  'passed on': [{ arrived: 1 }],
};

/** The maps of a file of conf/ that say where a request of the sidecar goes, as they are. */
function mapsOfTargets(name) {
  return fs.readFileSync(path.join(repository, 'conf', name), 'utf8').match(/^map [^\n]* \$nexus_(path_prefix|wanted_\w+|provider_url) \{$.*?^\}$/gms);
}

function defineTests() {
  const file = wholeFile();
  let edge;
  let decoy;
  let provider;
  let key;
  const places = {};
  let tried = 0;
  const secrets = {};

  before(async () => {
    const ca = await makeCa(file);
    const stranger = await makeCa(file, 'stranger');
    const evil = ['evil.test', '*.evil.test', '*.provider.test', ...Object.values(cases.names).flat().filter((name) => typeof name === 'string')];
    const answer = (head) => {
      const asked = /^GET \/answer\/(\S+)/.exec(head)?.[1];
      const { status, headers } = asked ? JSON.parse(Buffer.from(asked, 'base64url').toString()) : { status: 200, headers: {} };
      return ok(Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join(''), 'ok', `${status} X`);
    };
    const good = await ca.issue(`DNS:${PROVIDER.name},DNS:*.provider.test`);
    provider = await startProvider(file, { ...PROVIDER, cert: good, answer });
    decoy = await startDecoy(file, { cert: await ca.issue(evil.map((name) => `DNS:${name.replace(/^::$/, '0::0')}`).join(',')) });
    const certificates = {
      'wrong-name': await ca.issue('DNS:evil.test'), 'unknown-ca': await stranger.issue('DNS:hijacked.provider.test'),
      expired: await ca.issue('DNS:hijacked.provider.test', { days: 0 }), 'of-a-subdomain': await ca.issue('DNS:x.hijacked.provider.test'),
      'of-the-parent': await ca.issue('DNS:provider.test'), 'of-an-address': await ca.issue('IP:198.41.0.4'),
    };
    for (const [index, name] of cases.certificates.entries()) {
      places[name] = { port: 9000 + index, ...await startProvider(file, { host: '198.41.0.4', port: 9000 + index, cert: certificates[name] }) };
    }
    const dns = await startDns(file, cases.names);
    const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection;';
    edge = await startEdge(file, {
      logLevel: 'info',
      http: `${['http.conf', 'sidecar.conf'].flatMap(mapsOfTargets).join('\n')}
        map $http_x_scheme $scheme_to { default https; http http; }
        upstream block { server ${PROVIDER.host}:${PROVIDER.port}; server 10.0.0.1:443; }`,
      server: `resolver 127.0.0.1:${dns.port} valid=1s; resolver_timeout 3s;
        proxy_http_version 1.1; proxy_connect_timeout 2s; proxy_read_timeout 5s; proxy_next_upstream_tries 8;
        proxy_ssl_server_name on; proxy_ssl_name $proxy_host; proxy_ssl_verify on; proxy_ssl_trusted_certificate ${ca.file};
        proxy_redirect off; proxy_ignore_headers X-Accel-Redirect X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset X-Accel-Expires;
        proxy_set_header Host $proxy_host; proxy_set_header Connection "";`,
      locations: () => `
        location / {
            set $nexus_target $nexus_wanted_target;
            nexus_inject auto; nexus_connection $nexus_wanted_connection; proxy_pass $nexus_provider_url;
        }
        location /to/ { ${inject} proxy_pass $scheme_to://$http_x_target$request_uri; }
        location /host/ { ${inject} proxy_set_header Host $http_x_host; proxy_pass $nexus_api_base_url$request_uri; }
        location /sni/ { ${inject} proxy_ssl_name $http_x_sni; proxy_pass $nexus_api_base_url$request_uri; }
        location /unverified/ { ${inject} proxy_ssl_verify off; proxy_pass $nexus_api_base_url$request_uri; }
        location /block/ { ${inject} nexus_allow_hosts block ${PROVIDER.name}; proxy_set_header Host ${PROVIDER.name}; proxy_pass https://block; }
        location /decoy/ { internal; ${inject} nexus_allow_private 0.0.0.0/0 ::/0; proxy_pass http://127.0.0.1:80; }
        location /open/ { ${inject} nexus_allow_private 0.0.0.0/0 ::/0; proxy_pass $nexus_api_base_url$request_uri; }`,
    });
    key = await edge.addAgent();
    secrets.key = key.slice(-43);
  });

  const prepared = new Map();

  /** A connection with such a record; the same one for all cases that want the same. */
  function prepare({ connection = {} }) {
    const wanted = JSON.stringify(connection);
    prepared.set(wanted, prepared.get(wanted) ?? connect(connection));
    return prepared.get(wanted);
  }

  async function connect(connection) {
    const id = randomUUID();
    const canary = `canary-${randomBytes(12).toString('hex')}`;
    await edge.addConnection({ connection_id: id, allowed_hosts: [], credentials: { access_token: canary }, ...connection });
    return { id, canary };
  }

  /** Tries one case. returns {status, code, log, heads: what the provider got, canary} */
  async function attempt({ connection, path, headers = {}, raw }) {
    const { id, canary } = await prepare({ connection });
    const before = provider.requests.length;
    const offset = fs.statSync(edge.nginx.errorLogFile).size;
    let status, text, answers = [];
    if (raw !== undefined) {
      const bytes = raw.replaceAll('{id}', id).replaceAll('{key}', key);
      ({ answers } = await exchange(edge.port, Buffer.from(bytes, 'latin1'), { timeout: 4000 }));
      status = answers[0]?.status;
      text = answers[0]?.body?.toString() ?? '';
    } else {
      const answer = await edge.get(path, { headers: { 'x-nexus-key': key, 'x-nexus-connection': id, ...headers } });
      ({ status, text } = answer);
    }
    const log = fs.readFileSync(edge.nginx.errorLogFile).subarray(offset).toString();
    return { status, code: /"code": ?"(\w+)"/.exec(text)?.[1], text, log, heads: provider.requests.slice(before), canary, answers };
  }

  function judge({ name, why }, got) {
    const fits = ({ status, code, log, arrived }) => (status === undefined || status.includes(got.status)) && (code === undefined || code === got.code)
      && (log === undefined || log.test(got.log)) && got.heads.length === arrived;
    assert.ok(endings[why].some(fits), `${name}: must end as "${why}", but: ${got.status} ${got.code}, ${got.heads.length} requests at the provider\n${got.log}`);
    for (const head of got.heads) {
      assert.equal(head.match(/^authorization:/gim)?.length, 1, `${name}: ${head}`);
      assert.ok(head.includes(`\r\nAuthorization: Bearer ${got.canary}`), name);
      assert.match(head, new RegExp(`^host: ${PROVIDER.name}(:${PROVIDER.port})?\r?$`, 'im'), name);
      assert.doesNotMatch(head, /^(GET|POST) \/smuggled|x-nexus-|proxy-authorization/im, name);
    }
    assertNoSecrets({ [name]: got.canary, ...secrets }, { 'the decoy': decoy.bytes() });
    tried++;
  }

  async function tryAll(table) {
    assert.ok(table.length > 0);
    for (const [index, one] of table.entries()) {
      table.slice(index, index + 4).forEach(prepare);   // records take a program each to seal: some are made ahead
      judge(one, await attempt(one));
    }
  }

  test('what the decoy is worth: it gets what an open location sends', async () => {
    for (const api_base_url of ['http://10.0.0.1', 'https://fixed-0.evil.test', 'http://[::1]']) {
      const { status, text, canary } = await attempt({ connection: { api_base_url }, path: '/open/' });
      assert.equal(`${status} ${text}`, '200 decoy', api_base_url);
      assert.ok(decoy.bytes().includes(canary), api_base_url);
      decoy.forget();
    }
    const { status, heads, canary } = await attempt({ connection: { api_base_url: `https://${PROVIDER.name}:${PROVIDER.port}` }, path: '/' });
    assert.equal(status, 200);
    assert.ok(heads[0].includes(canary), 'and the provider what is its own');
  });

  for (const table of ['literals', 'resolved', 'encoded', 'targets', 'hosts', 'hostLines', 'requestLines', 'hostHeaders', 'smuggling']) {
    test(`${table}: ${cases[table].length}`, () => tryAll(cases[table]));
  }

  test('names that change between two requests, and between check and connection', async () => {
    for (const one of cases.changing) {
      const first = await attempt(one);
      assert.equal(first.status, 200, first.log);
      assert.equal(first.heads.length, 1);
    }
    await delay(2100);   // what the resolver keeps
    await tryAll(cases.changing);
  });

  test('DNS that says somebody else is the provider: certificates that are not its', async () => {
    for (const name of cases.certificates) {
      const { status, log, canary } = await attempt({ connection: { api_base_url: `https://hijacked.provider.test:${places[name].port}` }, path: '/' });
      assert.equal(status, 502, name);
      assert.match(log, /upstream SSL certificate (verify error|does not match)/, name);
      assert.equal(places[name].requests.length, 0, name);
      assertNoSecrets({ canary, ...secrets }, { [name]: Buffer.concat([...places[name].raw, ...places[name].plain]) });
      tried++;
    }
  });

  test('certificates of others, checked against their names or not at all', async () => {
    const name = 'wrong-name';
    const connection = { api_base_url: `https://hijacked.provider.test:${places[name].port}` };
    for (const [path, log] of [['/sni/', /the name on the destination's certificate is not among the allowed hosts/],
      ['/unverified/', /the destination's certificate is not checked/]]) {
      const got = await attempt({ connection, path, headers: { 'x-sni': 'evil.test' } });
      assert.equal(got.status, 502, path);
      assert.match(got.log, log);
      assert.equal(places[name].requests.length, 0, path);
      assertNoSecrets({ canary: got.canary, ...secrets }, { [path]: Buffer.concat([...places[name].raw, ...places[name].plain]) });
      tried++;
    }
  });

  test('an upstream block with one private server', async () => {
    judge({ name: 'a block', why: 'not allowed' }, await attempt({ path: '/block/' }));
  });

  test('answers that ask for another request', async () => {
    decoy.forget();
    for (const one of cases.answers) {
      const got = await attempt(one);
      judge(one, got);
      assert.equal(got.status, one.answer.status, one.name);
    }
    assert.equal(decoy.connections(), 0, 'nothing was followed');
  });

  test('at least three hundred of them', () => {
    assert.ok(provider.requests.every((head) => !/^\w+ \/smuggled/m.test(head)));
    assert.ok(tried >= 300, `${tried}`);
    console.log(`${tried} attacks, none of which brought the decoy a credential`);
  });
}
