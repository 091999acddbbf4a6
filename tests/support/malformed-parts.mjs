// The lists behind malformed.mjs: bodies, query values, path segments, headers and whole requests that are wrong whatever
// the route is.
const text = (value) => Buffer.from(value);
const bytes = (...values) => Buffer.from(values);
const long = (size, fill = 'x') => fill.repeat(size);

/** [[name, Buffer]]; `good` is a body that would be taken. */
export function badBodies(good) {
  const json = JSON.stringify(good);
  const [first] = Object.keys(good);
  const inner = JSON.stringify(good[first]);
  const withFirst = (value) => text(json.replace(`${JSON.stringify(first)}:${inner}`, `${JSON.stringify(first)}:${value}`));
  return [
    ['empty', text('')],
    ['blank', text('  \r\n\t ')],
    ['a brace', text('{')],
    ['cut off', text(json.slice(0, -1))],
    ['cut in the middle', text(json.slice(0, json.length / 2))],
    ['a list', text(`[${json}]`)],
    ['an empty list', text('[]')],
    ['a string', text('"x"')],
    ['a number', text('1')],
    ['null', text('null')],
    ['true', text('true')],
    ['two objects', text(`${json}${json}`)],
    ['something behind it', text(`${json} x`)],
    ['a comma at the end', text(`${json.slice(0, -1)},}`)],
    ['a comment', text(`/* */${json}`)],
    ['single quotes', text(json.replaceAll('"', '\''))],
    ['unquoted names', text(json.replaceAll(/"(\w+)":/g, '$1:'))],
    ['a byte order mark', Buffer.concat([bytes(0xef, 0xbb, 0xbf), text(json)])],
    ['UTF-16', Buffer.from(json, 'utf16le')],
    ['binary', bytes(0, 1, 2, 255, 254)],
    ['a form', text('name=x&profile=y')],
    ['XML', text('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>')],
    ['a member twice', text(`{"${first}":${inner},${json.slice(1)}`)],
    ['a member twice, once escaped', text(`{"\\u${first.charCodeAt(0).toString(16).padStart(4, '0')}${first.slice(1)}":1,${json.slice(1)}`)],
    ['NUL in a value', withFirst('"a\\u0000b"')],
    ['NUL in a name', text(`{"a\\u0000b":1,${json.slice(1)}`)],
    ['a raw NUL', Buffer.concat([text('{"a'), bytes(0), text(`":1,${json.slice(1)}`)])],
    ['a raw line break in a string', withFirst('"a\nb"')],
    ['a lone surrogate', withFirst('"\\ud800"')],
    ['surrogates the wrong way round', withFirst('"\\udc00\\ud800"')],
    ['invalid UTF-8', Buffer.concat([text(`{"${first}":"`), bytes(0xff, 0xfe), text('"}')])],
    ['overlong UTF-8', Buffer.concat([text(`{"${first}":"`), bytes(0xc0, 0xaf), text('"}')])],
    ['a surrogate in UTF-8', Buffer.concat([text(`{"${first}":"`), bytes(0xed, 0xa0, 0x80), text('"}')])],
    ['beyond Unicode', Buffer.concat([text(`{"${first}":"`), bytes(0xf4, 0x90, 0x80, 0x80), text('"}')])],
    ['a bad escape', withFirst('"\\x41"')],
    ['half an escape', withFirst('"\\u12"')],
    ['infinity', withFirst('1e999')],
    ['400 digits', withFirst(long(400, '9'))],
    ['a fraction of 400 digits', withFirst(`0.${long(400, '9')}`)],
    ['beyond 64 bits', withFirst('18446744073709551616')],
    ['an exponent beyond all', withFirst(`1e${long(30, '9')}`)],
    ['NaN', withFirst('NaN')],
    ['a hexadecimal number', withFirst('0x10')],
    ['a leading zero', withFirst('012')],
    ['17 levels', withFirst(`${long(17, '[')}${long(17, ']')}`)],
    ['100000 levels of lists', withFirst(`${long(100000, '[')}${long(100000, ']')}`)],
    ['50000 levels of objects', text(`${long(50000, '{"a":')}1${long(50000, '}')}`)],
    ['100000 open lists', text(long(100000, '['))],
    ['10000 members', text(`{${Array.from({ length: 10000 }, (_, i) => `"m${i}":${i}`).join(',')}}`)],
    ['a name of 100000 bytes', text(`{"${long(100000)}":1}`)],
    ['600 KiB', text(`{"a":"${long(600 * 1024)}"}`)],
    ['1 MiB and one', text(`{"a":"${long(1024 * 1024)}"}`)],
    ['__proto__', text(`{"__proto__":{"admin":true},${json.slice(1)}`)],
  ];
}

