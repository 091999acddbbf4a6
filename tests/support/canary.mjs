// Looks for secrets where none may be: logs, Redis, databases, temporary files. A secret is searched in clear, in base64
// (both alphabets, at each of the three possible offsets) and in hex (both cases).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

/** secrets: {name: text}; haystacks: {name: Buffer or text}. Fails with the names, never with the secret. */
export function assertNoSecrets(secrets, haystacks) {
  const found = [];
  for (const [place, content] of Object.entries(haystacks)) {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(content);
    const lowered = Buffer.from(bytes.toString('latin1').toLowerCase(), 'latin1');
    for (const [name, secret] of Object.entries(secrets)) {
      assert.ok(secret.length >= 12, `the canary ${name} is too short to be looked for`);
      for (const [form, needle] of forms(secret)) {
        if ((form === 'hex' ? lowered : bytes).includes(needle)) {
          found.push(`${name} in ${form} in ${place}`);
        }
      }
    }
  }
  assert.deepEqual(found, []);
}

/** Every file below the folders, as haystacks. nginx removes a temporary file at any moment: one that has gone is left out. */
export function files(...folders) {
  const all = {};
  for (const folder of folders) {
    for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) {
        const file = path.join(entry.parentPath, entry.name);
        const content = readIfThere(file);
        if (content !== undefined) {
          all[file] = content;
        }
      }
    }
  }
  return all;
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    if (error.code !== 'ENOENT') {
      throw error;
    }
    return undefined;
  }
}

function forms(secret) {
  const bytes = Buffer.from(secret);
  const all = [['clear', bytes], ['hex', Buffer.from(bytes.toString('hex'))]];
  for (let offset = 0; offset < 3; offset++) {
    // The characters that depend on the neighbours are cut off at both ends.
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64').replace(/=+$/, '');
    const inner = encoded.slice(offset === 0 ? 0 : offset + 1, -1);
    all.push([`base64 (offset ${offset})`, Buffer.from(inner)]);
    const url = inner.replaceAll('+', '-').replaceAll('/', '_');
    if (url !== inner) {
      all.push([`base64url (offset ${offset})`, Buffer.from(url)]);
    }
  }
  return all;
}
