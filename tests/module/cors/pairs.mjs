// Random configurations of nexus_cors, and random requests of pages that are near enough to them to be interesting.

const HOSTS = ['app.example.org', 'a.b.example.net', 'example.net', 'localhost', '127.0.0.1', 'xn--bcher-kva.example', '[::1]'];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'BREW'];
const NAMES = ['Content-Type', 'Authorization', 'X-API-Key', 'X-Grpc-Web', 'X-User-Agent', 'Grpc-Timeout', 'X-Other'];
const ANSWER_NAMES = ['Retry-After', 'WWW-Authenticate', 'X-Cors', 'X-Upstream', 'Grpc-Status'];

// What a location does with a request that comes through, and the status that a page then sees.
export const KINDS = { proxied: 200, unauthenticated: 401, forbidden: 403, missing: 404, returned: 410, unreachable: 502 };

export function drawing(random) {
  const chance = (probability) => random() < probability;
  const one = (list) => list[Math.floor(random() * list.length)];
  const some = (list, probability = 0.5) => list.filter(() => chance(probability));
  return { chance, one, some };
}

function drawOrigin({ chance, one }) {
  const scheme = one(['https', 'https', 'http']);
  const port = chance(0.3) ? `:${one(['8443', '3000', scheme === 'https' ? '443' : '80'])}` : '';
  return `${scheme}://${one(HOSTS)}${port}`;
}

function drawEntry(draws) {
  if (draws.chance(0.35)) {
    return `${draws.one(['https', 'https', 'http'])}://*.${draws.one(['example.net', 'example.org', 'b.example.net', 'localhost'])}${draws.chance(0.3) ? ':8443' : ''}`;
  }
  return draws.chance(0.1) ? drawOrigin(draws).toUpperCase() : drawOrigin(draws);
}

/** A configuration that `nginx -t` accepts. */
export function drawConfig(random) {
  const draws = drawing(random);
  const { chance, one, some } = draws;
  const credentials = chance(0.4);
  const wild = (list) => (!credentials && chance(0.15) ? ['*', ...some(list, 0.2)] : some(list, 0.6));
  const mode = one(['on', 'on', 'on', 'enforce', 'enforce', 'shadow']);
  const origins = Array.from({ length: 1 + Math.floor(random() * 4) }, () => drawEntry(draws));
  if (!credentials && chance(0.2)) {
    origins.push('null');
  }
  if (!credentials && mode !== 'enforce' && chance(0.15)) {
    origins.push('*');
  }
  const kind = one(Object.keys(KINDS));
  return {
    mode, origins, credentials, kind,
    status: KINDS[kind],
    methods: wild(METHODS),
    headers: chance(0.2) ? 'reflect' : wild(NAMES),
    expose: wild(ANSWER_NAMES),
    maxAge: one([0, 5, 600, 86400]),
    privateNetwork: chance(0.3),
  };
}

/** The directives of a configuration. */
export function toDirectives(config) {
  const list = (names) => (names.length > 0 ? names.join(' ') : '""');
  return `
            nexus_cors ${config.mode};
            nexus_cors_origins ${list(config.origins)};
            nexus_cors_methods ${list(config.methods)};
            nexus_cors_headers ${config.headers === 'reflect' ? 'reflect' : list(config.headers)};
            nexus_cors_expose ${list(config.expose)};
            nexus_cors_max_age ${config.maxAge}s;
            nexus_cors_credentials ${config.credentials ? 'on' : 'off'};
            nexus_cors_private_network ${config.privateNetwork ? 'on' : 'off'};`;
}

/** An origin as browsers write it: often one that the configuration allows, or nearly. */
function drawPageOrigin(config, draws) {
  const { chance, one } = draws;
  const entry = chance(0.8) ? one(config.origins) : drawOrigin(draws);
  if (entry === '*' || entry === 'null' || chance(0.05)) {
    return chance(0.5) ? 'null' : 'https://evil.example';
  }
  let text = entry.replace('*.', one(['a.', 'a.b.', 'x-y_z.', '', 'evil.example.']));
  if (chance(0.3)) {
    text = one([
      (origin) => origin.replace(/^https:/i, 'http:'),
      (origin) => origin.replace(/^http:/i, 'https:'),
      (origin) => origin.replace(/(:\d+)?$/, ':8444'),
      (origin) => `${origin.replace(/:\d+$/, '')}.evil.example`,
      (origin) => origin.replace('://', '://evil'),
      (origin) => origin.replace('://', '://sub.'),
    ])(text);
  }
  try {
    const { origin } = new URL(text);
    return origin === 'null' ? 'https://evil.example' : origin;
  } catch {
    return 'https://evil.example';   // a name in front of an IPv6 address, say
  }
}

const VALUES = {
  Accept: ['application/json', 'x'.repeat(129), 'a:b'],
  'Accept-Language': ['de, en;q=0.5', 'd\u00a7'],
  'Content-Type': ['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'application/grpc-web+proto', 'Text/Plain; charset=utf-8'],
  Range: ['bytes=0-5', 'bytes=-5', 'bytes=0-1,3-4'],
};

/** A request of a page, or of a program that is none. */
export function drawRequest(random, config, ownOrigin) {
  const draws = drawing(random);
  const { chance, one, some } = draws;
  const origin = chance(0.08) ? undefined : chance(0.08) ? ownOrigin : drawPageOrigin(config, draws);
  const method = chance(0.5) ? one(['GET', 'POST', 'PUT']) : one([...METHODS, 'put']);
  const names = chance(0.4) ? [] : [...some(NAMES, 0.2), ...some(Object.keys(VALUES), 0.15)];
  const headers = Object.fromEntries(names.map((name) => [chance(0.2) ? name.toLowerCase() : name, one(VALUES[name] ?? ['x'])]));
  return {
    origin, ownOrigin, method, headers,
    credentials: one(['omit', 'same-origin', 'include', 'include']),
    intoPrivateNetwork: chance(0.15),
    hasFetchMetadata: chance(0.7),
  };
}
