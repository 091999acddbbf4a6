// Listeners that nobody should connect to. They say nothing, and remember who came.
import assert from 'node:assert/strict';
import net from 'node:net';
import { cleanup } from '../support/cleanup.mjs';
import { waitFor } from '../support/wait.mjs';

/** places: [{port, host}]; host '::' is every address of both families */
export async function startDecoy(t, places) {
  const visits = [];
  const marks = new Set();   // visits that settle() makes
  const key = (index, address, port) => `${index} ${address.replace(/^::ffff:/, '')} ${port}`;
  const servers = await Promise.all(places.map(({ port, host }, index) => new Promise((resolve, reject) => {
    const server = net.createServer((socket) => {
      const visit = { to: `${socket.localAddress} ${port}`, key: key(index, socket.remoteAddress ?? '', socket.remotePort), said: '' };
      visits.push(visit);
      socket.on('data', (bytes) => {
        visit.said = bytes.toString('latin1').replace(/[^ -~]+/g, '.').slice(0, 60);
        socket.destroy();
      });
      socket.on('error', () => {});
    });
    server.once('error', reject);
    server.listen({ port, host, backlog: 1024 }, () => resolve(server));
    cleanup(t, () => new Promise((done) => { server.close(done); }));
  })));
  const uninvited = () => visits.filter((visit) => !marks.has(visit.key));
  return {
    count: () => uninvited().length,
    describe: () => uninvited().slice(-3).map(({ to, said }) => `${to} ${JSON.stringify(said)}`).join('; '),
    assertUntouched() {
      assert.equal(uninvited().length, 0, this.describe());
    },
    forget() {
      visits.length = 0;
    },
    /** Waits until every connection that was opened before this call has been counted: listeners accept in order. */
    async settle() {
      await Promise.all(servers.map(async (server, index) => {
        const { port, address } = server.address();
        const socket = net.connect({ port, host: address === '::' ? '127.0.0.1' : address });
        await new Promise((resolve, reject) => { socket.once('connect', resolve); socket.once('error', reject); });
        const mark = key(index, socket.localAddress, socket.localPort);
        marks.add(mark);
        await waitFor('the decoy to count', () => visits.some((visit) => visit.key === mark));
        visits.splice(0, visits.length, ...visits.filter((visit) => visit.key !== mark));
        marks.delete(mark);
        socket.destroy();
      }));
    },
  };
}
