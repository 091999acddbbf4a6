// SIGTERM while a provider hangs: nexusd gives its leases back, so that another one need not wait until they run out.
import assert from 'node:assert/strict';
import test from 'node:test';
import { startLine } from '../support/line.mjs';
import { request } from '../support/http.mjs';
import { waitFor } from '../support/wait.mjs';

test('SIGTERM leaves no lease behind where a provider hangs', async (t) => {
  const line = await startLine(t, { nexusd: { env: { SHUTDOWN_GRACE_S: '0' } } });
  await line.createProvider({ oauth: { refresh_token_use: 'single_use', reuse_grace_s: 8 } });
  const connection = await line.connect(await line.createAgent());
  const before = line.idp.counts.token;
  line.idp.fail('/token', 'hang', { times: 100 });
  const asked = request(`${line.nexusd.url}/connections/${connection}/refresh`, { method: 'POST', headers: { 'x-api-key': line.keys.API_KEY } })
    .catch((error) => error.code);
  await waitFor('the provider to be asked', () => line.idp.counts.token > before);
  line.nexusd.program.signal('SIGTERM');
  assert.equal(await line.nexusd.program.finished, 'code 0', line.nexusd.log().slice(-2000));
  await asked;
  assert.equal(line.idp.counts.token, before + 1, 'whoever is going asks no more, though it might');
  assert.equal(await line.count(`SELECT count(*) FROM refreshes WHERE lease_until = 0 AND owner = '' AND sent_at > 0 AND due_at BETWEEN 1 AND ${Date.now()}`), 1,
    'the next nexusd may ask at once, and knows what it is about');
});
