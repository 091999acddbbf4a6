// nginx -t: combinations that are refused, with a sentence; the manual and the tables agree; conf/ loads.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { newKey } from '../support/keys.mjs';
import { testConfig } from '../support/nginx.mjs';
import { repository } from '../support/paths.mjs';
import { startEdge } from './edge-fixture.mjs';

const files = { 'cache.key': newKey(), 'edge.key': newKey(), 'short.key': 'short' };

/** `nginx -t` of one server with these directives. */
function check(t, server, http = '', cacheKey = '') {
  return testConfig(t, {
    files,
    env: { BAD_ORIGINS: 'https://a.example, b.example' },
    config: ({ dir, port, globals, http: common }) => `
${globals}
events {}
http {
    ${common}
    nexus_cache zone=nexus:4m;
    nexus_redis unix:${dir}/redis.sock;
    nexus_cache_key file:cache.key ${cacheKey};
    nexus_control_plane_key file:${dir}/edge.key;
    ${http}
    server {
        listen 127.0.0.1:${port};
        nexus_control_plane /_nexus;
        location /_nexus/ { internal; proxy_pass http://127.0.0.1:1/; }
        ${server}
    }
}`,
  });
}

const proxy = 'proxy_pass http://127.0.0.1:1;';
const cache = 'proxy_cache_path cache keys_zone=c:1m;';
const keeps = /"proxy_cache" and "proxy_store" would share one caller's answer/;
const refused = {
  'an odd payload': ['nexus_sigv4 payload=guess;', /takes payload=buffer, payload=unsigned or payload=stream/],
  'an odd region': ['nexus_sigv4 region=EU;', /names of a-z, 0-9 and -/],
  'a payload that only S3 leaves unsigned': ['nexus_sigv4 payload=unsigned service=dynamodb;', /service=s3 only/],
  'a payload that only S3 takes in chunks': ['nexus_sigv4 payload=stream service=dynamodb;', /can stream a payload for service=s3 only/],
  'a payload left unsigned for whatever a caller hints at': ['nexus_sigv4 payload=unsigned hints=*/sqs;', /service=s3 only/],
  'hints without a service': ['nexus_sigv4 hints=eu-west-3;', /takes hints=REGION\/SERVICE,/],
  'hints of every service': ['nexus_sigv4 hints=eu-west-3/*;', /takes hints=REGION\/SERVICE,/],
  'hints that end in a comma': ['nexus_sigv4 hints=*/s3,;', /takes hints=REGION\/SERVICE,/],
  'hints beside a region': ['nexus_sigv4 hints=*/s3 region=eu-west-3;', /from hints= or from region= and service=, not from both/],
  'signing with something else': ['nexus_sigv4 what=ever;', /takes payload=, region=, service= and hints=/],
  'signing twice': ['nexus_sigv4 region=a; nexus_sigv4 region=b;', /is duplicate/],
  'scrubbing that is neither on nor off': ['nexus_scrub_response maybe;', /takes off, or on/],
  'scrubbing of an odd size': ['nexus_scrub_response on body=much;', /takes body=SIZE/],
  'scrubbing of no bytes': ['nexus_scrub_response on body=0;', /takes body=SIZE/],
  'scrubbing off with a size': ['nexus_scrub_response off body=1k;', /takes off, or on/],
  'scrubbing odd cookies': ['nexus_scrub_response on set_cookie=eat;', /set_cookie=pass or set_cookie=drop/],
  'scrubbing something else': ['nexus_scrub_response on head=1;', /takes body=SIZE and set_cookie/],
  'scrubbing twice': ['nexus_scrub_response on; nexus_scrub_response off;', /is duplicate/],
  'a retry that is neither on nor off': ['nexus_retry_unauthorized maybe;', /takes off, or on/],
  'a retry of an odd size': ['nexus_retry_unauthorized on max_body=-1;', /takes max_body=SIZE/],
  'a size without a retry': ['nexus_retry_unauthorized off max_body=1m;', /takes off, or on/],
  'a retry on and off': ['nexus_retry_unauthorized on; nexus_retry_unauthorized off;', /is duplicate/],
  'satisfy any with authentication': ['location / { satisfy any; nexus_auth api_key; }', /"nexus_auth" cannot stand under "satisfy any"/],
  'satisfy any with a default': [`location / { satisfy any; nexus_inject auto; nexus_connection x; ${proxy} }`, /satisfy any/],
  'satisfy any where nobody is authenticated': [`location / { satisfy any; nexus_auth off; nexus_inject auto; nexus_connection x; ${proxy} }`, /"nexus_inject" cannot stand under "satisfy any"/],
  'satisfy any inherited': [`satisfy any; location / { nexus_api token; nexus_connection x; }`, /satisfy any/],
  'mtls where nobody is asked for a certificate': ['nexus_auth mtls;', /"nexus_auth mtls" needs "ssl_verify_client"/],
  'mtls with ssl_verify_client off': ['ssl_verify_client off; location / { nexus_auth mtls jwt; }', /needs "ssl_verify_client"/],
  'peer without a Unix socket': ['location / { nexus_auth peer; }', /"nexus_auth peer" needs a server that listens on a Unix socket/],
  'an unknown way to authenticate': ['nexus_auth yes;', /must be "off", or some of "api_key", "jwt", "mtls" and "peer", each once/],
  'off and a way to authenticate': ['nexus_auth off api_key;', /must be "off", or some of/],
  'a way to authenticate twice': ['nexus_auth jwt api_key jwt;', /must be "off", or some of/],
  'failed attempts without a rate': ['nexus_auth_failures burst=3;', /"nexus_auth_failures": needs rate=/],
  'failed attempts with an odd rate': ['nexus_auth_failures rate=10;', /rate is a number with r\/s, r\/m/],
  'failed attempts with a rate of none': ['nexus_auth_failures rate=0r/m;', /rate is a number/],
  'failed attempts with an odd burst': ['nexus_auth_failures rate=1r/s burst=x;', /burst is a number from 0 to 10000/],
  'a limit of a zone that is nowhere': ['location / { nexus_limit zone=nowhere; }', /"nexus_limit": there is no "nexus_limit_zone nowhere" in .*nginx\.conf:\d+/],
  'a limit without a zone': ['nexus_limit nodelay;', /"nexus_limit": needs zone=NAME, or is "off"/],
  'a limit and off': ['nexus_limit zone=z; nexus_limit off;', /"off" stands alone/],
  'off and a limit': ['nexus_limit off; nexus_limit zone=z;', /"off" stands alone/],
  'a zone used twice in one place': ['nexus_limit zone=z; nexus_limit zone=z;', /the zone is used twice here/],
  'an odd cost': ['nexus_limit zone=z cost=-1;', /cost is a number from 0 to 1000000/],
  'an odd delay': ['nexus_limit zone=z delay=x;', /delay is a number from 0 to 1000000/],
  'delays and none': ['nexus_limit zone=z delay=1 nodelay;', /invalid or repeated parameter "nodelay"/],
  'a limit with something else': ['nexus_limit zone=z burst=5;', /invalid or repeated parameter "burst=5"/],
  'delays that are too long': ['location / { nexus_limit zone=slow; }', /would hold requests for more than a minute: say "nodelay"/, 'nexus_limit_zone slow key=address rate=1r/m burst=2;'],
  'callers where nobody is authenticated': ['location / { nexus_limit zone=callers; }', /counts by caller, and nobody is authenticated here/, 'nexus_limit_zone callers key=caller rate=1r/s;'],
  'connections where none is used': ['location / { nexus_auth api_key; nexus_limit zone=c; }', /counts by connection, and none is used here/, 'nexus_limit_zone c key=$nexus_caller:${nexus_connection} rate=1r/s;'],
  'odd headers of limits': ['nexus_limit_headers draft;', /"nexus_limit_headers": must be "off", "ietf" or "x", not "draft" in .*nginx\.conf:\d+/],
  'a zone without a key': ['', /"nexus_limit_zone": needs key=/, 'nexus_limit_zone z rate=1r/s;'],
  'a zone without a rate': ['', /"nexus_limit_zone": needs rate=/, 'nexus_limit_zone z key=address;'],
  'a zone without a name': ['', /needs a name first/, 'nexus_limit_zone key=address rate=1r/s;'],
  'a key that is no key': ['', /key is "address", "caller"/, 'nexus_limit_zone z key=adress rate=1r/s;'],
  'a rate of none': ['', /rate is a number with r\/s, r\/m, r\/h or r\/d/, 'nexus_limit_zone z key=address rate=0r/s;'],
  'a rate that is no rate': ['', /rate is a number with/, 'nexus_limit_zone z key=address rate=10;'],
  'a burst that is no burst': ['', /burst is a number from 0 to 1000000/, 'nexus_limit_zone z key=address rate=10r/s burst=-1;'],
  'a burst of years': ['', /would take more than a year/, 'nexus_limit_zone z key=address rate=1r/d burst=1000;'],
  'a zone that is too small': ['', /size is at least 32k/, 'nexus_limit_zone z key=address rate=1r/s size=8k;'],
  'a stage that is none': ['', /after is "caller" or "connection"/, 'nexus_limit_zone z key=address rate=1r/s after=all;'],
  'a scope that is none': ['', /scope is "local" or "global"/, 'nexus_limit_zone z key=address rate=1r/s scope=all;'],
  'a lease that is too long': ['', /lease is a time of at most 10s/, 'nexus_limit_zone z key=address rate=1r/s scope=global lease=1m;'],
  'something else on errors': ['', /on_error is "local", "allow" or "deny"/, 'nexus_limit_zone z key=address rate=1r/s scope=global on_error=open;'],
  'no edges': ['', /edges is a number from 1 to 10000/, 'nexus_limit_zone z key=address rate=1r/s scope=global edges=0;'],
  'a lease of a local limit': ['', /lease, on_error and edges are for scope=global/, 'nexus_limit_zone z key=address rate=1r/s lease=100ms;'],
  'delays that are too long, for all servers': ['', /would hold requests for more than a minute: say "nodelay".*nginx\.conf:\d+/, 'nexus_limit_zone slow key=address rate=1r/m burst=20; nexus_limit zone=slow;'],
  'delays by a global limit, for all servers': ['', /cannot delay by a global zone/, 'nexus_limit_zone g key=address rate=1r/s burst=9 scope=global; nexus_limit zone=g delay=3;'],
  'callers in capitals where nobody is authenticated': ['location / { nexus_limit zone=callers; }', /counts by caller, and nobody is authenticated here/, 'nexus_limit_zone callers key=${NEXUS_Caller} rate=1r/s;'],
  'delays by a global limit': ['location / { nexus_limit zone=g delay=5; }', /cannot delay by a global zone/, 'nexus_limit_zone g key=address rate=1r/s burst=9 scope=global;'],
  'a zone declared twice': ['', /the zone "z" is declared twice/, 'nexus_limit_zone z key=address rate=1r/s; nexus_limit_zone z key=all rate=1r/s;'],
  'a zone with something else': ['', /invalid or repeated parameter "rate=2r\/s"/, 'nexus_limit_zone z key=address rate=1r/s rate=2r/s;'],
  'failed attempts with something else': ['nexus_auth_failures on;', /takes "off", or rate=/],
  'failed attempts twice': ['nexus_auth_failures off; nexus_auth_failures off;', /directive is duplicate/],
  'an unknown use': ['location / { nexus_api tokens; }', /"nexus_api": must be "off", "token", "refresh", "check" or "pass", not "tokens"/],
  'an unknown strategy': ['location / { nexus_inject sigv4; }', /"nexus_inject": must be "off", "auto", "oauth2", .*, "aws_sigv4" or "oauth1", not "sigv4"/],
  'a strategy twice': ['location / { nexus_inject auto; nexus_inject off; }', /"nexus_inject" directive is duplicate/],
  'traces of an unknown kind': ['nexus_trace maybe;', /"nexus_trace": must be "off", "pass" or "on", not "maybe"/],
  'no connection': ['location / { nexus_api token; }', /"nexus_connection" is missing/],
  'signing for gRPC': ['location / { nexus_inject aws_sigv4; nexus_connection x; grpc_pass 127.0.0.1:1; }', /"grpc_pass" cannot take a connection that signs/],
  'a query for gRPC': ['location / { nexus_inject query_param; nexus_connection x; grpc_pass grpc://127.0.0.1:1; }', /"grpc_pass" cannot take/],
  'a cache of what a credential has brought': [`location / { nexus_inject auto; nexus_connection x; proxy_cache c; ${proxy} }`, keeps, cache],
  'the same, inherited, and an address in a variable': ['location / { nexus_inject auto; nexus_connection x; set $to 127.0.0.1:1; proxy_pass http://$to; }', keeps, `${cache} proxy_cache c;`],
  'pass without a place to pass to': ['location / { nexus_api pass; }', /"nexus_api pass" needs a "proxy_pass" without variables/],
  'pass to where a request says': ['location / { nexus_api pass; proxy_pass http://$arg_to; }', /"nexus_api pass" needs a "proxy_pass" without variables/],
  'pass by gRPC': ['location / { nexus_api pass; grpc_pass 127.0.0.1:1; }', /"nexus_api pass" needs a "proxy_pass" without variables/],
  'pass to something else': ['location / { nexus_api pass; fastcgi_pass 127.0.0.1:1; }', /"nexus_api pass" needs a "proxy_pass" without variables/],
  'metrics and an upstream': [`location / { nexus_metrics; ${proxy} }`, /"nexus_metrics" answers by itself/],
  'a cache of what nexusd says': [`location / { nexus_api pass; proxy_cache c; ${proxy} }`, keeps, cache],
  'a store of what a credential has brought': [`location / { nexus_inject auto; nexus_connection x; proxy_store on; ${proxy} }`, keeps],
  'an error page that hides 401s from the retry': [`nexus_retry_unauthorized on; proxy_intercept_errors on; error_page 401 403 /x; location / { nexus_inject auto; nexus_connection x; ${proxy} }`, /would never see a 401/],
  'an error page that hides 429s from the pause': [`nexus_provider_pause on; proxy_intercept_errors on; error_page 429 /x; location / { nexus_inject auto; nexus_connection x; ${proxy} }`, /would never see a 429 or 503/],
  'an error page that hides 503s from the pause': [`location / { nexus_inject auto; nexus_connection x; nexus_provider_pause on; proxy_intercept_errors on; error_page 500 502 503 /x; ${proxy} }`, /would never see a 429 or 503/],
  'an age that is no time': ['nexus_ws_max_age long;', /"nexus_ws_max_age": takes "token", "off", or a time/],
  'no age at all': ['nexus_ws_max_age 0;', /"nexus_ws_max_age": takes/],
  'two ages': ['nexus_ws_max_age token; nexus_ws_max_age off;', /"nexus_ws_max_age": is duplicate/],
  'no connection to inject': [`location / { nexus_inject auto; ${proxy} }`, /"nexus_connection" is missing/],
  'pass for anybody': [`location / { nexus_api pass; nexus_auth off; ${proxy} }`, /"nexus_api pass" needs "nexus_auth"/],
  'answer and inject': ['location / { nexus_api token; nexus_inject auto; nexus_connection x; }', /answers by itself/],
  'answer and proxy': [`location / { nexus_api token; nexus_connection x; ${proxy} }`, /another content handler/],
  'a host with a path': ['nexus_allow_hosts a.example/x;', /takes host, host:port/],
  'a URL among hosts': ['nexus_allow_hosts a b https://c d;', /"nexus_allow_hosts": takes host, .*, not "https:\/\/c"/],
  'a network that is none': ['nexus_allow_private 10.0.0.0/8 10.0.0.0/33;', /"nexus_allow_private": takes addresses and networks in CIDR form, or "unix:", not "10\.0\.0\.0\/33"/],
  'cors without origins': ['nexus_cors on;', /"nexus_cors_origins" is missing/],
  'cors of an unknown kind': ['nexus_cors yes;', /"nexus_cors": must be "off", "on", "enforce" or "shadow", not "yes"/],
  'cors with credentials for everybody': ['nexus_cors on; nexus_cors_origins *; nexus_cors_credentials on;', /credentials cannot be allowed to every origin/],
  'cors with inherited credentials for everybody': ['nexus_cors_credentials on; location / { nexus_cors on; nexus_cors_origins *; }', /every origin/],
  'cors with credentials for null': ['nexus_cors on; nexus_cors_origins null; nexus_cors_credentials on;', /any page can make itself a null origin/],
  'cors with credentials and every header': ['nexus_cors on; nexus_cors_origins https://a.example; nexus_cors_headers *; nexus_cors_credentials on;', /browsers take "\*" for a name/],
  'cors with credentials and every method': ['nexus_cors on; nexus_cors_origins https://a.example; nexus_cors_methods *; nexus_cors_credentials on;', /browsers take/],
  'cors with credentials and everything exposed': ['nexus_cors on; nexus_cors_origins https://a.example; nexus_cors_expose *; nexus_cors_credentials on;', /browsers take/],
  'cors enforced for everybody': ['nexus_cors enforce; nexus_cors_origins *;', /has nobody to refuse/],
  'an origin with a path': ['nexus_cors_origins https://a.example/;', /origin "https:\/\/a\.example\/": an origin has no path/],
  'an origin without a scheme': ['nexus_cors_origins a.example;', /origin "a\.example": takes scheme:/],
  'an origin with a wildcard in the middle': ['nexus_cors_origins https://a.*.example;', /whole labels at the front/],
  'an origin with a wildcard too wide': ['nexus_cors_origins https://*.org;', /at least two labels/],
  'an origin of the environment': ['nexus_cors_origins env:BAD_ORIGINS;', /BAD_ORIGINS: origin "b\.example"/],
  'an environment without a name': ['nexus_cors_origins env:;', /needs the name of a variable/],
  'a method in small letters': ['nexus_cors_methods GET put;', /"put": methods are case-sensitive/],
  'a method that no browser sends': ['nexus_cors_methods TRACE;', /no browser sends/],
  'a header that is no name': ['nexus_cors_headers X-A:;', /"X-A:": has characters/],
  'reflect beside a name': ['nexus_cors_headers X-A reflect;', /it stands alone/],
  'an exposed header that is no name': ['nexus_cors_expose "X/A";', /has characters/],
  'a max age too long': ['nexus_cors_max_age 25h;', /at most 24h/],
  'a max age that is none': ['nexus_cors_max_age soon;', /takes a time/],
  'a max age twice': ['nexus_cors_max_age 1h; nexus_cors_max_age 1h;', /duplicate/],
  'an edge key that is too short': ['nexus_control_plane_key file:short.key;', /file:short\.key: a key of the control plane has at least 32 characters/],
  'an older cache key that is none': ['', / file:short\.key \(key 1\) must be base64/, undefined, 'previous=file:short.key'],
  'twice': ['nexus_auth off; nexus_auth off;', /"nexus_auth" directive is duplicate/],
};

