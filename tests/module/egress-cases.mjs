// Attacks on where a credential goes, as tables. A case: {name, connection: fields of its record, path, headers, raw: bytes in
// place of a request, why: how it must end}. What `why` means is egress-attacks.test.mjs' table of endings.
import { crookedUrls, detours, numberUrls, privateV4, privateV6, redirects } from '../integration/ssrf-cases.mjs';

export const PROVIDER = { host: '93.184.216.34', port: 8443, name: 'api.provider.test' };
const BASE = `https://${PROVIDER.name}:${PROVIDER.port}`;
const hostOf = (address) => (address.includes(':') ? `[${address}]` : address);
const addresses = [...privateV4, ...privateV6];
const famous = ['127.0.0.1', '169.254.169.254', '10.0.0.0', '100.100.100.200', '::1', 'fd00:ec2::254', '::ffff:169.254.169.254'];

/** Names that lead to forbidden addresses; `changing` ones to the provider at first. */
export const names = {
  ...Object.fromEntries(addresses.map((address, i) => [`fixed-${i}.evil.test`, address])),
  ...Object.fromEntries(famous.map((address, i) => [`alias-${i}.evil.test`, { cname: `fixed-${addresses.indexOf(address)}.evil.test` }])),
  ...Object.fromEntries(famous.map((address, i) => [`changing-${i}.provider.test`, (times) => (times === 1 ? PROVIDER.host : address)])),
  'two.evil.test': ['10.0.0.1', '169.254.169.254', '::1'],
  'evil.test': '198.41.0.4',
  'www.evil.test': '198.41.0.4',
  'good.test': '198.41.0.4',
  [PROVIDER.name]: PROVIDER.host,
  'hijacked.provider.test': '198.41.0.4',
};

export const literals = addresses.map((address) => ({
  name: `base URL ${address}`, connection: { api_base_url: `https://${hostOf(address)}` }, path: '/latest/meta-data', why: 'not allowed',
}));

export const resolved = Object.keys(names).filter((name) => /^(fixed|alias|two)/.test(name)).flatMap((name) => [
  { name: `base URL ${name}`, connection: { api_base_url: `https://${name}` }, path: '/', why: 'peer' },
  ...(!name.startsWith('fixed')
    ? [{ name: `target ${name}`, connection: { allowed_hosts: ['*.evil.test'], api_base_url: BASE }, path: '/to/', headers: { 'x-target': name }, why: 'peer' },
      { name: `clear text to ${name}`, connection: { api_base_url: `http://${name}` }, path: '/', why: 'peer' }] : []),
]).concat([
  { name: 'clear text to a public name', connection: { api_base_url: 'http://www.evil.test' }, path: '/', why: 'peer' },
  { name: 'clear text to a public address', connection: { api_base_url: 'http://198.41.0.4' }, path: '/', why: 'not allowed' },
]);

/** Asked twice: at first the provider, a second later somebody else. */
export const changing = Object.keys(names).filter((name) => name.startsWith('changing')).map((name) => ({
  name: `a name that changes: ${name}`, connection: { api_base_url: `https://${name}:${PROVIDER.port}` }, path: '/', why: 'peer or nobody',
}));

const encodings = [...numberUrls, ...crookedUrls];
export const encoded = encodings.map((url) => ({
  name: `base URL ${JSON.stringify(url)}`, connection: { api_base_url: url }, path: '/', why: 'no such place',
}));
const header = (text) => !/[\r\n\0]/.test(text);
const authorities = crookedUrls.map((url) => /^https?:\/\/([^/]*)/i.exec(url)?.[1]).filter((text) => text && header(text));
export const targets = [...new Set(authorities)].map((target) => ({
  name: `target ${JSON.stringify(target)}`, connection: { allowed_hosts: ['*.provider.test', 'public.example'], api_base_url: BASE }, path: '/to/',
  headers: { 'x-target': Buffer.from(target).toString('latin1') }, why: 'not allowed or no such place',
}));

