// Locations that sign uploads to S3 chunk by chunk, in every way that nginx keeps and sends bodies, and a look at what arrived.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { verifyChunks } from '../support/chunk-verifier.mjs';
import { startEdge } from './edge-fixture.mjs';

export const inject = 'nexus_inject aws_sigv4; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8; nexus_allow_hosts backend 127.0.0.1 s3.test;';
export const stream = `${inject} nexus_sigv4 payload=stream;`;
export const SECRETS = { AKIDEXAMPLE: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
export const aws = (config = {}) => ({
  strategy: 'aws_sigv4', strategy_config: { service: 's3', region: 'eu-central-1', ...config },
  credentials: { access_key: 'AKIDEXAMPLE', secret_key: SECRETS.AKIDEXAMPLE },
});
export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

const locations = ({ upstream }) => `
        location /buffered/ { ${stream} proxy_pass http://${upstream}/; }
        location /temp-file/ { ${stream} client_body_buffer_size 1k; proxy_pass http://${upstream}/; }
        location /in-one/ { ${stream} client_body_in_single_buffer on; client_body_buffer_size 8m; proxy_pass http://${upstream}/; }
        location /http10/ { ${stream} proxy_http_version 1.0; proxy_pass http://${upstream}/; }
        location /rewrite/ { ${stream} rewrite ^/rewrite/(.*)$ /to/$1?x-id=PutObject break; proxy_pass http://${upstream}; }
        location /unbuffered/ { ${stream} proxy_request_buffering off; proxy_pass http://${upstream}/; }
        location /variable/ { ${stream} proxy_request_buffering off; set $address ${upstream}; proxy_pass http://$address; }
        location /set-body/ { ${stream} proxy_set_body "own body"; proxy_pass http://${upstream}/; }
        location /hashed/ { ${inject} proxy_pass http://${upstream}/; }
        location /hints/ { ${inject} nexus_sigv4 payload=stream hints=eu-west-3/s3,*/s3express; proxy_pass http://${upstream}/; }`;
export const KINDS = ['buffered', 'temp-file', 'in-one', 'http10', 'rewrite', 'unbuffered', 'variable'];
export const KIB = 1024;

export const start = (t, more = {}) => startEdge(t, { locations, server: 'client_max_body_size 0; proxy_http_version 1.1;', ...more });

export async function caller(edge, connection = aws()) {
  return { 'x-nexus-key': await edge.addAgent(), 'x-nexus-connection': await edge.addConnection(connection) };
}

/** The last request: its signatures, its chunks, its object. */
export function assertArrived(edge, body, where) {
  const arrived = edge.upstream.last();
  const { why, ...got } = verifyChunks(arrived, SECRETS);
  assert.equal(why, '', `${where}: ${JSON.stringify(arrived.headers)}`);
  assert.equal(got.sha256, sha256(body), where);
  assert.equal(got.chunks, Math.ceil(body.length / (64 * KIB)) + 1, where);
  return { ...got, headers: arrived.headers };
}