for (const [name, [server, expected, http, cacheKey]] of Object.entries(refused)) {
  test(`refused: ${name}`, async (t) => {
    const { ok, message } = await check(t, server, http, cacheKey);
    assert.equal(ok, false, message);
    assert.match(message, expected);
    assert.match(message, /nginx\.conf:\d+/);
  });
}

test('refused with the line where the location begins', async (t) => {
  const { message } = await check(t, `
        location /a/ { ${proxy} }
        location /b/ {
            nexus_inject auto;
            ${proxy}
        }`);
  const lines = fs.readFileSync(/in (\S+nginx\.conf):\d+/.exec(message)[1], 'utf8').split('\n');
  assert.match(message, new RegExp(`"nexus_connection" is missing.*nginx\\.conf:${lines.findIndex((line) => line.includes('location /b/')) + 1}\\b`));
});

test('accepted: a cache beside what it does not reach, error pages that hide no 401', async (t) => {
  const { ok, message } = await check(t, `
        proxy_cache c; nexus_retry_unauthorized on;
        location /own/ { nexus_inject auto; nexus_connection x; proxy_cache off; proxy_intercept_errors on; error_page 502 /x; ${proxy} }
        location /answered/ { nexus_inject auto; nexus_connection x; proxy_cache off; error_page 401 /x; ${proxy} }
        location /grpc/ { nexus_inject auto; nexus_connection x; grpc_pass 127.0.0.1:1; }
        location /static/ { nexus_inject auto; nexus_connection x; root /nonexistent; }
        location /token/ { nexus_api token; nexus_connection x; }
        location /guarded/ { nexus_auth api_key; ${proxy} }`, cache);
  assert.ok(ok, message);
});

