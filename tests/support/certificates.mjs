// Certificates of a CA of the test's own, made by openssl.
import fs from 'node:fs';
import path from 'node:path';
import { mustRun } from './process.mjs';
import { makeWorkdir } from './workdir.mjs';

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];

/** A CA: {file, key, issue(altName), intermediate(name)}. altName as openssl writes it: "DNS:a.example,IP:127.0.0.1". */
export async function makeCa(t, name = 'ca') {
  const dir = makeWorkdir(t, name);
  const file = path.join(dir, 'ca.pem');
  const key = path.join(dir, 'ca.key');
  await mustRun('openssl', ['req', '-x509', ...newKey, '-subj', `/CN=${name}`, '-keyout', key, '-out', file]);
  return new Authority(dir, file, key);
}

class Authority {
  serial = 0;   // of the last certificate

  constructor(dir, file, key) {
    Object.assign(this, { dir, file, key });
  }

  /** A leaf: {cert, key} files. extensions: more lines for openssl; days: 0 is one that has ended. */
  issue(altName, { extensions = [], days = 2 } = {}) {
    return this.#sign('leaf', [`subjectAltName=${altName}`, 'basicConstraints=CA:FALSE', ...extensions], days);
  }

  /** A CA under this one, whose leaves come with its certificate behind them, as ACME's do. */
  async intermediate(name) {
    const { cert, key } = await this.#sign(name, ['basicConstraints=critical,CA:TRUE', 'keyUsage=keyCertSign,cRLSign'], 2);
    return new Authority(this.dir, cert, key);
  }

  async #sign(name, extensions, days) {
    const serial = ++this.serial;
    const base = path.join(this.dir, `${path.basename(this.file, '.pem')}-${name}-${serial}`);
    fs.writeFileSync(`${base}.ext`, `${extensions.join('\n')}\n`);
    await mustRun('openssl', ['req', ...newKey, '-subj', `/CN=${name}`, '-keyout', `${base}.key`, '-out', `${base}.csr`]);
    await mustRun('openssl', [
      'x509', '-req', '-in', `${base}.csr`, '-CA', this.file, '-CAkey', this.key, '-set_serial', String(serial), '-days', String(days),
      '-extfile', `${base}.ext`, '-out', `${base}.pem`,
    ]);
    return { cert: `${base}.pem`, key: `${base}.key` };
  }
}
