// HTTP by the byte: sends what no HTTP library would, and reads whatever comes back until the server closes.
import net from 'node:net';

/**
 * Sends bytes to a loopback port and reads to the end of the connection.
 *
 * port     number; bytes: Buffer, sent at once
 * method   of the request, because an answer to HEAD has no body
 * close    after the bytes, our side is closed
 * timeout  ms for everything
 *
 * returns {answers, ended}: what came, parsed; ended is false where the server neither answered nor closed in time. A
 * server that keeps the connection open after a whole answer is not waited for.
 */
export function exchange(port, bytes, { method = 'GET', close = false, timeout = 20000 } = {}) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const chunks = [];
    const timer = setTimeout(() => finish(false), timeout);
    socket.once('connect', () => (close ? socket.end(bytes) : socket.write(bytes)));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const answers = parseAnswers(Buffer.concat(chunks), method);
      // 100 Continue is not the answer yet.
      if (answers.some((answer) => answer.whole && answer.status >= 200 && answer.headers.connection !== 'close')) {
        finish(true);
      }
    });
    socket.once('end', () => finish(true));
    socket.once('close', () => finish(true));
    socket.on('error', () => {});   // a server may reset the connection behind its answer: 'close' follows

    function finish(ended) {
      clearTimeout(timer);
      socket.destroy();
      resolve({ answers: parseAnswers(Buffer.concat(chunks), method).filter(({ status }) => status >= 200), ended });
    }
  });
}

/** All answers in the bytes: [{status, headers, body, text, json, whole}]. What is no HTTP becomes one with status 0. */
export function parseAnswers(bytes, method) {
  const answers = [];
  while (bytes.length > 0) {
    const end = bytes.indexOf('\r\n\r\n');
    const [line, ...fields] = bytes.subarray(0, end < 0 ? bytes.length : end).toString('latin1').split('\r\n');
    const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(line)?.[1] ?? 0);
    if (end < 0 || status === 0) {
      answers.push({ status, headers: {}, body: bytes, text: bytes.toString('utf8'), whole: false });
      break;
    }
    const headers = Object.fromEntries(fields.map((field) => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 1).trim()]));
    const hasBody = method !== 'HEAD' && status >= 200 && status !== 204 && status !== 304;
    const length = hasBody ? Number(headers['content-length'] ?? bytes.length - end - 4) : 0;
    const body = bytes.subarray(end + 4, end + 4 + length);
    answers.push({ status, headers, body, text: body.toString('utf8'), json: parseJson(body), whole: body.length === length });
    bytes = bytes.subarray(end + 4 + length);
  }
  return answers;
}

function parseJson(body) {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