test('accepted: what the manual shows', async (t) => {
  const { ok, message } = await check(t, `
        nexus_allow_hosts api.example.com *.example.org [::1]:8080 10.0.0.1;
        nexus_allow_private 10.0.0.0/8 ::1 unix:;
        nexus_debug_http off;
        location /a { nexus_api token; nexus_connection $arg_id; if ($arg_x) { set $y 1; } }
        location /b { nexus_inject query_param; nexus_connection $http_x; ${proxy} location /b/c { nexus_inject off; ${proxy} } }
        location /d { nexus_api off; nexus_auth off; satisfy any; ${proxy} }
        location /e { nexus_metrics; }
        nexus_cors_origins https://a.example, https://*.b.example:8443 null env:NOT_SET;
        nexus_cors_origins "http://localhost:3000, http://[::1]:3000";
        location /c1 { nexus_cors on; nexus_cors_methods GET, PUT; nexus_cors_headers "X-A, X-B" X-C; nexus_cors_expose ""; nexus_cors_max_age 0; }
        location /c2 { nexus_cors enforce; nexus_cors_headers reflect; nexus_cors_private_network on; location /c2/in { nexus_cors off; } }
        location /c3 { nexus_cors shadow; nexus_cors_origins *; nexus_cors_methods *; nexus_cors_headers *; nexus_cors_expose *; }
        location /c4 { nexus_cors on; nexus_cors_origins env:NOT_SET; nexus_cors_credentials on; if ($arg_x) { set $y 1; } }
        location /g { nexus_auth jwt; nexus_auth_failures off; location /g/h { nexus_auth api_key jwt; nexus_auth_failures rate=5r/s burst=20; } }
        location /f { nexus_api pass; ${proxy} }
        nexus_limit zone=later nodelay; nexus_limit zone=plans dry_run;
        location /l1 { nexus_auth api_key; nexus_limit zone=callers cost=$arg_n delay=5; nexus_limit zone=later cost=0; nexus_limit zone=everywhere; nexus_limit_headers ietf; location /l1/in { nexus_limit off; nexus_limit_headers x; } }
        location /l2 { nexus_api token; nexus_connection $arg_id; nexus_limit zone=connections nodelay; if ($arg_x) { set $y 1; } }`, `
        nexus_limit_zone callers key=caller rate=10r/s burst=50 size=256k;
        nexus_limit_zone connections key=$nexus_provider$uri rate=1000r/d burst=9;
        nexus_limit_zone everywhere key=caller rate=100r/s burst=100 scope=global lease=0 on_error=deny edges=4;
        nexus_limit_zone plans key=$http_x_plan rate=$arg_rate burst=$arg_burst after=caller;
        # below: used before it is declared
        nexus_limit_zone later key=address rate=10r/m burst=9;`);
  assert.equal(ok, true, message);
});

