// Errors of nginx itself reach a gRPC client as gRPC statuses, where nexus_inject is. What an upstream has answered, and what
// an error_page says, is theirs.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import grpc from '@grpc/grpc-js';
import { grpcClient, startGrpcServer, stream, unary } from '../support/grpc.mjs';
import { listen } from '../support/listen.mjs';
import { findPort } from '../support/ports.mjs';
import { startEdge } from './edge-fixture.mjs';
import { h2Call, h2Session, startFieldServer } from './grpc-fixture.mjs';

const { status } = grpc;
const inject = 'nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8;';

/** Takes connections, and says nothing (or closes them). returns its port */
function startSilent(t, { closes = false } = {}) {
  return listen(t, net.createServer((socket) => socket.on('data', () => closes && socket.destroy())));
}

async function start(t, options) {
  const edge = await startEdge(t, options);
  const headers = { 'x-nexus-key': await edge.addAgent(), 'x-nexus-connection': await edge.addConnection() };
  return Object.assign(edge, { headers });
}

test('a client sees what has failed', async (t) => {
  const server = await startGrpcServer(t);
  const [silent, closing, nobody] = [await startSilent(t), await startSilent(t, { closes: true }), await findPort()];
  const pass = {
    nobody: `grpc_pass 127.0.0.1:${nobody};`,
    closing: `grpc_pass 127.0.0.1:${closing};`,
    silent: `grpc_read_timeout 300ms; grpc_pass 127.0.0.1:${silent};`,
    'no handshake': `grpc_connect_timeout 300ms; grpc_pass grpcs://127.0.0.1:${silent};`,
    'a large body': `client_max_body_size 1k; grpc_pass 127.0.0.1:${server.port};`,
    denied: `deny all; grpc_pass 127.0.0.1:${server.port};`,
    ...Object.fromEntries([301, 400, 401, 404, 405, 413, 414, 418, 429, 500, 503].map((code) => [code, `return ${code};`])),
  };
  const expected = {
    nobody: [status.UNAVAILABLE, /could not be reached/], closing: [status.UNAVAILABLE, /could not be reached, or its answer/],
    silent: [status.DEADLINE_EXCEEDED, /^the upstream did not answer in time$/], 'no handshake': [status.UNAVAILABLE, /could not be reached in time/],
    'a large body': [status.RESOURCE_EXHAUSTED, /too large/], denied: [status.PERMISSION_DENIED, /access is denied/],
    301: [status.UNKNOWN], 400: [status.INTERNAL], 401: [status.UNAUTHENTICATED], 404: [status.UNIMPLEMENTED, /no such method/], 405: [status.UNIMPLEMENTED],
    413: [status.RESOURCE_EXHAUSTED], 414: [status.RESOURCE_EXHAUSTED], 418: [status.UNKNOWN], 429: [status.RESOURCE_EXHAUSTED],
    500: [status.INTERNAL], 503: [status.UNAVAILABLE],
  };
  const edge = await start(t, {
    server: 'set $case $http_x_case;',
    locations: Object.entries(pass).map(([name, to]) => `
        location /${name.replaceAll(' ', '-')}/ { ${inject} ${to} }`).join('') + `
        location /test.Echo/ { rewrite ^ /$http_x_case$uri last; }`,
  });
  const client = grpcClient(t, edge.h2);
  for (const [name, [code, details]] of Object.entries(expected)) {
    const fields = { ...edge.headers, 'x-case': name.replaceAll(' ', '-') };
    for (const call of [() => unary(client, fields, Buffer.alloc(5000)), () => stream(client, 'bidi', fields, [Buffer.alloc(5000), Buffer.alloc(5000)])]) {
      const error = await call().then(() => assert.fail(`${name} was served`), (got) => got);
      assert.equal(error.code, code, `${name}: ${error.message}`);
      assert.match(error.details, details ?? /./, name);
    }
  }
  assert.equal(server.calls.filter((call) => call.get('authorization').length !== 1).length, 0);
  assert.match(edge.nginx.accessLog(), /"POST \/test.Echo\/unary HTTP\/2.0" 504 /, 'the log shows the status of the error');
});

