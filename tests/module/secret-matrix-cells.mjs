// The cells of the matrix: what each is, its location in nginx's configuration, and how its request ends.

export const namings = ['literal', 'block', 'variable-name', 'variable-address', 'grpc'];
export const requests = ['get', 'small', 'temp-file', 'unbuffered', 'chunked', 'http2'];
export const modes = ['plain', 'retry', 'replay', 'mirror', 'subrequest', 'fallback', 'cache'];

export const cells = namings.flatMap((naming) => requests.flatMap((request) => modes.map((mode) => ({
  naming, request, mode, path: `/${naming}/${request}/${mode}`,
}))));

const KIB = 1024;

/** What the caller sends. */
export const bodies = {
  get: Buffer.alloc(0),
  small: Buffer.from('a few bytes'),
  'temp-file': Buffer.alloc(100 * KIB, 't'),
  unbuffered: Buffer.alloc(100 * KIB, 'u'),
  chunked: Buffer.alloc(50 * KIB, 'c'),
  http2: Buffer.alloc(50 * KIB, 'h'),
};

/** nginx sends such a body on as it comes: grpc_pass always does. A mirror has it read first. */
export const isStreamed = ({ naming, request, mode }) =>
  (naming === 'grpc' || request === 'unbuffered') && request !== 'get' && mode !== 'mirror';

/** A caller that is answered in gRPC's way. */
export const isGrpcCall = ({ naming, request }) => naming === 'grpc' && request === 'http2';

const hasOnePeer = ({ naming }) => naming === 'literal' || naming === 'variable-address';

/**
 * What the design, or nginx, does not do: each with how it is refused. Everything else has to work.
 *
 * arrivals  where requests arrive, in this order, with which credential ('answers', 'fails': the upstreams; 'stale', 'fresh')
 */
export const refusals = [
  {
    why: 'nothing is kept of an answer that a credential has brought: nginx -t says so',
    fits: ({ naming, mode }) => mode === 'cache' && naming !== 'grpc',
    message: /"proxy_cache" and "proxy_store" would share one caller's answer with others/,
  },
  {
    why: 'a body that has been passed on is not there any more for the next server',
    fits: (cell) => cell.mode === 'retry' && isStreamed(cell),
    status: 503, arrivals: [['fails', 'fresh']],
  },
  {
    why: 'nor for the next location; in gRPC it says so as UNAVAILABLE',
    fits: (cell) => cell.mode === 'fallback' && isStreamed(cell) && isGrpcCall(cell),
    status: 200, arrivals: [['fails', 'fresh']], says: /"grpc-status":"14".*"x-nexus-error":"upstream_error"/,
  },
  {
    why: 'nor for the next location',
    fits: (cell) => cell.mode === 'fallback' && isStreamed(cell),
    status: 502, arrivals: [['fails', 'fresh']], says: /"code":"upstream_error","message":"the request's body was passed on and cannot be sent again"/,
  },
  {
    why: 'there is no next server',
    fits: (cell) => cell.mode === 'retry' && hasOnePeer(cell),
    status: 503, arrivals: [['fails', 'fresh']],
  },
  {
    why: 'neither are gRPC and streamed requests sent again after a 401',
    fits: (cell) => cell.mode === 'replay' && (cell.naming === 'grpc' || isStreamed(cell)),
    status: 401, arrivals: [['answers', 'stale']],
  },
];

const usual = {   // mode: arrivals
  plain: [['answers', 'fresh']],
  retry: [['fails', 'fresh'], ['answers', 'fresh']],
  replay: [['answers', 'stale'], ['answers', 'fresh']],
  mirror: [['answers', 'fresh']],
  subrequest: [['answers', 'fresh']],
  fallback: [['fails', 'fresh'], ['answers', 'fresh']],
  cache: [['answers', 'fresh']],   // of grpc_pass, which has none: proxy_cache beside it has no effect
};

/** How a cell ends: {status, arrivals, says}, or {message} of nginx -t. */
export function endingOf(cell) {
  const refusal = refusals.find(({ fits }) => fits(cell));
  return refusal ?? { status: 200, arrivals: usual[cell.mode], says: cell.mode === 'subrequest' ? /200from upstream$/ : undefined };
}

const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8; nexus_allow_hosts answers fails both grpc-answers grpc-fails grpc-both;';

/** Where a location sends its requests: to the upstream that answers, to the one that fails, or to the former after the latter. */
function pass({ naming }, to, addresses) {
  const address = addresses[to === 'both' ? 'fails' : to];
  return {
    literal: `proxy_pass http://${address};`,
    block: `proxy_pass http://${to};`,
    'variable-name': `set $to ${to}; proxy_pass http://$to;`,
    'variable-address': `set $to ${address}; proxy_pass http://$to;`,
    grpc: `grpc_pass grpc://grpc-${to};`,
  }[naming];
}

const ofRequest = { 'temp-file': 'client_body_buffer_size 1k;', unbuffered: 'proxy_request_buffering off;' };

function ofMode({ naming, request, mode }) {
  return {
    replay: 'nexus_retry_unauthorized on;',
    mirror: 'mirror /mirror;',
    subrequest: 'auth_request /ask; add_after_body /after;',
    fallback: `proxy_intercept_errors on; grpc_intercept_errors on; error_page 503 = @${naming}-${request};`,
    cache: 'proxy_cache cache; proxy_cache_valid 1m; proxy_cache_methods GET HEAD POST;',
  }[mode] ?? '';
}

const target = { retry: 'both', fallback: 'fails' };

/** A cell's locations. */
export function locationsOf(cell, addresses) {
  const { naming, request, mode, path } = cell;
  const location = (name, to) => `location ${name} { ${inject} ${ofRequest[request] ?? ''} ${pass(cell, to, addresses)}`;
  return `
        ${location(`= ${path}`, target[mode] ?? 'answers')} ${ofMode(cell)} }
        ${mode === 'fallback' ? `${location(`@${naming}-${request}`, 'answers')} }` : ''}`;
}

const bodiless = 'proxy_pass_request_body off; proxy_set_header Content-Length "";';

/** What they lead to beside their upstreams. (With nexus_inject of their own they would be refused: tests/module/inject.test.mjs.) */
export const decoyLocations = (decoy) => `
        location = /mirror { internal; proxy_pass http://${decoy}; }
        location = /ask { internal; ${bodiless} proxy_pass http://${decoy}; }
        location = /after { internal; ${bodiless} proxy_pass http://${decoy}; }`;

/** The http block's part. addresses: {answers, fails, grpcAnswers, grpcFails} */
export const httpBlock = ({ answers, fails, grpcAnswers, grpcFails }, dir) => `
    upstream answers { server ${answers}; keepalive 4; }
    upstream fails { server ${fails}; keepalive 4; }
    upstream both { server ${fails} max_fails=0; server ${answers} backup; keepalive 4; }
    upstream grpc-answers { server ${grpcAnswers}; keepalive 4; }
    upstream grpc-fails { server ${grpcFails}; keepalive 4; }
    upstream grpc-both { server ${grpcFails} max_fails=0; server ${grpcAnswers} backup; keepalive 4; }
    proxy_cache_path ${dir}/cache keys_zone=cache:1m;
    client_max_body_size 0;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host 127.0.0.1; grpc_set_header Host 127.0.0.1;
    proxy_next_upstream error http_503 non_idempotent; grpc_next_upstream error http_503 non_idempotent;`;