test('bits behind the prefix of a network: said, and accepted', async (t) => {
  const { ok, message } = await check(t, 'nexus_allow_private 10.0.0.1/8 192.168.0.0/16 127.0.0.1;');
  assert.equal(ok, true, message);
  assert.match(message, /\[warn\].* low address bits of 10\.0\.0\.1\/8 are meaningless in .*nginx\.conf:\d+/);
  assert.doesNotMatch(message, /low address bits of (192|127)/);
});

test('times of the cache that are none, or too long: the bound is said', async (t) => {
  for (const [parameter, bound] of [['max_ttl=999d', '24h'], ['max_ttl=soon', '24h'], ['negative_ttl=61m', '1h'], ['attention_ttl=-1', '1h'], ['early_refresh=2h', '1h']]) {
    const { ok, message } = await testConfig(t, {
      config: ({ globals, http }) => `${globals} events {} http { ${http} nexus_cache zone=nexus:4m ${parameter}; }`,
    });
    const [name, value] = parameter.split('=');
    assert.equal(ok, false, parameter);
    assert.ok(message.includes(`"nexus_cache": ${name} is a time of at most ${bound}, not "${value}" in `), message);
  }
});

test('a global limit without Redis', async (t) => {
  const { ok, message } = await testConfig(t, {
    config: ({ port, globals, http }) => `
${globals}
events {}
http {
    ${http}
    nexus_limit_zone z key=address rate=1r/s scope=global;
    server { listen 127.0.0.1:${port}; nexus_limit zone=z; }
}`,
  });
  assert.equal(ok, false);
  assert.match(message, /"nexus_limit_zone z" is global, which needs "nexus_redis", in .*nginx\.conf:\d+/);
});

