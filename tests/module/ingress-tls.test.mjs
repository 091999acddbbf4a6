// conf/ingress.conf as a TLS server, looked at by openssl s_client: protocols, ciphers, chain, OCSP, names, HTTP/2.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { before, test } from 'node:test';
import { cleanup, wholeFile } from '../support/cleanup.mjs';
import { makeCa } from '../support/certificates.mjs';
import { request } from '../support/http.mjs';
import { startIngress } from '../support/ingress.mjs';
import { findPort, findPorts } from '../support/ports.mjs';
import { mustRun, runProgram, startProgram } from '../support/process.mjs';
import { waitFor } from '../support/wait.mjs';

const file = wholeFile();
let root;
let ingress;

/** A leaf of an intermediate of the root, as files of one certificate chain. */
async function issueChain(authority, options) {
  const leaf = await authority.issue('DNS:localhost', options);
  const cert = `${leaf.cert}.full`;
  fs.writeFileSync(cert, fs.readFileSync(leaf.cert, 'utf8') + fs.readFileSync(authority.file, 'utf8'));
  return { ...leaf, cert };
}

before(async () => {
  root = await makeCa(file, 'root');
  ingress = await startIngress(file, {
    ca: root, certificate: await issueChain(await root.intermediate('intermediate')), waf: false, front: await findPort(), gateway: await findPort(),
  });
});

/** One handshake by openssl s_client; args are put behind. The client itself allows everything, so that the server decides. */
async function handshake({ port = ingress.port, name = 'localhost' } = {}, ...args) {
  const { code, stdout, stderr } = await runProgram('openssl', [
    's_client', '-connect', `127.0.0.1:${port}`, ...(name ? ['-servername', name] : ['-noservername']), '-CAfile', root.file, '-verify_return_error', ...args,
  ], { env: { PATH: process.env.PATH, OPENSSL_CONF: '/dev/null' } });
  return { ok: code === 0, text: stdout + stderr, cipher: /Cipher is (\S+)/.exec(stdout)?.[1], protocol: /^New, (\S+),/m.exec(stdout)?.[1] };
}

test('TLS 1.2 and 1.3, nothing older', async () => {
  for (const [option, protocol] of [['-tls1_2', 'TLSv1.2'], ['-tls1_3', 'TLSv1.3']]) {
    const { ok, text, protocol: spoken } = await handshake({}, option);
    assert.ok(ok, text);
    assert.equal(spoken, protocol);
  }
  for (const option of ['-tls1', '-tls1_1']) {
    const { ok, text } = await handshake({}, option, '-cipher', 'ALL:@SECLEVEL=0');
    assert.ok(!ok);
    assert.match(text, /alert protocol version/, option);
  }
});

test('the chain is whole and leads to the root', async () => {
  const { ok, text } = await handshake({}, '-showcerts', '-verify_hostname', 'localhost');
  assert.ok(ok, text);
  assert.match(text, /Verify return code: 0 \(ok\)/);
  assert.equal(text.match(/BEGIN CERTIFICATE/g).length, 2);
});

test('of TLS 1.2 the ciphers with forward secrecy and AEAD, of both the modern groups', async () => {
  const wanted = (await mustRun('openssl', ['ciphers', '-tls1_2', '-s', 'ECDHE+ECDSA+AESGCM:ECDHE+ECDSA+CHACHA20'])).trim().split(':').sort();
  const all = (await mustRun('openssl', ['ciphers', '-tls1_2', '-s', 'ALL:eNULL:aNULL:@SECLEVEL=0'])).trim().split(':');
  assert.ok(all.length > 60);
  const taken = [];
  let left = all;
  // The server answers with the one it takes of those that are offered: until it takes none.
  for (;;) {
    const { ok, cipher, text } = await handshake({}, '-tls1_2', '-cipher', `${left.join(':')}:@SECLEVEL=0`);
    if (!ok) {
      assert.match(text, /alert handshake failure/);
      break;
    }
    taken.push(cipher);
    left = left.filter((name) => name !== cipher);
  }
  assert.deepEqual(taken.sort(), wanted);
  for (const [group, ok] of [['X25519', true], ['P-256', true], ['P-384', true], ['P-521', false], ['X448', false]]) {
    assert.equal((await handshake({}, '-tls1_3', '-groups', group)).ok, ok, group);
  }
  assert.match((await handshake({}, '-tls1_2')).text, /Secure Renegotiation IS supported/);
});

test('no ticket outlives its process, and sessions are resumed all the same', async () => {
  const session = path.join(root.dir, 'session.pem');
  const first = await handshake({}, '-tls1_2', '-sess_out', session);
  assert.doesNotMatch(first.text, /TLS session ticket:/);
  const second = await handshake({}, '-tls1_2', '-sess_in', session);
  assert.match(second.text, /^Reused, TLSv1\.2/m);
});

test('who asks for another name, or none, gets neither certificate nor answer', async () => {
  for (const name of ['other.example', undefined]) {
    const { ok, text } = await handshake({ name: name ?? '' });
    assert.ok(!ok);
    assert.match(text, /alert unrecognized name|alert number 112/);
    assert.doesNotMatch(text, /BEGIN CERTIFICATE/);
  }
  const agent = new https.Agent({ ca: ingress.trust, servername: 'localhost' });   // Node would ask for the name in Host
  const answer = await request(`${ingress.url}/health`, { agent, headers: { host: 'other.example' } });
  assert.equal(answer.status, 421);
});

test('HTTP/2 is spoken where the client can', async () => {
  assert.match((await handshake({}, '-alpn', 'h2,http/1.1')).text, /ALPN protocol: h2/);
  assert.match((await handshake({}, '-alpn', 'http/1.1')).text, /ALPN protocol: http\/1\.1/);
});

test('OCSP: the answer of the certificate\'s responder is stapled', async (t) => {
  const [port, responderPort] = await findPorts(2);
  const leaf = await root.issue('DNS:localhost', { extensions: [`authorityInfoAccess=OCSP;URI:http://127.0.0.1:${responderPort}`] });
  const index = path.join(root.dir, 'index.txt');
  fs.writeFileSync(index, `V\t330101000000Z\t\t${root.serial.toString(16).toUpperCase().padStart(2, '0')}\tunknown\t/CN=leaf\n`);
  const responder = await startProgram({
    name: 'openssl ocsp', command: 'openssl',
    args: ['ocsp', '-index', index, '-port', String(responderPort), '-rsigner', root.file, '-rkey', root.key, '-CA', root.file, '-ndays', '1'],
  });
  cleanup(t, () => responder.stop('SIGKILL'));
  // It serves one connection at a time, and one that says nothing would keep it from the next.
  await waitFor('the responder', () => /waiting for OCSP client connections/.test(responder.output()));
  await startIngress(t, { port, ca: root, certificate: leaf, waf: false, workers: 1, front: await findPort(), gateway: await findPort() });
  // nginx asks when it is first asked itself, and does not let that client wait.
  await waitFor('the stapled answer', async () => {
    const { text } = await handshake({ port }, '-status');
    return /OCSP Response Status: successful/.test(text) && /Cert Status: good/.test(text);
  }, { interval: 200 });
});
