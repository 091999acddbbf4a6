// Who waits for what an edge sends: a provider on a public address, and a decoy on every address there is (own-network.mjs),
// with certificates that the edge trusts. Both remember every byte, as it came and as it was decrypted.
import fs from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { listen } from '../support/listen.mjs';

/** Listens on host:port. cert: {cert, key} files, or none for clear text. answer(head) returns bytes. */
async function startPlace(t, { host, port, cert, answer }) {
  const place = { raw: [], plain: [], requests: [], connections: 0 };
  const talk = (socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      place.plain.push(data);
      text += data.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end);
        text = text.slice(end + 4);
        place.requests.push(head);
        socket.write(Buffer.from(answer(head), 'latin1'));
      }
    });
  };
  const secure = cert && tls.createServer({ cert: fs.readFileSync(cert.cert), key: fs.readFileSync(cert.key) }, talk);
  secure?.on('tlsClientError', () => {});
  const server = net.createServer((socket) => {
    place.connections++;
    if (secure) {
      socket.on('data', (data) => place.raw.push(data));
      secure.emit('connection', socket);
    } else {
      talk(socket);
    }
  });
  await listen(t, server, { host, port, backlog: 1024 });
  return place;
}

export const ok = (lines = '', body = 'ok', status = '200 OK') => `HTTP/1.1 ${status}\r\n${lines}Content-Length: ${body.length}\r\n\r\n${body}`;

/** The provider: answer(head) by default says ok. */
export const startProvider = (t, { host, port, cert, answer = () => ok() }) => startPlace(t, { host, port, cert, answer });

/** The decoy, on ports 80 (clear text) and 443 of every address. bytes(): all that it has got. */
export async function startDecoy(t, { cert }) {
  const answer = () => ok('', 'decoy');
  const places = [await startPlace(t, { host: '::', port: 80, answer }), await startPlace(t, { host: '::', port: 443, cert, answer })];
  return {
    bytes: () => Buffer.concat(places.flatMap((place) => [...place.raw, ...place.plain])),
    requests: () => places.flatMap((place) => place.requests),
    connections: () => places.reduce((sum, place) => sum + place.connections, 0),
    forget: () => places.forEach((place) => Object.assign(place, { raw: [], plain: [], requests: [], connections: 0 })),
  };
}