const rules = [`${PROVIDER.name}:${PROVIDER.port}`, '*.good.test'];
export const hosts = [
  `${PROVIDER.name}.evil.test`, `${PROVIDER.name}@evil.test`, `${PROVIDER.name}:${PROVIDER.port}@evil.test`, 'evil.test#api.provider.test', 'evil.test?api.provider.test',
  `evil.test/${PROVIDER.name}`, `evil.test\\${PROVIDER.name}`, `${PROVIDER.name}\\.evil.test`, `${PROVIDER.name}%00.evil.test`, `${PROVIDER.name}%2f.evil.test`,
  `x${PROVIDER.name}`, 'provider.test', 'good.test', '.good.test', 'evilgood.test', 'a.good.test.evil.test', 'a.good.test@evil.test', `${PROVIDER.name}:80`,
  `${PROVIDER.name}:443`, PROVIDER.name, `${PROVIDER.name}:0`, `${PROVIDER.name}:65536`, `${PROVIDER.name}:08443x`, `${PROVIDER.name}:8443:443`, `${PROVIDER.name}..`,
  `[${PROVIDER.name}]:8443`, '[::1]', 'api_provider.test', 'api.provıder.test', 'аpi.provider.test', 'api。provider。test', `${PROVIDER.name},evil.test`,
  `${PROVIDER.name} evil.test`, `evil.test ${PROVIDER.name}`, '*.good.test', '*', '', ':443', '@', '//evil.test', 'evil.test:443', 'www.evil.test',
].map((target) => ({
  name: `host rules against ${JSON.stringify(target)}`, connection: { allowed_hosts: rules, api_base_url: '' }, path: '/to/',
  headers: { 'x-target': Buffer.from(target).toString('latin1') }, why: 'not allowed or no such place',
}));

export const hostLines = [
  'evil.test', 'www.evil.test:443', `${PROVIDER.name}.evil.test`, `evil.test, ${PROVIDER.name}`, `${PROVIDER.name}@evil.test`, `${PROVIDER.name}:443`, PROVIDER.name,
  `${PROVIDER.name}:8443/`, `${PROVIDER.name}:8443 evil.test`, `${PROVIDER.name}\\evil.test`, '127.0.0.1', '[::1]', 'localhost', '169.254.169.254', ' ', '*',
  `x.${PROVIDER.name}:8443`, `${PROVIDER.name}:18443`, 'provider.test:8443', `${PROVIDER.name}%00:8443`,
].flatMap((line) => [
  { name: `Host ${JSON.stringify(line)}`, connection: { api_base_url: BASE }, path: '/host/', headers: { 'x-host': line }, why: 'not allowed' },
  {
    name: `server name ${JSON.stringify(line)}`, connection: { api_base_url: BASE }, path: '/sni/', headers: { 'x-sni': line },
    why: line.split(':')[0] === PROVIDER.name ? 'the provider\'s name' : 'not verified',   // nginx cuts what follows a colon off
  },
]);

/** Certificates that are not the provider's: ports of the place that DNS says the provider is at. */
export const certificates = ['wrong-name', 'unknown-ca', 'expired', 'of-a-subdomain', 'of-the-parent', 'of-an-address'];

const key = '{key}', id = '{id}';
const auth = `X-Nexus-Key: ${key}\r\nX-Nexus-Connection: ${id}\r\n`;
const raw = (name, bytes, why = 'provider or bad request') => ({ name, connection: { api_base_url: BASE }, raw: bytes, why });
const get = (target, lines = 'Host: x\r\n') => `GET ${target} HTTP/1.1\r\n${lines}${auth}Connection: close\r\n\r\n`;