/** Bodies of application/x-www-form-urlencoded. */
export const badForms = [
  '&&&', '=', '====', 'a', 'a&a', 'a=1&a=2', '%zz=1', 'a=%', 'a=%00', '%00=a', 'a=%ff%fe', 'a=%c0%af', 'a[]=1&a[b]=2', 'a;b', `a=${long(100000)}`,
  `${long(100000)}=1`, Array.from({ length: 5000 }, (_, i) => `p${i}=${i}`).join('&'), '\xff\xfe=\0', '__proto__[admin]=1', 'a=<script>alert(1)</script>',
];

/** Values of a query parameter, percent-encoded as sent. */
export const badQueryValues = [
  '', '0', '-1', '1001', '1.5', '1e3', '0x10', '%2b1', '+1', '1+', '99999999999999999999999', '-99999999999999999999999', 'x', 'null', 'true', '%00', '%ff', '%c0%af',
  '%zz', '%', '%4', '%0d%0aX-Evil:%201', '\'%20or%20\'1\'=\'1', '%25s%25n', '../../etc/passwd', '%e2%80%ae', '[]', '{}', long(2500),
  'AAAA', 'bm90LWEtY3Vyc29y', '%F0%9F%94%91',
];

/** What may stand where an id should. */
export const badPathSegments = [
  'x', '0', '-1', 'null', 'undefined', '*', '%2a', '%', '%zz', '%4', '%00', 'a%00b', '%ff', '%c0%ae%c0%ae', '..', '.', '%2e%2e', '..%2f..%2fetc%2fpasswd', '..%5c..', '%0d%0aX-Evil:%201',
  ';a=b', '3f0e7f64-0d2b-4f6b-9a53-2c1d8a7be10', '3f0e7f64-0d2b-4f6b-9a53-2c1d8a7be1010', '3f0e7f64-0d2b-4f6b-9a53-2c1d8a7be10g', '3f0e7f640d2b4f6b9a532c1d8a7be101',
  '%7b3f0e7f64-0d2b-4f6b-9a53-2c1d8a7be101%7d', '3f0e7f64-0d2b-4f6b-9a53-2c1d8a7be101%20', '%203f0e7f64-0d2b-4f6b-9a53-2c1d8a7be101', '3f0e7f64-0d2b-4f6b-9a53-2c1d8a7be101%0a',
  '\'%20or%201=1--', '%7B%7D', '{id}', '%F0%9F%94%91', '%ef%bc%91', long(3000), 'a%2fb', 'a%252fb',
];

export const otherMethods = [
  'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'BREW', 'get', 'GETT', 'PROPFIND', long(17, 'M'), 'G(T',
];

/** [[name, headers]] that must not let anyone in; key fits the route. */
export function badHeaders(key) {
  return [
    ['none', []],
    ['empty', [['X-API-Key', '']]],
    ['blank', [['X-API-Key', '   ']]],
    ['wrong', [['X-API-Key', 'wrong']]],
    ['one character less', [['X-API-Key', key.slice(0, -1)]]],
    ['one character more', [['X-API-Key', `${key}x`]]],
    ['other case', [['X-API-Key', swapCase(key)]]],
    ['8 KiB', [['X-API-Key', long(8192, 'k')]]],
    ['the same twice', [['X-API-Key', key], ['X-API-Key', key]]],
    ['twice, one wrong', [['X-API-Key', 'wrong'], ['X-API-Key', key]]],
    ['the same in both places', [['X-API-Key', key], ['Authorization', `Bearer ${key}`]]],
    ['the same Authorization twice', [['Authorization', `Bearer ${key}`], ['Authorization', `Bearer ${key}`]]],
    ['listed', [['X-API-Key', `${key}, ${key}`]]],
    ['Basic', [['Authorization', `Basic ${Buffer.from(`${key}:`).toString('base64')}`]]],
    ['Bearer without a key', [['Authorization', 'Bearer']]],
    ['Bearer with two keys', [['Authorization', `Bearer ${key} ${key}`]]],
    ['no scheme', [['Authorization', key]]],
    ['Negotiate', [['Authorization', 'Negotiate AAAA']]],
    ['not ASCII', [['X-API-Key', 'k\u00e9y\u00ff']]],
    ['an agent\'s form', [['X-API-Key', 'nxa_abcdefgh01234567_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA']]],
    ['in a cookie', [['Cookie', `X-API-Key=${key}`]]],
    ['with an underscore', [['X_API_Key', key]]],
  ];
}

const swapCase = (value) => value.replace(/[a-z]/i, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()));

