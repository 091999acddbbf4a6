// Malformed requests, made from the API documents: for each operation, what its schemas refuse, and what HTTP itself
// forbids. Knows nothing of the servers' code; what must become of the requests is malformed.test.mjs' business.
import { child, operations, validator } from './openapi.mjs';
import { badBodies, badForms, badHeaders, badPathSegments, badQueryValues, oddities, otherMethods, transport } from './malformed-parts.mjs';

/**
 * All cases of an operation.
 *
 * fixture  {key(access), id(parameter name of the component, or undefined)}: keys that fit, ids that exist
 * returns  [{name, method, target, headers: [[name, value]], body: Buffer, expect}]
 *          expect: 'refused' = a 4xx; 'answered' = anything below 500; 'any' = that, or a closed connection. `bytes`
 *          in place of the parts: the whole request as it is
 */
export function casesOf(operation, fixture) {
  const base = baseRequest(operation, fixture);
  return [
    ...bodyCases(operation, base),
    ...queryCases(operation, base),
    ...pathCases(operation, base),
    ...otherMethods.filter((method) => !methodsOf(operation).includes(method)).map((method) => ({
      ...base, name: `method ${method.slice(0, 20)}`, method, expect: 'answered',
    })),
    ...(operation.access === 'public' ? [] : badHeaders(base.key).map(([name, headers]) => ({
      ...base, name: `credentials: ${name}`, headers, expect: 'refused',
    }))),
  ];
}

// What the path knows is no malformed request, and might do what it says.
function methodsOf({ document, path }) {
  const known = operations(document).filter((one) => one.path === path).map(({ method }) => method);
  return known.includes('GET') ? [...known, 'HEAD'] : known;
}

/** Cases of HTTP itself, dealt out over the operations: each one is used on every `step`th. */
export function transportCasesOf(operation, fixture, { index, step }) {
  const base = baseRequest(operation, fixture);
  return [...oddities(base), ...transport(base)].filter((_, i) => i % step === index % step);
}

// What changes or ends something is asked for objects that do not exist, unless its body refuses the request anyway.
function baseRequest(operation, fixture) {
  const key = fixture.key(operation.access);
  const hasBody = operation.operation.requestBody !== undefined;
  const isHarmless = operation.method === 'GET' || hasBody;
  const target = operation.parameters.filter(({ value }) => value.in === 'path').reduce((path, { pointer, value }) => {
    const existing = isHarmless ? fixture.id(pointer.split('/').pop(), value.name) : undefined;
    return path.replace(`{${value.name}}`, encodeURIComponent(existing ?? value.example));
  }, operation.path);
  const required = operation.parameters.filter(({ value }) => value.in === 'query' && value.required)
    .map(({ value }) => `${value.name}=${encodeURIComponent(value.example)}`);
  return {
    method: operation.method,
    path: target,
    target: required.length === 0 ? target : `${target}?${required.join('&')}`,
    key,
    headers: key === undefined ? [] : [['X-API-Key', key]],
    // A body that every operation refuses: the rest of the request may be as odd as it likes and changes nothing.
    body: hasBody ? Buffer.from('{"surprising_member":1}') : undefined,
  };
}

// ---- bodies

function bodyCases(operation, base) {
  if (!operation.operation.requestBody) {
    return [];
  }
  return Object.keys(child(operation.place, 'requestBody').value.content).flatMap((type) => {
    const media = child(operation.place, 'requestBody', 'content', type);
    const cases = type === 'application/json' ? jsonCases(operation, media) : otherCases(media);
    return cases.map(([name, body, expect]) => ({
      ...base, name: `body: ${name}`, headers: [...base.headers, ['Content-Type', type]], body, expect,
    }));
  });
}

function jsonCases(operation, media) {
  const example = exampleOf(media);
  return [
    ...badBodies(example).filter(([name]) => operation.operation.requestBody.required || name !== 'empty').map((one) => [...one, 'refused']),
    ...mutations(child(media, 'schema'), example).map(([name, value]) => [name, Buffer.from(JSON.stringify(value)), 'refused']),
  ];
}

// Forms are for people: what is wrong with one may be told on a page.
function otherCases(media) {
  const example = exampleOf(media);
  return [
    ...badBodies(example).map((one) => [...one, 'answered']),
    ...badForms.map((text) => [`form ${text.slice(0, 30)}`, Buffer.from(text, 'latin1'), 'answered']),
    ...mutations(child(media, 'schema'), example).map(([name, value]) =>
      [name, Buffer.from(new URLSearchParams(Object.entries(value ?? {}).map(([key, one]) => [key, String(one)])).toString()), 'answered']),
  ];
}

function exampleOf(media) {
  const [first] = Object.keys(media.value.examples ?? {});
  return media.value.example ?? child(media, 'examples', first).value.value;
}

/** Values that the schema refuses, each one change away from the good one: [[name, value]]. */
export function mutations(schema, good) {
  const accepts = validator(schema);
  const candidates = [...changes(schema, good, [])];
  return candidates.map(([name, change]) => [name, change()]).filter(([, value]) => !accepts(value));
}

