// Servers that a test makes of net, http or http2 itself, where what serve() of http.mjs reads is not raw enough.
import { cleanup } from './cleanup.mjs';
import { findPort } from './ports.mjs';

/**
 * Listens until the test's end, when whoever is still connected is cut off. Errors of connections are their own affair.
 *
 * host, port, backlog  loopback, and a port that is found, unless said
 * returns the port
 */
export async function listen(t, server, { host = '127.0.0.1', port, backlog } = {}) {
  const ends = new Set();
  for (const event of ['connection', 'session']) {   // http2 has both
    server.on(event, (end) => {
      ends.add(end);
      end.on('close', () => ends.delete(end));
      end.on('error', () => {});
    });
  }
  const chosen = port ?? await findPort();
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: chosen, backlog }, resolve);
  });
  cleanup(t, () => new Promise((resolve) => {
    ends.forEach((end) => end.destroy());
    server.close(resolve);
  }));
  return chosen;
}
