// Free TCP ports on the loopback address, from 19000 up, so that tests and a running quickstart do not meet.
// Parallel test processes agree through one lock file per port; who listens on the port is left to the caller.
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

const FIRST_PORT = 19000;
const LAST_PORT = 29999;   // below the kernel's ephemeral range, so that no outgoing connection takes one
// Not os.tmpdir(): a run may have a TMPDIR of its own, and ports are the machine's.
const lockDir = path.join('/tmp', `nexus-test-ports-${process.getuid()}`);
const held = new Set();

/** Reserves a free port for this process: until it ends, no other test process is given the same one. */
export async function findPort() {
  fs.mkdirSync(lockDir, { recursive: true, mode: 0o700 });
  const span = LAST_PORT - FIRST_PORT + 1;
  // Starting at a place of its own keeps parallel test processes from queueing for the same ports.
  const start = (process.pid * 37) % span;
  for (let i = 0; i < span; i++) {
    const port = FIRST_PORT + (start + i) % span;
    if (!held.has(port) && takeLock(port)) {
      if (await canListen(port)) {
        held.add(port);
        return port;
      }
      fs.rmSync(lockFile(port), { force: true });
    }
  }
  throw new Error(`no free port between ${FIRST_PORT} and ${LAST_PORT}`);
}

/** Several ports at once. */
export async function findPorts(count) {
  const ports = [];
  while (ports.length < count) {
    ports.push(await findPort());
  }
  return ports;
}

function lockFile(port) {
  return path.join(lockDir, String(port));
}

function takeLock(port) {
  const file = lockFile(port);
  try {
    fs.writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') {
      throw error;
    }
  }
  // A lock whose owner is gone is removed; the next caller, or the next round of this one, may take it.
  try {
    const owner = Number(fs.readFileSync(file, 'utf8'));
    if (owner > 0 && !isAlive(owner)) {
      fs.rmSync(file, { force: true });
    }
  } catch (error) {
    if (error.code !== 'ENOENT') {
      throw error;
    }
  }
  return false;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function canListen(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

process.on('exit', () => {
  for (const port of held) {
    fs.rmSync(lockFile(port), { force: true });
  }
});