// [name, () => value] of everything that may be wrong with the value at `at` (member names from the top) of `top`.
function* changes(schema, top, at) {
  const good = at.reduce((value, name) => value?.[name], top);
  const label = at.join('.') || 'top';
  for (const part of alternatives(schema)) {
    const { value } = part;
    for (const [name, bad] of badValues(value)) {
      yield [`${label} ${name}`, () => replaced(top, at, bad)];
    }
    if (value.properties === undefined) {
      continue;
    }
    for (const name of value.required ?? []) {
      yield [`${label} without ${name}`, () => replaced(top, [...at, name], undefined)];
    }
    yield [`${label} with an unknown member`, () => replaced(top, [...at, 'surprising_member'], 1)];
    yield [`${label} with an unknown member of another script`, () => replaced(top, [...at, 'n\u0430me'], 'x')];
    for (const name of Object.keys(value.properties)) {
      if (typeof value.properties[name] === 'object' && (good === undefined || typeof good === 'object')) {
        yield* changes(child(part, 'properties', name), top, [...at, name]);
      }
    }
  }
}

function alternatives(schema) {
  const parts = ['anyOf', 'oneOf'].flatMap((keyword) => (schema.value[keyword] ?? []).map((_, i) => child(schema, keyword, i)));
  return [schema, ...parts.filter(({ value }) => value.properties !== undefined)];
}

function* badValues(schema) {
  yield ['is a boolean', true];
  yield ['is a number', 7];
  yield ['is a huge number', 1e308];
  yield ['is a fraction', 1.5];
  yield ['is a string', 'nonsense'];
  yield ['is an empty string', ''];
  yield ['is a list', []];
  yield ['is a list of lists', [[]]];
  yield ['is a list of numbers', [1]];
  yield ['is an object', {}];
  yield ['is another object', { a: { b: [] } }];
  yield ['has a line break', 'a\nb'];
  yield ['has a blank', 'a b'];
  yield ['has a NUL', 'a\u0000b'];
  yield ['has an emoji', '\u{1f511}'];
  if (schema.maxLength !== undefined) {
    yield ['is too long', 'x'.repeat(schema.maxLength + 1)];
    yield ['is much too long', 'x'.repeat(200000)];
  }
  if (schema.type === 'integer') {
    yield ['is too small', (schema.minimum ?? 0) - 1];
    yield ['is too large', (schema.maximum ?? 2 ** 53) + 1];
    yield ['is beyond 64 bits', 1e30];
  }
  if (schema.format === 'uuid') {
    yield ['is a UUID and more', '3f0e7f64-0d2b-4f6b-9a53-2c1d8a7be1010'];
    yield ['is no UUID', '3f0e7f64-0d2b-4f6b-9a53-2c1d8a7be10g'];
    yield ['is a UUID in braces', '{3f0e7f64-0d2b-4f6b-9a53-2c1d8a7be101}'];
  }
  if (schema.type === 'array') {
    yield ['has too many elements', Array.from({ length: (schema.maxItems ?? 1000) + 1 }, (_, i) => `x${i}`)];
    yield ['has an element of nothing', ['']];
    yield ['has null in it', [null]];
    yield ['has a too long element', ['x'.repeat(5000)]];
  }
}

function replaced(top, at, value) {
  if (at.length === 0) {
    return value;
  }
  const [name, ...rest] = at;
  const copy = { ...top };
  if (rest.length === 0 && value === undefined) {
    delete copy[name];
  } else {
    copy[name] = replaced(copy[name] ?? {}, rest, value);
  }
  return copy;
}

// ---- queries and paths

function queryCases(operation, base) {
  const parameters = operation.parameters.filter(({ value }) => value.in === 'query');
  const cases = [];
  const add = (name, query, expect = 'refused') => cases.push({ ...base, name: `query: ${name}`, target: `${base.path}?${query}`, expect });
  for (const parameter of parameters) {
    const { name } = parameter.value;
    const accepts = validator(child(parameter, 'schema'));
    for (const value of badQueryValues) {
      const decoded = decode(value);
      const typed = parameter.value.schema.type === 'integer' && /^-?\d{1,15}$/.test(decoded) ? Number(decoded) : decoded;
      // What is empty counts as absent where it may be.
      const isAbsent = decoded === '' && !parameter.value.required;
      add(`${name}=${value.slice(0, 30)}`, `${name}=${value}`, !isAbsent && (decoded === undefined || !accepts(typed)) ? 'refused' : 'answered');
    }
    add(`${name} twice`, `${name}=1&${name}=2`);
    if (parameter.value.required) {
      add(`without ${name}`, '');
    }
  }
  add('bad escape', '%zz=1');
  add('half an escape', 'a=%4');
  add('NUL', 'a=%00');
  add('many parameters', Array.from({ length: 120 }, (_, i) => `p${i}=1`).join('&'));
  add('only separators', '&&&&====&&&', 'answered');
  return cases;
}

function decode(text) {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return decoded.includes('\0') ? undefined : decoded;
  } catch {
    return undefined;
  }
}

function pathCases(operation, base) {
  const cases = [];
  const add = (name, target) => cases.push({ ...base, name: `path: ${name}`, target, expect: 'refused' });
  operation.parameters.filter(({ value }) => value.in === 'path').forEach(({ value }) => {
    const others = operation.parameters.filter((one) => one.value.in === 'path' && one.value.name !== value.name);
    const template = others.reduce((path, one) => path.replace(`{${one.value.name}}`, one.value.example), operation.path);
    for (const segment of badPathSegments) {
      add(`${value.name} = ${segment.slice(0, 30)}`, template.replace(`{${value.name}}`, segment));
    }
  });
  add('slash at the end', `${base.path}/`);
  add('another segment', `${base.path}/x`);
  add('two slashes', base.path.replace('/', '//'));
  add('other case', base.path.toUpperCase());
  add('escaped letter', base.path.replace(/[a-z](?=[^/]*$)/, (c) => `%${c.charCodeAt(0).toString(16)}x`));
  return cases;
}