test('debug_connection would undo the mask: said at the start', async (t) => {
  const { ok, message } = await testConfig(t, {
    files,
    config: ({ dir, port, globals, http }) => `
${globals}
events { debug_connection 127.0.0.1; }
http {
    ${http}
    server { listen 127.0.0.1:${port}; nexus_debug_http off; }
}`,
  });
  assert.equal(ok, true, message);
});

test('an `if` block is still its location', async (t) => {
  const edge = await startEdge(t, {
    locations: ({ upstream }) => `
        location /token { nexus_api token; nexus_connection $arg_id; if ($arg_if) { set $x 1; } }
        location /pass/ { nexus_api pass; proxy_pass http://${upstream}; if ($arg_if) { set $x 1; } }
        location /inject/ { nexus_inject auto; nexus_connection $arg_id; proxy_pass http://${upstream}; if ($arg_if) { set $x 1; } }
        location /limited/ { nexus_api pass; proxy_pass http://${upstream}; limit_except GET { allow all; } }`,
  });
  for (const url of ['/token?if=1', '/pass/?if=1', '/inject/?if=1']) {
    assert.equal((await edge.get(url)).status, 401, url);
  }
  assert.equal((await edge.get('/limited/', { method: 'POST' })).status, 401);
  assert.equal(edge.upstream.requests.length, 0);
});

