// What the manual (docs/directives.md, docs/cors.md) promises for a configuration and a page's request. Written from the
// manual, without a look at the C++: origins are compared as URLs, and nothing is known of header lines.
import { needsPreflight, unsafeHeaderNames } from './fetch-standard.mjs';

const DEFAULT_PORTS = { 'http:': '80', 'https:': '443' };

function parts(origin) {
  try {
    const { protocol, hostname, port } = new URL(origin);
    return { protocol, hostname, port: port || DEFAULT_PORTS[protocol] || '' };
  } catch {
    return undefined;
  }
}

/** Is a page's origin (always written as a browser writes it) allowed by nexus_cors_origins? */
export function isAllowedOrigin(entries, origin) {
  return entries.some((entry) => {
    if (entry === '*' || origin === 'null' || entry === 'null') {
      return entry === '*' || entry === origin;
    }
    const is = parts(origin);
    const may = parts(entry.replace('://*.', '://'));
    if (is.protocol !== may.protocol || is.port !== may.port) {
      return false;
    }
    const below = is.hostname.split('.');
    const base = may.hostname.split('.');
    return entry.includes('://*.')
      ? below.length > base.length && below.slice(-base.length).join('.') === base.join('.')
      : is.hostname === may.hostname;
  });
}

/**
 * config   {mode, origins[], methods[], headers[] or 'reflect', expose[], maxAge, credentials, privateNetwork, kind, status}
 * request  {origin (undefined: no browser), ownOrigin, method, headers, credentials, intoPrivateNetwork}
 * returns  {preflight: undefined or whether it passes, maxAge, status: of the request itself, undefined if it is not sent,
 *          isReadable, verdicts: $nexus_cors of preflight and request, varies: by Origin}
 */
export function expectation(config, request) {
  const crosses = request.origin !== undefined && request.origin !== request.ownOrigin;
  // Browsers name no origin to their page's own server when they only read.
  const names = crosses || (request.origin !== undefined && !['GET', 'HEAD'].includes(request.method));
  const everybody = config.origins.includes('*');
  const origin = names && isAllowedOrigin(config.origins, request.origin);
  const credentials = request.credentials === 'include';
  const acts = config.mode !== 'shadow';
  const share = acts && origin && (!credentials || config.credentials);

  const listed = (list, name) => list.some((one) => one.toLowerCase() === name.toLowerCase());
  const isMethodListed = config.methods.includes('*') || config.methods.includes(request.method);
  const areHeadersListed = unsafeHeaderNames(request.headers).every((name) => config.headers === 'reflect' || listed(config.headers, name)
    || (config.headers.includes('*') && name !== 'authorization'));
  const isAsked = crosses && needsPreflight(request);
  const isGranted = origin && (isMethodListed || ['GET', 'HEAD', 'POST'].includes(request.method)) && areHeadersListed
    && (!request.intoPrivateNetwork || config.privateNetwork);

  // What a `return` answers changes nothing.
  const isRefused = crosses && config.kind !== 'returned' && !['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(request.method) && !(origin && isMethodListed);
  const isSent = !isAsked || (share && isGranted);
  return {
    preflight: isAsked ? share && isGranted : undefined,
    maxAge: isAsked && share && isGranted ? config.maxAge : undefined,
    status: !isSent ? undefined : isRefused && config.mode === 'enforce' ? 403 : config.status,
    isReadable: isSent && (!crosses || share),
    exposes: (name) => !crosses || config.expose.includes('*') || listed(config.expose, name),
    verdicts: {
      preflight: isGranted ? 'preflight' : 'denied',
      request: !names ? 'none' : origin ? 'simple' : crosses ? 'denied' : 'none',
    },
    varies: acts && !everybody,
  };
}