export const requestLines = [
  'http://evil.test/', 'https://evil.test/x', 'http://evil.test', 'http://evil.test?x', 'http://evil.test:80/', 'http://a@evil.test/', 'http://[::1]/', 'http:///x', 'http:/evil.test/',
  '//evil.test/', '///evil.test/', '/\\evil.test/', '/\\\\evil.test/', '/@evil.test/', '/.evil.test/', '/:443@evil.test/', '/%2f%2fevil.test/', '/..//evil.test/', '/%2e%2e/%2e%2e/x',
  '/..;/x', '/?@evil.test/', '/#@evil.test/', '/%23@evil.test', '/%00', '/%0d%0aHost:%20evil.test', '/x%0d%0a%0d%0aGET%20/smuggled', '/%E2%80%A8x', '/a b', '.evil.test/', '@evil.test/',
  ':80@evil.test/', '*', '?x', 'evil.test:443', 'https:evil.test', 'ftp://evil.test/', `/${id}.evil.test/x`, `/${id}@evil.test/x`, `/${id}:80/x`, `/${id}//evil.test/x`, `/${id}/../../x`,
  `/${id}/%2e%2e/${id}/x`, `/${id}%2fx`, `//${id}/x`, `/${id}/@evil.test`, `/${id}?@evil.test`, `/${id}/?u=http://evil.test/`, `/x/../${id}/y`, `/${id}\\evil.test`,
].map((target) => raw(`request target ${target}`, get(target)));

export const hostHeaders = [
  '', 'Host: evil.test\r\n', 'Host: evil.test\r\nHost: x\r\n', 'Host: evil.test:80\r\n', 'Host: a@evil.test\r\n', 'Host: x\r\nX-Forwarded-Host: evil.test\r\n', 'Host: x\r\nForwarded: host=evil.test\r\n',
  'Host: x\r\nX-Original-URL: http://evil.test/\r\n', 'Host: x\r\nX-Rewrite-URL: //evil.test/\r\n', 'Host: x\r\nX-Target: evil.test\r\n', 'Host: x\r\nProxy: http://evil.test/\r\n',
  'Host: x\r\nX-HTTP-Method-Override: CONNECT\r\n', 'Host: ../../evil\r\n', 'Host: x/../evil.test\r\n', 'Host: [::1\r\n', 'Host:\r\n', 'Host: 127.0.0.1\r\n', 'Host: api.provider.test\r\n',
  'Host : evil.test\r\n', ' Host: evil.test\r\n', 'Host: x\r\n evil.test\r\n', 'Host: x\r\nAuthorization: Bearer mine\r\n', 'Host: x\r\nCookie: a=b\r\nProxy-Authorization: Basic eDp5\r\n',
  'Host: x\r\nConnection: X-Nexus-Key, Authorization, close\r\n', 'Host: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n',
].map((lines) => raw(`header lines ${JSON.stringify(lines)}`, get('/h', lines)));

