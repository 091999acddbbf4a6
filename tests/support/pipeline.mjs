// Many small requests over few connections, pipelined: what a program sends to ask a server tens of thousands of questions
// within seconds. Answers must have a Content-Length or no body.
import net from 'node:net';

const WINDOW = 200;   // requests on their way at once, per connection: all their answers fit into socket buffers

/**
 * Sends every request and returns the answers in their order.
 *
 * requests  [{method, path, headers: {name: value}, host}]; connections: how many to use
 * returns   [{status, headers: {lower-case name: [value, ...]}}]
 */
export async function pipeline(port, requests, { connections = 2 } = {}) {
  const answers = new Array(requests.length);
  const share = Math.ceil(requests.length / connections);
  const parts = Array.from({ length: connections }, (_, i) => [i * share, Math.min((i + 1) * share, requests.length)]);
  await Promise.all(parts.filter(([from, to]) => from < to).map(([from, to]) => ask(port, requests, answers, from, to)));
  return answers;
}

function ask(port, requests, answers, from, to) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.setNoDelay(true);
    let sent = from;
    let got = from;
    let rest = '';
    socket.on('error', reject);
    socket.on('close', () => (got < to ? reject(new Error(`the connection was closed after ${got - from} answers`)) : resolve()));
    socket.on('connect', send);
    socket.on('data', (chunk) => {
      rest += chunk.toString('latin1');
      let at = 0;
      while (got < to) {
        const parsed = parse(rest, at, requests[got].method);
        if (!parsed) {
          break;
        }
        answers[got++] = parsed.answer;
        at = parsed.end;
      }
      rest = rest.slice(at);
      if (got === to) {
        socket.end();
      } else if (got === sent) {
        send();
      }
    });

    function send() {
      const until = Math.min(sent + WINDOW, to);
      socket.write(requests.slice(sent, until).map(write).join(''), 'latin1');
      sent = until;
    }
  });
}

function write({ method, path, headers, host }) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n`;
}

function parse(text, at, method) {
  const end = text.indexOf('\r\n\r\n', at);
  if (end < 0) {
    return undefined;
  }
  const [line, ...fields] = text.slice(at, end).split('\r\n');
  const status = Number(line.slice(9, 12));
  const headers = {};
  for (const field of fields) {
    const colon = field.indexOf(':');
    (headers[field.slice(0, colon).toLowerCase()] ??= []).push(field.slice(colon + 1).trim());
  }
  const length = method === 'HEAD' || status === 204 ? 0 : Number(headers['content-length']?.[0]);
  const behind = end + 4 + length;
  if (Number.isNaN(length)) {
    throw new Error(`an answer without a length: ${text.slice(at, end)}`);
  }
  return behind <= text.length ? { answer: { status, headers }, end: behind } : undefined;
}
