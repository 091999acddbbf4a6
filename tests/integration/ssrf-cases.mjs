// Where an attacker would have nexusd connect to, written in every way that some URL parser or resolver takes.

/** Addresses of every special-purpose network (IANA registries, RFC 6890): first and last ones, and famous ones. */
export const privateV4 = [
  '0.0.0.0', '0.255.255.255', '10.0.0.0', '10.255.255.255', '100.64.0.1', '100.100.100.200', '100.127.255.254', '127.0.0.1', '127.0.0.3',
  '127.255.255.254', '169.254.0.1', '169.254.169.254', '169.254.170.2', '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.0.192',
  '192.0.2.1', '192.88.99.1', '192.168.0.1', '192.168.255.255', '198.18.0.1', '198.19.255.255', '198.51.100.1', '203.0.113.1',
  '240.0.0.1', '255.255.255.254',
];
/** No connection can be opened to these, whatever the guard says. */
export const unreachableV4 = ['224.0.0.1', '239.255.255.255', '255.255.255.255'];

export const privateV6 = [
  '::', '::1', '::2', '::127.0.0.1', '::8.8.8.8', '::ffff:127.0.0.1', '::ffff:7f00:3', '::ffff:10.0.0.1', '::ffff:169.254.169.254',
  '::ffff:0:127.0.0.1', '64:ff9b::127.0.0.1', '64:ff9b::10.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::1', '64:ff9b:1::8.8.8.8', '100::1',
  '2001::1', '2001:0:7f00:1::1', '2001:0:4136:e378:8000:63bf:80ff:fffe', '2001:2::1', '2001:20::1', '2001:db8::1',
  '2002:7f00:1::1', '2002:a00:1::1', '2002:a9fe:a9fe::1', '2002:c0a8:1::1', '3fff::1', '5f00::1', 'fc00::1', 'fd00::1', 'fd00:ec2::254',
  'fdff:ffff::1', 'fec0::1', '4000::1',
];
export const unreachableV6 = ['2001:10::1', 'fe80::1', 'febf::1', 'ff02::1', 'ff0e::1'];

const hostOf = (address) => (address.includes(':') ? `[${address}]` : address);

/** https URLs with the addresses themselves. */
export const literalUrls = [...privateV4, ...privateV6].map((address) => `https://${hostOf(address)}/latest/meta-data`);
export const unreachableUrls = [...unreachableV4, ...unreachableV6].map((address) => `https://${hostOf(address)}/`);

/** The same addresses over http, which has no certificate to check, and on the ports of other services. */
export const plainUrls = ['127.0.0.1', '[::1]', '169.254.169.254', '10.0.0.1', '8.8.8.8', '[2606:4700::1111]'].map((host) => `http://${host}/`);

/** Loopback and the metadata service, in other forms than dotted decimal. */
export const numberUrls = [
  '2130706433', '2130706435', '0x7f000001', '0X7F000001', '0x7f.0x0.0x0.0x1', '0x7f.1', '017700000001', '0177.0.0.1', '0177.0.0.01',
  '00000177.0.0.1', '127.000.000.001', '127.1', '127.0.1', '127.0.0.0x1', '127.0.0.1.', '127.1.', '2852039166', '0xa9fea9fe',
  '0251.0376.0251.0376', '0xa9.254.0xa9.254', '169.16689662', '4294967296', '6425673729', '0', '0x0', '00', '1', '0.1', '010.0.0.1',
  '12.1', '3232235521', '0xc0a80001', '0300.0250.1', '1.2.3.4.5', '256.0.0.1', '999999999999', '127.0.0.1.0x', 'a.127',
].map((host) => `https://${host}/`);