/** Requests that are odd around the edges: headers, content types, bodies where none belongs. */
export function oddities(base) {
  const add = (name, more, expect = 'answered') => ({ ...base, name: `oddity: ${name}`, ...more, expect });
  const withHeaders = (name, headers, expect) => add(name, { headers: [...base.headers, ...headers] }, expect);
  const contentTypes = [
    'text/plain', '', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/json; charset=utf-16',
    'application/json, application/json', long(5000), ';;;', 'application/json; charset="', '\u00ff/\u00ff',
  ];
  return [
    ...contentTypes.map((value) => withHeaders(`Content-Type ${value.slice(0, 30)}`, [['Content-Type', value]])),
    withHeaders('two content types', [['Content-Type', 'application/json'], ['Content-Type', 'text/plain']]),
    withHeaders('Content-Encoding gzip', [['Content-Encoding', 'gzip']]),
    withHeaders('Accept of nothing', [['Accept', 'image/png;q=0']]),
    withHeaders('Range', [['Range', 'bytes=0-0,1-1,2-2']]),
    withHeaders('If-None-Match', [['If-None-Match', '*']]),
    withHeaders('method override', [['X-HTTP-Method-Override', 'DELETE']]),
    withHeaders('X-Nexus-Agent', [['X-Nexus-Agent', '\'; drop table agents; --']]),
    withHeaders('X-Nexus-Agent twice', [['X-Nexus-Agent', '3f0e7f64-0d2b-4f6b-9a53-2c1d8a7be101'], ['X-Nexus-Agent', 'x']]),
    withHeaders('X-Request-Id of 10000 bytes', [['X-Request-Id', long(10000)]]),
    withHeaders('X-Request-Id with markup', [['X-Request-Id', '<script>"\\']]),
    withHeaders('X-Real-IP of nonsense', [['X-Real-IP', '999.999.999.999']]),
    withHeaders('X-Real-IP twice', [['X-Real-IP', '127.0.0.1'], ['X-Real-IP', '10.0.0.1']]),
    withHeaders('X-Forwarded-For of 5000 bytes', [['X-Forwarded-For', long(5000, '1,')]]),
    withHeaders('User-Agent of 20000 bytes', [['User-Agent', long(20000)]]),
    withHeaders('User-Agent of other bytes', [['User-Agent', '\u00ff\u00fe\u0080']]),
    withHeaders('a cookie of 8 KiB', [['Cookie', long(8192)]]),
    withHeaders('120 headers', Array.from({ length: 120 }, (_, i) => [`X-H${i}`, '1'])),
    withHeaders('a header of 40 KiB', [['X-Big', long(40 * 1024)]]),
    withHeaders('80 KiB of headers', Array.from({ length: 80 }, (_, i) => [`X-H${i}`, long(1024)])),
    withHeaders('a header name of 10000 bytes', [[long(10000), '1']]),
    withHeaders('Expect of nonsense', [['Expect', 'the-unexpected']]),
    withHeaders('Expect 100-continue', [['Expect', '100-continue']]),
    withHeaders('Upgrade', [['Upgrade', 'websocket'], ['Connection', 'Upgrade']]),
    withHeaders('h2c', [['Upgrade', 'h2c'], ['Connection', 'Upgrade, HTTP2-Settings'], ['HTTP2-Settings', 'AAMAAABkAAQAAP__']]),
    withHeaders('Connection names the key', [['Connection', 'close, X-API-Key']]),
    add('a body', { body: Buffer.from('{"surprising_member":1}') }),
    add('a body of bytes', { body: Buffer.from([0, 255, 0, 255]) }),
    add('a body of 2 MiB', { body: Buffer.alloc(2 << 20, 'x') }, 'any'),
  ];
}

