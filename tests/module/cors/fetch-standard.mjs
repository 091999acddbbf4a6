// The browser's side of CORS, step by step from the Fetch standard (https://fetch.spec.whatwg.org), as far as response
// headers decide. Nothing in here knows nexus_cors: it sees requests of pages, and answers with their header lines.

const SAFELISTED_METHODS = ['GET', 'HEAD', 'POST'];
const SAFELISTED_RESPONSE_HEADERS = ['cache-control', 'content-language', 'content-length', 'content-type', 'expires', 'last-modified', 'pragma'];
const NORMALIZED_METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'];
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** "normalize a method": what a page's `fetch(url, {method})` sends. */
export function normalizeMethod(method) {
  const upper = method.toUpperCase();
  return NORMALIZED_METHODS.includes(upper) ? upper : method;
}

/** "CORS-safelisted request-header". */
function isSafelistedHeader(name, value) {
  if (value.length > 128) {
    return false;
  }
  const unsafe = /[\x00-\x08\x0a-\x1f"():<>?@[\\\]{}\x7f]/;
  switch (name.toLowerCase()) {
    case 'accept':
      return !unsafe.test(value);
    case 'accept-language':
    case 'content-language':
      return /^[0-9A-Za-z *,\-.;=]*$/.test(value);
    case 'content-type':
      return !unsafe.test(value) && ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']
        .includes(value.split(';')[0].trim().toLowerCase());
    case 'range':
      return /^bytes=\d+-\d*$/.test(value);
    default:
      return false;
  }
}

/** "CORS-unsafe request-header names": sorted, in lower case. */
export function unsafeHeaderNames(headers) {
  const unsafe = [];
  const perhaps = [];
  let size = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (!isSafelistedHeader(name, value)) {
      unsafe.push(name);
    } else {
      perhaps.push(name);
      size += value.length;
    }
  }
  return [...unsafe, ...(size > 1024 ? perhaps : [])].map((name) => name.toLowerCase()).sort();
}

/** Whether a cross-origin request is preceded by a preflight ("main fetch", "CORS-preflight fetch"). */
export function needsPreflight({ method, headers, intoPrivateNetwork }) {
  return !SAFELISTED_METHODS.includes(method) || unsafeHeaderNames(headers).length > 0 || intoPrivateNetwork;
}

/** The preflight's header lines (4.8, steps 1 to 5). */
export function preflightHeaders({ origin, method, headers, intoPrivateNetwork }) {
  const names = unsafeHeaderNames(headers);
  return {
    Accept: '*/*',
    'Access-Control-Request-Method': method,
    ...(names.length > 0 ? { 'Access-Control-Request-Headers': names.join(',') } : {}),
    ...(intoPrivateNetwork ? { 'Access-Control-Request-Private-Network': 'true' } : {}),
    Origin: origin,
  };
}

/** "get": values of lines of one name, joined; null if there is none. */
function get(answer, name) {
  return answer.headers[name]?.join(', ') ?? null;
}

/** "extract header list values": null if the header is absent, undefined if it cannot be parsed. */
function extract(answer, name) {
  const value = get(answer, name);
  if (value === null) {
    return null;
  }
  const parts = value.split(',').map((part) => part.replace(/^[\t ]+|[\t ]+$/g, '')).filter((part) => part !== '');
  return parts.every((part) => TOKEN.test(part)) ? parts : undefined;
}

/** "CORS check" (4.9). */
export function corsCheck({ origin, credentials }, answer) {
  const allowed = get(answer, 'access-control-allow-origin');
  if (allowed === null) {
    return false;
  }
  if (credentials !== 'include' && allowed === '*') {
    return true;
  }
  if (allowed !== origin) {
    return false;
  }
  return credentials !== 'include' || get(answer, 'access-control-allow-credentials') === 'true';
}

/** What a preflight's answer allows (4.8, step 7; Private Network Access, 3.1.2). */
export function preflightPasses(request, answer) {
  // The preflight itself carries no credentials, but is checked with the request's mode.
  if (!corsCheck(request, answer) || answer.status < 200 || answer.status > 299) {
    return false;
  }
  if (request.intoPrivateNetwork && get(answer, 'access-control-allow-private-network') !== 'true') {
    return false;
  }
  const methods = extract(answer, 'access-control-allow-methods');
  const names = extract(answer, 'access-control-allow-headers');
  if (methods === undefined || names === undefined) {
    return false;
  }
  const wildcards = request.credentials !== 'include';
  const allowedMethods = methods ?? [];
  if (!allowedMethods.includes(request.method) && !SAFELISTED_METHODS.includes(request.method)
      && !(wildcards && allowedMethods.includes('*'))) {
    return false;
  }
  const allowedNames = (names ?? []).map((name) => name.toLowerCase());
  if (Object.keys(request.headers).some((name) => name.toLowerCase() === 'authorization') && !allowedNames.includes('authorization')) {
    return false;
  }
  return unsafeHeaderNames(request.headers).every((name) => allowedNames.includes(name) || (wildcards && allowedNames.includes('*')));
}

/** How long a preflight may be remembered: seconds ("max-age", default 5). */
export function maxAge(answer) {
  const value = get(answer, 'access-control-max-age');
  return value !== null && /^\d+$/.test(value) ? Number(value) : 5;
}

/** The names of the answer's headers that the page sees ("CORS filtered response"). */
export function visibleHeaders(request, answer) {
  const exposed = (extract(answer, 'access-control-expose-headers') ?? []).map((name) => name.toLowerCase());
  const all = request.credentials !== 'include' && exposed.includes('*');
  return Object.keys(answer.headers).filter((name) => all || SAFELISTED_RESPONSE_HEADERS.includes(name) || exposed.includes(name)).sort();
}