/** Texts in which one parser sees a public host, or none, and another one the decoy. */
export const crookedUrls = [
  'https://localhost/', 'https://LOCALHOST/', 'https://localhost./', 'https://a.localhost/', 'https://a.b.LocalHost./',
  'https://public.example@127.0.0.1/', 'https://public.example:443@127.0.0.1/', 'https://user:pass@127.0.0.1/', 'https://@127.0.0.1/',
  'https://127.0.0.1\\@public.example/', 'https://public.example\\@127.0.0.1/', 'https:\\\\127.0.0.1/', 'https:/\\127.0.0.1/',
  'https:/127.0.0.1/', 'https:127.0.0.1/', 'https:///127.0.0.1/', 'https:////127.0.0.1/', '//127.0.0.1/', '/127.0.0.1', '127.0.0.1',
  '127.0.0.1:443', 'localhost:443/', 'https://%31%32%37.0.0.1/', 'https://127%2e0%2e0%2e1/', 'https://%6c%6f%63alhost/',
  'https://127.0.0.1%2f@public.example/', 'https://127.0.0.1%00.public.example/', 'https://127.0.0.1%23.public.example/',
  'https://127。0。0。1/', 'https://１２７.0.0.1/', 'https://①②⑦.⓪.⓪.①/', 'https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/', 'https://ⅼocalhost/', 'https://loc\u00adalhost/',
  'https://%E2%91%A0%E2%91%A1%E2%91%A6.0.0.1/', 'https://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1/', 'https://127.0.0.1 .public.example/',
  'https://127.0.0.1\t/', 'https://127.0.\n0.1/', 'https://127.0.0.1\r\nHost: public.example/', ' https://127.0.0.1/', 'ht\ttps://127.0.0.1/',
  'https://[::1%25lo]/', 'https://[::1%lo]/', 'https://[fe80::1%25lo]/', 'https://[fe80::1%1]/', 'https://[::1]:443@public.example/',
  'https://[::ffff:127.0.0.1]:443/', 'https://[0:0:0:0:0:ffff:7f00:1]/', 'https://[::FFFF:7F00:0001]/', 'https://[0000::0001]/',
  'https://[::127.1]/', 'https://[::ffff:0x7f.1]/', 'https://[127.0.0.1]/', 'https://[localhost]/', 'https://::1/', 'https://[::1/',
  'https://127.0.0.1:00443/', 'https://127.0.0.1:443:80/', 'https://127.0.0.1:0/', 'https://127.0.0.1:65979/', 'https://127.0.0.1:/',
  'https://127.0.0.1:+443/', 'https://127.0.0.1?@public.example/', 'https://127.0.0.1#@public.example/', 'https://public.example#@127.0.0.1/',
  'HTTPS://127.0.0.1/', 'hTTp://127.0.0.1/', 'https://127.0.0.1/..;/', 'url:https://127.0.0.1/', 'x:https://127.0.0.1/',
  'file:///etc/passwd', 'file://127.0.0.1/etc/passwd', 'ftp://127.0.0.1/', 'gopher://127.0.0.1:443/_GET', 'dict://127.0.0.1:443/info',
  'ldap://127.0.0.1/', 'tftp://127.0.0.1/x', 'smb://127.0.0.1/x', 'telnet://127.0.0.1:443/', 'ws://127.0.0.1/', 'unix:/run/x.sock',
  'http+unix://%2frun%2fx.sock/', 'data:application/json,{}', 'javascript:0', 'jar:https://127.0.0.1!/',
];

/** Ways in which an answer of the provider may ask for a second request. */
export const redirects = [301, 302, 303, 307, 308, 300, 305].flatMap((status) => [
  { status, headers: { location: 'http://127.0.0.1/latest' } },
  { status, headers: { location: 'https://169.254.169.254/latest' } },
  { status, headers: { location: '//[::1]/' } },
]).concat([
  { status: 401, headers: { location: 'http://127.0.0.1/', 'www-authenticate': 'Negotiate, NTLM, Basic realm="x"' } },
  { status: 407, headers: { 'proxy-authenticate': 'Basic realm="x"' } },
  { status: 201, headers: { location: 'http://127.0.0.1/' } },
  { status: 503, headers: { refresh: '0; url=http://127.0.0.1/', 'retry-after': '0' } },
]);

/** Headers of a good answer that would lead later requests elsewhere. */
export const detours = {
  'alt-svc': 'h2="127.0.0.1:443"; ma=86400, h3=":443", http/1.1="127.0.0.1:80"; persist=1',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  link: '<http://127.0.0.1/>; rel=preload',
  refresh: '0; url=http://127.0.0.1/',
  'content-location': 'http://127.0.0.1/',
  'set-cookie': 'a=b; Domain=127.0.0.1; Path=/',
};

/**
 * Names and what DNS says of them. `provider` is the one address that may be asked, and is on the port of the URL;
 * `lookups` answers the first question one way and the later ones another way.
 */
export function dnsCases(provider) {
  const rebinding = (first, later) => (times) => (times === 1 ? first : later);
  return {
    fixed: Object.fromEntries([
      ...[...privateV4, ...privateV6].map((address, i) => [`fixed-${i}.test`, address]),
      ['two-private.test', ['10.0.0.1', '169.254.169.254']],
      ['both-families.test', ['127.0.0.1', '::1']],
      ['alias.test', { cname: 'localhost.test' }],
      ['localhost.test', '127.0.0.1'],
      ['127.0.0.1.nip.test', '127.0.0.1'],
      ['metadata.internal', '169.254.169.254'],
      ['xn--bcher-kva.test', '::ffff:127.0.0.1'],
      ['trailing.test', '127.0.0.1'],
    ]),
    changing: {
      'to-loopback.test': rebinding(provider, '127.0.0.1'),
      'to-neighbour.test': rebinding(provider, '127.0.0.3'),
      'to-metadata.test': rebinding(provider, '169.254.169.254'),
      'to-private.test': rebinding(provider, '10.0.0.1'),
      'to-v6.test': rebinding(provider, '::1'),
      'to-mapped.test': rebinding(provider, '::ffff:127.0.0.1'),
      'to-both.test': rebinding(provider, ['127.0.0.1', '::1']),
      'to-alias.test': rebinding(provider, { cname: 'localhost.test' }),
      'to-public.test': rebinding(provider, '8.8.8.8'),   // plain http, and not named
    },
    mixed: {
      'decoy-first.test': ['127.0.0.1', provider],
      'decoy-second.test': [provider, '127.0.0.1'],
      'decoy-v6.test': [provider, '::1'],
      'decoys-around.test': ['10.0.0.1', '127.0.0.1', provider, '169.254.169.254', '::1', 'fd00::1'],
    },
  };
}
