// The API documents are valid OpenAPI, complete, and of one mind with docs/rest-api.md (which a unit test holds against
// the code) and with the table of error codes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { createConfig, lint } from '@redocly/openapi-core';
import { child, document, folder, follow, operations, validator } from '../support/openapi.mjs';
import { repository } from '../support/paths.mjs';

const both = ['gateway.yaml', 'broker.yaml'];
const all = both.flatMap(operations);
const title = ({ method, path: route }) => `${method} ${route}`;

// The gateway's own probes are nginx's (conf/gateway.conf), not routes of nexusd.
const isGatewayProbe = (operation) => operation.document === 'gateway.yaml' && !operation.path.startsWith('/v1/');
const isSchema = (value) => typeof value === 'object' && value !== null;

test('the linter has nothing to say', async () => {
  const config = await createConfig({
    extends: ['recommended-strict'],
    rules: {
      'operation-2xx-response': 'off',   // /auth/callback only redirects
    },
  });
  for (const name of both) {
    const problems = await lint({ ref: path.join(folder, name), config });
    assert.deepEqual(problems.map(({ ruleId, message, location }) =>
      `${name}: ${ruleId}: ${message} at ${location[0]?.pointer}`), []);
  }
});

test('the linter would say something', async () => {
  const config = await createConfig({ extends: ['recommended-strict'] });
  const problems = await lint({ ref: path.join(import.meta.dirname, 'no-api.yaml'), config });
  assert.ok(problems.some(({ ruleId }) => ruleId === 'no-unresolved-refs'));
  assert.ok(problems.some(({ ruleId }) => ruleId === 'path-parameters-defined'));
});

test('the routes are those of docs/rest-api.md, with who gets in', () => {
  const table = fs.readFileSync(path.join(repository, 'docs/rest-api.md'), 'utf8')
    .matchAll(/^\| `([A-Z]+ \/[^`]*)` \| ([a-z]+)[ ,|]/gm);
  const written = [...table].map(([, route, access]) => `${route} ${access}`);
  assert.ok(written.length > 30);
  const described = all.filter((operation) => !isGatewayProbe(operation)).map((operation) => `${title(operation)} ${operation.access}`);
  assert.deepEqual(described.sort(), written.sort());
});

test('/v1 is the gateway\'s, the rest the broker\'s', () => {
  for (const operation of all) {
    assert.equal(operation.path.startsWith('/v1/') || isGatewayProbe(operation), operation.document === 'gateway.yaml', title(operation));
  }
});

test('public operations need no key, the others say what becomes of a missing one', () => {
  for (const operation of all) {
    const isPublic = operation.access === 'public';
    assert.deepEqual(operation.operation.security, isPublic ? [] : undefined, title(operation));
    if (!isPublic) {
      for (const status of ['401', '403', '500', '503']) {
        assert.ok(status in operation.operation.responses, `${title(operation)} lacks ${status}`);
      }
    }
  }
});

test('bodies of requests are closed, and too large ones have an answer', () => {
  for (const operation of all.filter((one) => one.operation.requestBody)) {
    assert.ok('413' in operation.operation.responses, `${title(operation)} lacks 413`);
    for (const media of Object.keys(child(operation.place, 'requestBody').value.content)) {
      const schema = child(operation.place, 'requestBody', 'content', media, 'schema');
      assertClosed(schema, title(operation));
      const bodies = examplesOf(child(operation.place, 'requestBody', 'content', media));
      assert.ok(bodies.length > 0, `${title(operation)} has no example of its body`);
      for (const body of bodies) {
        const validate = validator(schema);
        assert.ok(validate(body), `${title(operation)}: ${JSON.stringify(validate.errors)}`);
      }
    }
  }
});

function examplesOf(media) {
  const named = Object.keys(media.value.examples ?? {}).map((name) => child(media, 'examples', name).value.value);
  return media.value.example === undefined ? named : [media.value.example, ...named];
}

// Objects without additionalProperties: false are those that say what else they take, or that are free on purpose.
function assertClosed(schema, what) {
  const { value } = schema;
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    (value[keyword] ?? []).forEach((part, i) => part.type && assertClosed(child(schema, keyword, i), what));
  }
  if (value.properties === undefined) {
    return;
  }
  assert.equal(value.additionalProperties, false, `${what}: ${schema.name}#${schema.pointer} is open`);
  for (const name of Object.keys(value.properties)) {
    if (isSchema(value.properties[name])) {
      assertClosed(child(schema, 'properties', name), what);
    }
  }
}

test('path parameters have an example of their form', () => {
  for (const operation of all) {
    for (const parameter of operation.parameters.filter(({ value }) => value.in === 'path')) {
      assert.notEqual(parameter.value.example, undefined, `${title(operation)}: ${parameter.value.name}`);
      const validate = validator(child(parameter, 'schema'));
      assert.ok(validate(parameter.value.example), `${title(operation)}: ${parameter.value.name}`);
    }
  }
});

// ---- error codes

const inTable = new Map([...fs.readFileSync(path.join(repository, 'shared/errc.cpp'), 'utf8')
  .matchAll(/\{Errc::k\w+, (\d{3}), (?:"([a-z_]+)"|kInternalCode)\}/g)].map(([, status, code]) => [code ?? 'internal_error', status]));

// [status, code] wherever a document has an error's enum.
function* codes(name) {
  for (const [status, response] of responses(name)) {
    const media = response.value.content?.['application/json'];
    for (const code of media?.schema?.properties?.error?.enum ?? []) {
      yield [status, code, `${response.name}#${response.pointer}`];
    }
  }
}

function* responses(name) {
  for (const operation of operations(name)) {
    for (const status of Object.keys(operation.operation.responses)) {
      yield [status, child(operation.place, 'responses', status)];
    }
  }
  for (const status of Object.keys(document('common.yaml')['x-before-routing'])) {
    yield [status, follow({ name: 'common.yaml', pointer: `/x-before-routing/${status}` })];
  }
}

test('error codes are those of the table, under its status', () => {
  assert.ok(inTable.size > 35);
  const exceptions = new Set([
    '404 invalid_api_key',   // /edge/agents: the edge's own key is good
    '408 invalid_request',   // half a request
    '429 overloaded',        // nginx's limit of connections
  ]);
  let seen = 0;
  for (const name of both) {
    for (const [status, code, where] of codes(name)) {
      seen += 1;
      assert.ok(inTable.has(code), `${where}: ${code} is no error code`);
      assert.ok(inTable.get(code) === status || exceptions.has(`${status} ${code}`), `${where}: ${code} is ${inTable.get(code)}, not ${status}`);
    }
  }
  assert.ok(seen > 100);
});

test('each error code that callers can get is described', () => {
  const described = new Set(both.flatMap((name) => [...codes(name)].map(([, code]) => code)));
  const elsewhere = [
    'host_not_allowed',   // the sidecar's, which is no API
    'invalid_id_token',   // goes back to the application in return_url
  ];
  assert.deepEqual([...inTable.keys()].filter((code) => !described.has(code)).sort(), elsewhere);
});
