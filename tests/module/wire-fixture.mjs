// Both ends of an edge as raw bytes: a client that writes requests as it likes, and an upstream that judges what arrives.
import assert from 'node:assert/strict';
import net from 'node:net';
import { listen } from '../support/listen.mjs';

/**
 * A server of raw bytes that judges each request by mismatch(head, body): it answers 200, or 418 with why not; every
 * `failing`-th request is met by a closed connection. head: text before the blank line, its bytes as latin1.
 */
export function startJudge(t, mismatch, { failing } = {}) {
  let count = 0;
  const server = net.createServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (;;) {
        const end = bytes.indexOf('\r\n\r\n');
        const head = end < 0 ? '' : bytes.subarray(0, end).toString('latin1');
        const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
        if (end < 0 || bytes.length < end + 4 + length) {
          return;
        }
        const body = bytes.subarray(end + 4, end + 4 + length);
        bytes = bytes.subarray(end + 4 + length);
        if (failing && ++count % failing === 0) {
          socket.destroy();
          return;
        }
        const why = mismatch(head, body);
        socket.write(`HTTP/1.1 ${why === '' ? '200 OK' : '418 Wrong'}\r\nContent-Length: ${Buffer.byteLength(why)}\r\n\r\n${/^HEAD /.test(head) ? '' : why}`);
      }
    });
  });
  return listen(t, server);
}

/**
 * A server that answers with the bytes that `answer(head, connection)` gives, in pieces, each sent when the last has gone; null
 * closes. connection: counts from 1
 */
export function startRaw(t, answer) {
  let connections = 0;
  const server = net.createServer({ noDelay: true }, (socket) => {
    const connection = ++connections;
    let head = '';
    socket.on('data', async (data) => {
      head += data.toString('latin1');
      if (head.includes('\r\n\r\n')) {
        const said = head;
        head = '';
        for (const piece of answer(said, connection)) {
          if (piece === null) {
            socket.destroy();
            return;
          }
          await new Promise((resolve) => { socket.write(Buffer.from(piece, 'latin1'), () => setImmediate(resolve)); });
        }
      }
    });
  });
  return listen(t, server);
}

/** A frame of HTTP/2. */
export function h2Frame(type, flags, stream, payload) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A block of fields [[name, value], ...] as they are, each of fewer than 127 bytes. */
export const h2Fields = (fields) => Buffer.concat(fields.map(([name, value]) => Buffer.from(`\0${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`, 'latin1')));

/** A request as a client writes it. own: header lines that come first. */
export function bytesOf({ method, target, headers, body, chunked }, own) {
  const framing = chunked ? 'Transfer-Encoding: chunked\r\n' : (body.length > 0 || method === 'POST' ? `Content-Length: ${body.length}\r\n` : '');
  const content = chunked ? Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]) : body;
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: edge.example\r\n${own}${headers}${framing}\r\n`, 'latin1'), content]);
}

/** A client with one connection: ask(bytes) resolves to {status, text}. It connects anew when nginx closes it. */
export class RawClient {
  constructor(port) {
    this.port = port;
  }

  async ask(bytes, isHead) {
    this.socket ??= net.connect(this.port, '127.0.0.1');
    const { socket } = this;
    return new Promise((resolve, reject) => {
      let got = Buffer.alloc(0);
      const settle = (outcome, value) => {
        socket.removeAllListeners();
        socket.on('error', () => {});
        outcome(value);
      };
      socket.on('data', (chunk) => {
        got = Buffer.concat([got, chunk]);
        const end = got.indexOf('\r\n\r\n');
        const head = end < 0 ? '' : got.subarray(0, end).toString('latin1');
        const length = isHead ? 0 : Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
        if (end >= 0 && got.length >= end + 4 + length) {
          if (/^connection: close$/im.test(head)) {
            socket.destroy();
            this.socket = undefined;
          }
          settle(resolve, { status: Number(head.slice(9, 12)), text: got.subarray(end + 4).toString('latin1') });
        }
      });
      for (const event of ['error', 'close']) {
        socket.on(event, () => {
          this.socket = undefined;
          settle(reject, new Error(`the connection ended: ${got}`));
        });
      }
      socket.write(bytes);
    });
  }
}

const CLIENTS = 8;
const NGINX_OWN = [400, 404, 405];   // a malformed path, or one that leads out of the location

/**
 * Sends all of `requests` over a few kept connections; `ownOf(number)`: the header lines that name caller and connection.
 * Every answer is 200, or nginx's own refusal, which few are. returns {status: how many}
 */
export async function sendAll(port, requests, ownOf) {
  const statuses = {};
  const wrong = [];
  let next = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    const client = new RawClient(port);
    while (next < requests.length) {
      const number = next++;
      const request = requests[number];
      const { status, text } = await client.ask(bytesOf(request, ownOf(number)), request.method === 'HEAD');
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (![200, ...NGINX_OWN].includes(status)) {
        wrong.push({ status, text, target: request.target });
      }
    }
  }));
  assert.deepEqual(wrong.slice(0, 3), [], `${wrong.length} of ${requests.length}; ${JSON.stringify(statuses)}`);
  assert.ok(statuses[200] > 0.6 * requests.length, `nginx itself refused too many: ${JSON.stringify(statuses)}`);
  return statuses;
}
