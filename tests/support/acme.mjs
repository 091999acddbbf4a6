// A real ACME server (pebble, Let's Encrypt's own for tests) with a CA of its own, and what it needs: a name server for the
// names that it is to believe. Its certificates are as good as the CA that it makes up at each start.
import fs from 'node:fs';
import path from 'node:path';
import { cleanup } from './cleanup.mjs';
import { startDns } from './dns.mjs';
import { request } from './http.mjs';
import { findPorts } from './ports.mjs';
import { startProgram } from './process.mjs';
import { accepts } from './wait.mjs';
import { makeWorkdir } from './workdir.mjs';

/** names are answered at 127.0.0.1:httpPort; ca: of makeCa, for the API's own TLS. returns {directory, root()} */
export async function startAcme(t, { ca, names, httpPort }) {
  const [port, management, tlsPort] = await findPorts(3);
  const dns = await startDns(t, Object.fromEntries(names.map((name) => [name, '127.0.0.1'])));
  const { cert, key } = await ca.issue('IP:127.0.0.1');
  const file = path.join(makeWorkdir(t, 'acme'), 'pebble.json');
  fs.writeFileSync(file, JSON.stringify({ pebble: {
    listenAddress: `127.0.0.1:${port}`, managementListenAddress: `127.0.0.1:${management}`, certificate: cert, privateKey: key, httpPort, tlsPort, ocspResponderURL: '',
    externalAccountBindingRequired: false,
  } }));
  const program = await startProgram({
    name: 'pebble', command: 'pebble', args: ['-config', file, '-dnsserver', `127.0.0.1:${dns.port}`, '-strict'],
    env: { PATH: process.env.PATH, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0' }, ready: () => accepts(port),
  });
  cleanup(t, () => program.stop());
  const trust = fs.readFileSync(ca.file, 'utf8');
  return {
    directory: `https://127.0.0.1:${port}/dir`,
    root: async () => (await request(`https://127.0.0.1:${management}/roots/0`, { ca: trust })).text,
    log: () => program.output(),
  };
}
