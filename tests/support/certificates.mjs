// Certificates of a CA of the test's own, made by openssl.
import fs from 'node:fs';
import path from 'node:path';
import { mustRun } from './process.mjs';
import { makeWorkdir } from './workdir.mjs';

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];

/** A CA: {file, issue(altName)}. altName as openssl writes it: "DNS:a.example,IP:127.0.0.1" -> {cert, key} files. */
export async function makeCa(t, name = 'ca') {
  const dir = makeWorkdir(t, name);
  const file = path.join(dir, 'ca.pem');
  const key = path.join(dir, 'ca.key');
  await mustRun('openssl', ['req', '-x509', ...newKey, '-subj', `/CN=${name}`, '-keyout', key, '-out', file]);
  let serial = 0;
  return {
    file,
    async issue(altName) {
      const base = path.join(dir, `leaf-${serial++}`);
      fs.writeFileSync(`${base}.ext`, `subjectAltName=${altName}\nbasicConstraints=CA:FALSE\n`);
      await mustRun('openssl', ['req', ...newKey, '-subj', '/CN=leaf', '-keyout', `${base}.key`, '-out', `${base}.csr`]);
      await mustRun('openssl', [
        'x509', '-req', '-in', `${base}.csr`, '-CA', file, '-CAkey', key, '-CAcreateserial', '-days', '2', '-extfile', `${base}.ext`,
        '-out', `${base}.pem`,
      ]);
      return { cert: `${base}.pem`, key: `${base}.key` };
    },
  };
}