/** Whole requests, by the byte: framing, smuggling, request lines. `alone`: there must be no second answer. */
export function transport(base) {
  const key = base.key === undefined ? '' : `X-API-Key: ${base.key}\r\n`;
  const line = `${base.method} ${base.target} HTTP/1.1\r\n`;
  const host = 'Host: localhost\r\n';
  const end = 'Connection: close\r\n\r\n';
  const smuggled = `GET /providers HTTP/1.1\r\n${host}${key}\r\n`;
  const chunked = 'Transfer-Encoding: chunked\r\n';
  const add = (name, parts, more = {}) => ({ ...base, name: `transport: ${name}`, bytes: Buffer.concat([parts].flat().map((part) => Buffer.from(part, 'latin1'))), expect: 'any', ...more });
  const headers = (name, lines, body = '', more = {}) => add(name, `${line}${host}${key}${lines}${end}${body}`, more);
  const alone = { alone: true };
  return [
    // ---- framing
    headers('Content-Length and chunked', `Content-Length: 5\r\n${chunked}`, `0\r\n\r\n${smuggled}`, alone),
    headers('chunked and Content-Length', `${chunked}Content-Length: 5\r\n`, `0\r\n\r\n${smuggled}`, alone),
    headers('two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n', `hello${smuggled}`, alone),
    headers('two equal lengths', 'Content-Length: 5\r\nContent-Length: 5\r\n', `hello${smuggled}`, alone),
    headers('a list of lengths', 'Content-Length: 5, 5\r\n', `hello${smuggled}`, alone),
    ...['+5', '-1', '0x5', '5 5', '5;', '5.0', '', ' ', '5e0', '\u00b5', '99999999999999999999', '18446744073709551621', '2147483648'].map((value) =>
      headers(`Content-Length ${value}`, `Content-Length: ${value}\r\n`, `hello${smuggled}`, { ...alone, close: true })),
    headers('a blank before the colon', 'Content-Length : 5\r\n', `hello${smuggled}`, alone),
    headers('a tab before the colon', 'Transfer-Encoding\t: chunked\r\n', `0\r\n\r\n${smuggled}`, alone),
    headers('a vertical tab in chunked', 'Transfer-Encoding: \x0bchunked\r\n', `0\r\n\r\n${smuggled}`, alone),
    headers('a folded Transfer-Encoding', 'Transfer-Encoding:\r\n chunked\r\n', `0\r\n\r\n${smuggled}`, alone),
    ...['xchunked', 'chunked, identity', 'identity, chunked', 'identity', 'gzip, chunked', 'chunked, chunked', 'CHUNKED', '"chunked"', 'chunked;a=b'].map((value) =>
      headers(`Transfer-Encoding ${value}`, `Transfer-Encoding: ${value}\r\n`, `0\r\n\r\n${smuggled}`, { ...alone, close: true })),
    headers('chunked twice', `${chunked}${chunked}`, `0\r\n\r\n${smuggled}`, alone),
    add('chunked in HTTP/1.0', `${base.method} ${base.target} HTTP/1.0\r\n${host}${key}${chunked}\r\n0\r\n\r\n${smuggled}`, alone),
    headers('a bad chunk size', chunked, 'xyz\r\nhello\r\n0\r\n\r\n', { close: true }),
    headers('a negative chunk size', chunked, '-1\r\nhello\r\n0\r\n\r\n', { close: true }),
    headers('a huge chunk size', chunked, 'ffffffffffffffff\r\nhello\r\n0\r\n\r\n', { close: true }),
    headers('a chunk size beyond 64 bits', chunked, '10000000000000001\r\nh\r\n0\r\n\r\n', { close: true }),
    headers('a chunk size of 10000 digits', chunked, `${long(10000, '0')}1\r\nh\r\n0\r\n\r\n`, { close: true }),
    headers('a chunk longer than its size', chunked, '2\r\nhello\r\n0\r\n\r\n', { close: true }),
    headers('chunk extensions', chunked, `5;a="${long(3000)}"\r\nhello\r\n0\r\n\r\n`, { close: true }),
    headers('chunks with bare line feeds', chunked, '5\nhello\n0\n\n', { close: true }),
    headers('trailers', chunked, '5\r\nhello\r\n0\r\nX-API-Key: other\r\nContent-Length: 3\r\n\r\n', { close: true }),
    headers('chunks that never end', chunked, '5\r\nhello\r\n', { close: true }),
    headers('a body cut off', 'Content-Length: 1000\r\n', 'hello', { close: true }),
    headers('a body that never begins', 'Content-Length: 1000\r\n', '', { close: true }),
    headers('more body than said', 'Content-Length: 2\r\n', `hello${smuggled}`, alone),
    headers('a request behind it', '', smuggled, alone),
    headers('0 bytes and a request behind them', 'Content-Length: 0\r\n', smuggled, alone),
    // ---- headers
    headers('no colon', 'X-Nonsense\r\n'),
    headers('no name', ': value\r\n'),
    headers('a folded header', 'X-Folded: a\r\n b\r\n'),
    headers('a NUL in a value', 'X-Nul: a\0b\r\n'),
    headers('a bare carriage return', 'X-Cr: a\rX-API-Key: b\r\n'),
    headers('a bare line feed', 'X-Lf: a\nX-API-Key: b\r\n'),
    headers('a NUL in a name', 'X-N\0l: a\r\n'),
    headers('a blank in a name', 'X Name: a\r\n'),
    headers('other bytes in a name', 'X-\xff\xfe: a\r\n'),
    headers('control characters in a value', 'X-Bell: a\x07\x7fb\r\n'),
    headers('two hosts', 'Host: other\r\n'),
    add('no host', `${line}${key}${end}`),
    add('an empty host', `${line}Host: \r\n${key}${end}`),
    ...['a b', 'a/b', '[::1', '127.0.0.1:99999', 'a@b', '\x7f', long(5000)].map((value) => add(`host ${value.slice(0, 20)}`, `${line}Host: ${value}\r\n${key}${end}`)),
    // ---- request lines
    add('only line breaks', '\r\n\r\n\r\n\r\n', { close: true }),
    add('nothing', '', { close: true }),
    add('a head cut off', `${line}${host}`, { close: true }),
    add('half a line', line.slice(0, 8), { close: true }),
    add('bare line feeds', `${line}${host}${key}${end}`.replaceAll('\r\n', '\n')),
    add('HTTP/0.9', `GET ${base.target}\r\n`, { close: true }),
    ...['HTTP/2.0', 'HTTP/1.2', 'HTTP/1', 'HTTP/11', 'http/1.1', 'HTTP/1.1 x', 'HTTP/01.1', 'HTTQ/1.1', 'HTTP/1.01', ''].map((version) =>
      add(`version ${version}`, `${base.method} ${base.target} ${version}\r\n${host}${key}${end}`)),
    add('two blanks', `${base.method}  ${base.target} HTTP/1.1\r\n${host}${key}${end}`),
    add('a tab for a blank', `${base.method}\t${base.target}\tHTTP/1.1\r\n${host}${key}${end}`),
    add('a blank in the target', `${base.method} ${base.target} x HTTP/1.1\r\n${host}${key}${end}`),
    add('a blank before the method', ` ${line}${host}${key}${end}`),
    add('no method', `${base.target} HTTP/1.1\r\n${host}${key}${end}`),
    add('an absolute target', `${base.method} http://localhost${base.target} HTTP/1.1\r\n${host}${key}${end}`),
    add('an absolute target elsewhere', `${base.method} http://elsewhere.invalid${base.target} HTTP/1.1\r\n${host}${key}${end}`),
    add('a target with a user', `${base.method} http://u:p@localhost${base.target} HTTP/1.1\r\n${host}${key}${end}`),
    add('an asterisk', `OPTIONS * HTTP/1.1\r\n${host}${key}${end}`),
    add('an authority', `CONNECT localhost:443 HTTP/1.1\r\n${host}${key}${end}`),
    add('no slash', `${base.method} x${base.target} HTTP/1.1\r\n${host}${key}${end}`, { path: '/' }),
    add('a fragment', `${base.method} ${base.target}#x HTTP/1.1\r\n${host}${key}${end}`),
    add('other bytes in the target', `${base.method} ${base.target}\xff\xfe HTTP/1.1\r\n${host}${key}${end}`, { path: '/' }),
    add('a NUL in the target', `${base.method} ${base.target}\0 HTTP/1.1\r\n${host}${key}${end}`, { path: '/' }),
    add('control characters in the target', `${base.method} ${base.target}\x01\x7f HTTP/1.1\r\n${host}${key}${end}`, { path: '/' }),
    add('a backslash', `${base.method} ${base.target.replaceAll('/', '\\')} HTTP/1.1\r\n${host}${key}${end}`, { path: '/' }),
    add('a target of 40 KiB', `${base.method} ${base.target}?${long(40 * 1024)} HTTP/1.1\r\n${host}${key}${end}`),
    add('2000 segments', `${base.method} ${long(2000, '/a')} HTTP/1.1\r\n${host}${key}${end}`, { path: '/' }),
    add('climbing', `${base.method} ${base.path}/../../../../../../etc/passwd HTTP/1.1\r\n${host}${key}${end}`, { path: '/' }),
    // ---- other protocols
    add('an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', { close: true }),
    add('a TLS hello', [Buffer.from('16030100c8010000c403035a', 'hex').toString('latin1'), long(190, '\x00')], { close: true }),
    add('a Redis command', '*1\r\n$4\r\nPING\r\n', { close: true }),
    add('noise', long(3000, '\xde\xad\xbe\xef'), { close: true }),
  ];
}
