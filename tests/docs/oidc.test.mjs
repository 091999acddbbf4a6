// docs/oidc.md explains every reason that an id_token or a callback can be refused for, and no other.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { repository } from '../support/paths.mjs';

const read = (file) => fs.readFileSync(path.join(repository, file), 'utf8');

test('the reasons of docs/oidc.md are those of the code, in its order', () => {
  const written = [...read('docs/oidc.md').matchAll(/^\| `([a-z0-9_]+)` \| .+ \| .+ \|$/gm)].map(([, code]) => code);
  const ofTokens = [...read('control_plane/oidc/id_token_refusal.cpp').matchAll(/\{k\w+,\s*"([a-z0-9_]+)",/g)].map(([, code]) => code);
  const ofCallbacks = [...read('control_plane/services/consents/callback_service.cpp').matchAll(/"((?:iss|redirect|state)_[a-z]+)"/g)].map(([, code]) => code)
    .filter((code) => !['state_refused', 'redirect_uri'].includes(code));   // a line of the log
  assert.ok(ofTokens.length > 40 && ofCallbacks.length === 4);
  assert.deepEqual(written, [...ofTokens, ...ofCallbacks]);
});