test('docs/directives.md lists every directive with its contexts, and no other', () => {
  const table = fs.readFileSync(path.join(repository, 'ngx_module/directives.cpp'), 'utf8');
  const built = [...table.matchAll(/^ {4}\/\/ (nexus_[a-z0-9_]+)[^\n]*; {3}([a-z, ]+)\n {4}\{ ngx_string\("\1"\),\n {6}([A-Za-z_|0-9]+)/gm)]
    .map(([, name, contexts, flags]) => [name, contexts, contextsOf(flags)]);
  assert.equal(built.length, table.split('ngx_string("nexus_').length - 1, 'each row of the table has its comment');
  for (const [name, said, meant] of built) {
    assert.equal(said, meant, `${name}: comment and flags`);
  }
  const manual = fs.readFileSync(path.join(repository, 'docs/directives.md'), 'utf8');
  const listed = [...manual.matchAll(/^### (nexus_[a-z0-9_]+)\n`\1[^\n]* context: ([a-z, ]+)/gm)].map((match) => [match[1], match[2]]);
  assert.deepEqual(listed.sort(), built.map(([name, contexts]) => [name, contexts]).sort());
});

function contextsOf(flags) {
  const everywhere = flags.includes('kEverywhere');
  return [['http', 'MAIN'], ['server', 'SRV'], ['location', 'LOC']]
    .filter(([, word]) => everywhere || flags.includes(`NGX_HTTP_${word}_CONF`)).map(([name]) => name).join(', ');
}

test('docs/variables-and-metrics.md lists every variable, and no other', () => {
  const source = fs.readFileSync(path.join(repository, 'ngx_module/variables.cpp'), 'utf8');
  const built = [...source.matchAll(/\{"(nexus_[a-z_]+)", /g)].map((match) => `$${match[1]}`);
  const manual = fs.readFileSync(path.join(repository, 'docs/variables-and-metrics.md'), 'utf8');
  const listed = [...manual.matchAll(/^\| `(\$nexus_[a-z_]+)` \|/gm)].map((match) => match[1]);
  assert.deepEqual([...listed].sort(), [...built].sort());
});
