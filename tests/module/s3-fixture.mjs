// An edge before S3 servers, for what AWS's SDKs do through it: one that verifies each request (@filen/aws4-express; framed
// bodies by chunk-verifier.mjs) and then hands it to s3rver for function, and s3rver alone, which verifies in its own way.
import http from 'node:http';
import path from 'node:path';
import S3rver from 's3rver';
import { verifyChunks } from '../support/chunk-verifier.mjs';
import { cleanup } from '../support/cleanup.mjs';
import { serve } from '../support/http.mjs';
import { findPort } from '../support/ports.mjs';
import { refusalOf } from '../support/sigv4-verifier.mjs';
import { makeWorkdir } from '../support/workdir.mjs';
import { startEdge } from './edge-fixture.mjs';

const KEY = 'S3RVER';   // the one account that s3rver knows: key and secret
export const REGION = 'eu-central-1';

async function startS3(t, options = {}) {
  const port = await findPort();
  const s3 = new S3rver({ port, address: '127.0.0.1', silent: true, directory: path.join(makeWorkdir(t, 's3'), 's3'), ...options });
  await s3.run();
  cleanup(t, () => new Promise((resolve) => { s3.close(resolve); s3.httpServer.closeAllConnections(); }));
  return port;
}

/** Verifies, takes the framing off, and passes on to an S3 server that does not verify any more. */
async function startVerifyingFront(t, seen) {
  const port = await startS3(t, { allowMismatchedSignatures: true });
  const server = await serve(await findPort(), async (incoming, response, body) => {
    const arrived = { method: incoming.method, url: incoming.url, headers: incoming.headers, body };
    const isStreamed = incoming.headers['x-amz-content-sha256']?.startsWith('STREAMING-');
    const { why, trailer } = isStreamed ? verifyChunks(arrived, { [KEY]: KEY }) : { why: await refusalOf(arrived, { [KEY]: KEY }) };
    seen.push({ ...arrived, body: undefined, why, trailer, isStreamed });
    if (why !== '') {
      response.writeHead(403, { 'content-type': 'text/plain' }).end(why);
      return;
    }
    const headers = { ...incoming.headers, ...(isStreamed ? { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'content-encoding': '' } : {}), connection: 'close' };
    const sent = isStreamed ? withoutFraming(body) : body;
    const outgoing = http.request({ port, host: '127.0.0.1', method: incoming.method, path: incoming.url, headers: { ...headers, 'content-length': sent.length } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    outgoing.end(sent);
  });
  cleanup(t, () => server.close());
  return server.port;
}

function withoutFraming(body) {
  const pieces = [];
  for (let at = 0; ;) {
    const end = body.indexOf('\r\n', at);
    const size = parseInt(body.subarray(at, end).toString('latin1'), 16);
    if (size === 0) {
      return Buffer.concat(pieces);
    }
    pieces.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

/**
 * Starts them. Locations: /stream/, /hints/ and /buffer/ before the verifying one, /direct/ before s3rver; `credentials` are
 * further ones of the connection. returns {edge, key, connection, seen: what the verifying server saw}
 */
export async function startS3Edge(t, { credentials = {} } = {}) {
  const seen = [];
  const front = await startVerifyingFront(t, seen);
  const direct = await startS3(t);
  const common = `nexus_inject aws_sigv4; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8; nexus_allow_hosts 127.0.0.1;
                  proxy_http_version 1.1; client_max_body_size 0;`;
  const edge = await startEdge(t, {
    locations: `
        location /stream/ { ${common} nexus_sigv4 payload=stream; proxy_request_buffering off; proxy_pass http://127.0.0.1:${front}/; }
        location /hints/ { ${common} nexus_sigv4 payload=stream hints=${REGION}/s3; proxy_pass http://127.0.0.1:${front}/; }
        location /buffer/ { ${common} nexus_sigv4 payload=buffer; proxy_pass http://127.0.0.1:${front}/; }
        location /direct/ { ${common} nexus_sigv4 payload=buffer; proxy_pass http://127.0.0.1:${direct}/; }`,
  });
  const key = await edge.addAgent();
  const connection = await edge.addConnection({
    strategy: 'aws_sigv4', strategy_config: { service: 's3', region: REGION },
    credentials: { access_key: KEY, secret_key: KEY, ...credentials },
  });
  return { edge, key, connection, seen };
}
