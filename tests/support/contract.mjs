// Holds the answers of our own servers against the API documents: status, headers, content type, body. Servers register
// their origins (nexusd.mjs, site.mjs); answers of any other server are nobody's business here.
import { cleanup } from './cleanup.mjs';
import { child, document, follow, operations, validator } from './openapi.mjs';

const origins = new Map();   // origin -> {routes, mismatches}
const tables = new Map();    // document -> routes

/**
 * From now to the end of t, what this server answers must be as its documents say.
 *
 * documents  the first that knows a route describes it
 * aliases    {path: documented path}, for paths that the configuration adds, with what is below them
 */
export function register(t, url, { documents, aliases = {} }) {
  const { origin } = new URL(url);
  const entry = { routes: documents.flatMap(routesOf), aliases, mismatches: [] };
  origins.set(origin, entry);
  cleanup(t, () => {
    if (origins.get(origin) === entry) {
      origins.delete(origin);
    }
    // A test may have caught the error of the request itself.
    if (entry.mismatches.length > 0) {
      throw new Error(`${entry.mismatches.length} answers are not as docs/openapi says, the first: ${entry.mismatches[0]}`);
    }
  });
}

/** Throws if the answer {status, headers, body, text, json} is not one that the documents allow. */
export function verify(url, method, answer) {
  const { origin, pathname } = new URL(url);
  const problems = problemsWith(origin, method, pathname, answer);
  if (problems.length > 0) {
    const text = `${method} ${origin}${pathname} answered ${answer.status}: ${problems.join('; ')}\n${answer.text.slice(0, 500)}`;
    origins.get(origin).mismatches.push(text);
    throw Object.assign(new Error(`not as docs/openapi says: ${text}`), { fatal: true });
  }
}

/** What is wrong with an answer, as sentences. pathname: as it was sent, which a URL would normalise */
export function problemsWith(origin, method, pathname, answer) {
  const server = origins.get(origin);
  return server ? problemsOf(server, method, documented(server.aliases, pathname), answer) : [];
}

function documented(aliases, pathname) {
  const alias = Object.keys(aliases).find((path) => pathname === path || pathname.startsWith(`${path}/`));
  return alias === undefined ? pathname : aliases[alias] + pathname.slice(alias.length);
}

function problemsOf(server, method, pathname, answer) {
  const operation = find(server.routes, method === 'HEAD' ? 'GET' : method, pathname);
  const places = operation?.answers(answer.status) ?? [];
  // Known routes may not be answered with "no such route", unless their path can be read in two ways; public ones ask no key.
  const isMissing = [401, 404, 405].includes(answer.status);
  if (!operation || !isMissing || /%|\/\/|\/\./.test(pathname)) {
    places.push(...beforeRouting(answer.status));
  }
  if (places.length === 0) {
    return [operation ? `${operation.method} ${operation.path} has no such status` : 'there is no such route'];
  }
  const found = places.map((place) => compare(place, method, answer));
  return found.some((problems) => problems.length === 0) ? [] : found[0];
}

function beforeRouting(status) {
  return String(status) in document('common.yaml')['x-before-routing']
    ? [follow({ name: 'common.yaml', pointer: `/x-before-routing/${status}` })] : [];
}

function compare(place, method, answer) {
  const problems = [];
  for (const name of Object.keys(place.value.headers ?? {})) {
    const header = child(place, 'headers', name);
    const value = answer.headers[name.toLowerCase()];
    if (value === undefined ? header.value.required : !validator(child(header, 'schema'))(String(value))) {
      problems.push(value === undefined ? `${name} is missing` : `${name} is ${value}`);
    }
  }
  const media = (answer.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
  const content = place.value.content ?? {};
  if (Object.keys(content).length === 0) {
    return answer.body.length === 0 ? problems : [...problems, 'there is a body'];
  }
  if (!(media in content)) {
    return [...problems, `the content type is ${media || 'missing'}`];
  }
  if (method === 'HEAD') {
    return problems;
  }
  if (content[media].schema === undefined) {
    return problems;   // a page
  }
  const validate = validator(child(place, 'content', media, 'schema'));
  const value = /[/+]json$/.test(media) ? answer.json : answer.text;
  if (!validate(value)) {
    problems.push(...validate.errors.map(({ instancePath, message, params }) => `body${instancePath} ${message} ${JSON.stringify(params)}`));
  }
  return problems;
}

// ---- routes

function routesOf(name) {
  if (!tables.has(name)) {
    tables.set(name, operations(name).map((operation) => ({
      ...operation,
      segments: operation.path.split('/'),
      answers: (status) => (String(status) in operation.operation.responses ? [child(operation.place, 'responses', status)] : []),
    })));
  }
  return tables.get(name);
}

const isParameter = (segment) => segment.startsWith('{');

// As nexusd's router does it: literal segments win over parameters, leftmost first.
function find(routes, method, pathname) {
  const segments = pathname.split('/');
  const fits = routes.filter((route) => route.segments.length === segments.length
    && route.segments.every((wanted, i) => (isParameter(wanted) ? segments[i] !== '' : wanted === segments[i])));
  const rank = (route) => route.segments.map((segment) => (isParameter(segment) ? '1' : '0')).join('');
  const best = fits.map(rank).sort()[0];
  return fits.find((route) => rank(route) === best && route.method === method);
}
