// Runs a test file in a network and a mount namespace of its own, in which every IP address there is leads to this
// machine (so a listener on a wildcard address sees whatever a program tries to reach, and nothing leaves) and names
// are asked of 127.0.0.1, port 53, where the test may answer them. Needs root, or user namespaces.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const MARK = 'NEXUS_OWN_NETWORK';

const setUp = `
set -e
ip link set lo up
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
for file in resolv.conf hosts nsswitch.conf; do mount --bind "$0/$file" "/etc/$file"; done
exec "$@"
`;

/** Is this process inside already? */
export const inOwnNetwork = process.env[MARK] === '1';

/** Runs the file again, inside. Throws where that is not possible, and where a test in there fails. */
export async function runInOwnNetwork(file) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'nexus-network-'));
  try {
    fs.writeFileSync(path.join(dir, 'resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:5 attempts:2\n');
    fs.writeFileSync(path.join(dir, 'hosts'), '127.0.0.1 localhost\n::1 localhost\n');
    fs.writeFileSync(path.join(dir, 'nsswitch.conf'), 'hosts: files dns\npasswd: files\ngroup: files\n');
    const unshare = ['unshare', '--net', '--mount', ...(process.getuid() === 0 ? [] : ['--map-root-user']), '--'];
    const ending = await run([...unshare, 'sh', '-c', setUp, dir, process.execPath, '--test-reporter=spec', '--test-force-exit', file]);
    if (ending !== 'code 0') {
      throw new Error(`the tests inside the network namespace ended with ${ending}; if none of them started: this test needs `
        + 'root or user namespaces (CAP_SYS_ADMIN, CAP_NET_ADMIN), with unshare, ip and mount');
    }
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

function run(command) {
  const env = { ...process.env, [MARK]: '1' };
  delete env.NODE_TEST_CONTEXT;   // inside is a test run of its own, for people to read
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...command], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `code ${code}`));
  });
}