const smuggled = `GET /smuggled HTTP/1.1\r\nHost: evil.test\r\nX-Nexus-Connection: ${id}\r\n\r\n`;
const post = (lines, body) => `POST /s HTTP/1.1\r\nHost: x\r\n${auth}${lines}\r\n${body}`;
export const smuggling = [
  ['a length and chunked', `Content-Length: 4\r\nTransfer-Encoding: chunked\r\n`, `0\r\n\r\n${smuggled}`], ['chunked and a length', `Transfer-Encoding: chunked\r\nContent-Length: 4\r\n`, `0\r\n\r\n${smuggled}`],
  ['two lengths', `Content-Length: 0\r\nContent-Length: 100\r\n`, smuggled], ['the same length twice', `Content-Length: 0\r\nContent-Length: 0\r\n`, smuggled], ['a list of lengths', `Content-Length: 0, 0\r\n`, smuggled],
  ['a signed length', `Content-Length: +4\r\n`, `abcd${smuggled}`], ['a negative length', `Content-Length: -1\r\n`, smuggled], ['a length in hexadecimal', `Content-Length: 0x4\r\n`, `abcd${smuggled}`],
  ['a length too large to count', `Content-Length: 99999999999999999999\r\n`, smuggled], ['an empty length', `Content-Length:\r\n`, smuggled], ['a length with a blank inside', `Content-Length: 0 4\r\n`, smuggled],
  ['another coding', `Transfer-Encoding: identity\r\n`, smuggled], ['a coding of one letter more', `Transfer-Encoding: xchunked\r\n`, smuggled], ['two codings', `Transfer-Encoding: gzip, chunked\r\n`, `0\r\n\r\n${smuggled}`],
  ['a coding twice', `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n`, `0\r\n\r\n${smuggled}`], ['a blank before the colon', `Transfer-Encoding : chunked\r\n`, `0\r\n\r\n${smuggled}`],
  ['a tab before the coding', `Transfer-Encoding:\tchunked\r\n`, `0\r\n\r\n${smuggled}`], ['a vertical tab', `Transfer-Encoding: \x0bchunked\r\n`, `0\r\n\r\n${smuggled}`], ['a quoted coding', `Transfer-Encoding: "chunked"\r\n`, `0\r\n\r\n${smuggled}`],
  ['a folded coding', `Transfer-Encoding:\r\n chunked\r\n`, `0\r\n\r\n${smuggled}`], ['an underscore', `Content_Length: 0\r\nTransfer_Encoding: chunked\r\n`, smuggled], ['a bare LF behind the coding', `Transfer-Encoding: chunked\nX: y\r\n`, `0\r\n\r\n${smuggled}`],
  ['a bare CR in a value', `X: a\rTransfer-Encoding: chunked\r\n`, smuggled], ['a NUL in a value', `X: a\0b\r\n`, smuggled], ['a chunk size that overflows', `Transfer-Encoding: chunked\r\n`, `10000000000000000\r\n${smuggled}`],
  ['a chunk size with a sign', `Transfer-Encoding: chunked\r\n`, `-1\r\n${smuggled}`], ['a chunk size with 0x', `Transfer-Encoding: chunked\r\n`, `0x0\r\n\r\n${smuggled}`], ['an extension with a line inside', `Transfer-Encoding: chunked\r\n`, `0;a=\nb\r\n\r\n${smuggled}`],
  ['a chunk longer than it says', `Transfer-Encoding: chunked\r\n`, `1\r\nabc\r\n0\r\n\r\n${smuggled}`], ['a trailer that is a request', `Transfer-Encoding: chunked\r\n`, `0\r\nGET /smuggled HTTP/1.1\r\nHost: evil.test\r\n\r\n`],
  ['a trailer with a credential', `Transfer-Encoding: chunked\r\n`, `0\r\nAuthorization: Bearer mine\r\nHost: evil.test\r\n\r\n`], ['an expectation', `Expect: 100-continue\r\nContent-Length: 4\r\n`, `abcd${smuggled}`],
].map(([name, lines, body]) => raw(name, post(lines, body), 'no smuggled one'))
  .concat([raw('HTTP/0.9', `GET /h\r\n`, 'bad request'), raw('HTTP/2.0 in the line', `GET / HTTP/2.0\r\nHost: x\r\n${auth}\r\n`, 'provider or bad request'), raw('CONNECT', `CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n${auth}\r\n`),
    raw('TRACE', `TRACE / HTTP/1.1\r\nHost: x\r\n${auth}\r\n`), raw('two blanks', `GET  /  HTTP/1.1\r\nHost: x\r\n${auth}Connection: close\r\n\r\n`), raw('a preface of HTTP/2', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`, 'bad request'),
    raw('a word of PROXY', `PROXY TCP4 1.2.3.4 127.0.0.1 1 2\r\n${get('/')}`, 'bad request')]);

/** Answers of the provider that ask for a second request: passed to the caller, never followed. */
export const answers = [
  ...redirects.map(({ status, headers }) => ({ status, headers })), ...Object.entries(detours).map(([name, value]) => ({ status: 200, headers: { [name]: value } })),
  ...['/decoy/x', '/decoy', 'http://127.0.0.1/', '//127.0.0.1/', '@decoy', '/to/', '/%64ecoy/'].map((value) => ({ status: 200, headers: { 'x-accel-redirect': value } })),
  { status: 200, headers: { 'x-sendfile': '/etc/passwd', 'x-lighttpd-send-file': '/etc/passwd' } },
].map((answer) => ({ name: `answer ${JSON.stringify(answer)}`, connection: { api_base_url: BASE }, path: `/answer/${Buffer.from(JSON.stringify(answer)).toString('base64url')}`, answer, why: 'passed on' }));