test('by the field: 200, one status, no body', async (t) => {
  const edge = await start(t, { locations: `location / { ${inject} grpc_pass 127.0.0.1:${await findPort()}; }` });
  const session = await h2Session(t, edge.h2);
  const answer = await h2Call(session, '/s/m', edge.headers);
  assert.deepEqual(Object.keys(answer).filter((name) => !['server', 'date'].includes(name)), [':status', 'content-type', 'grpc-status', 'grpc-message']);
  assert.deepEqual([answer[':status'], answer['content-type'], answer['grpc-status']], [200, 'application/grpc', '14']);
  for (const type of ['application/json', 'application/grpc-web', '']) {
    const other = await h2Call(session, '/s/m', { ...edge.headers, 'content-type': type });
    assert.deepEqual([other[':status'], other['content-type'], other['grpc-status']], [502, 'text/html', undefined], type);
  }
  const page = await edge.get('/s/m', { method: 'POST', headers: { ...edge.headers, 'content-type': 'application/grpc' } });
  assert.equal(page.status, 502);
  assert.match(page.text, /^<html>/, 'HTTP/1.1 knows no gRPC');
});

test('what an upstream has answered stays as it is', async (t) => {
  const html = await startFieldServer(t, undefined, { ':status': 503, 'content-type': 'text/html', 'retry-after': '3' });
  const refusing = await startFieldServer(t, undefined, { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '10', 'grpc-message': 'ours' });
  const edge = await start(t, {
    locations: `
        location /html/ { ${inject} grpc_pass 127.0.0.1:${html.port}; }
        location /refusing/ { ${inject} grpc_pass 127.0.0.1:${refusing.port}; }`,
  });
  const session = await h2Session(t, edge.h2);
  const page = await h2Call(session, '/html/m', edge.headers);
  assert.deepEqual([page[':status'], page['content-type'], page['retry-after'], page['grpc-status']], [503, 'text/html', '3', undefined]);
  const refusal = await h2Call(session, '/refusing/m', edge.headers);
  assert.deepEqual([refusal[':status'], refusal['grpc-status'], refusal['grpc-message']], [200, '10', 'ours']);
});

test('an error_page, and a location without nexus_inject, say what they say', async (t) => {
  const server = await startFieldServer(t);
  const nobody = `grpc_pass 127.0.0.1:${await findPort()};`;
  const edge = await start(t, {
    locations: `
        location /own/ { ${inject} error_page 502 = @own; ${nobody} }
        location @own { default_type application/grpc; add_header grpc-status 9; add_header grpc-message own; return 204; }
        location /next/ { ${inject} error_page 502 = @next; ${nobody} }
        location /kept-status/ { ${inject} error_page 502 @next; ${nobody} }
        location @next { ${inject} grpc_pass 127.0.0.1:${server.port}; }
        location /refused-next/ { ${inject} error_page 502 @refused-next; ${nobody} }
        location @refused-next { nexus_inject auto; nexus_connection $http_x_nexus_connection; grpc_pass 127.0.0.1:${server.port}; }
        location /plain/ { ${nobody} }`,
  });
  const session = await h2Session(t, edge.h2);
  const call = async (path, empty = false) => {
    const answer = await h2Call(session, path, edge.headers, { empty });
    return [answer[':status'], answer['grpc-status'], answer['grpc-message']];
  };
  assert.deepEqual(await call('/own/m'), [204, '9', 'own']);
  assert.deepEqual(await call('/next/m', true), [200, '0', undefined]);
  assert.deepEqual(await call('/kept-status/m', true), [502, '0', undefined], 'as nginx does it: the status of the error, the answer of the page');
  assert.deepEqual(await call('/refused-next/m', true), [200, '7', 'the credential must not be sent to this host']);
  assert.deepEqual(await call('/plain/m'), [502, undefined, undefined]);
});
