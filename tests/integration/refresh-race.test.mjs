// Eight callers refresh one connection at the same moment, at a provider that rotates refresh tokens and revokes the
// whole family when one is used twice.
import assert from 'node:assert/strict';
import test from 'node:test';
import { startLine } from '../support/line.mjs';
import { waitFor } from '../support/wait.mjs';

const eight = (call) => Promise.all(Array.from({ length: 8 }, call));

for (const database of ['sqlite', 'postgres']) {
  test(`8 parallel refreshes: one call at the provider, eight equal answers (${database})`, async (t) => {
    const line = await startLine(t, { database });
    await line.createProvider();
    const agent = await line.createAgent();
    const connection = await line.connect(agent);
    const before = (await line.token(agent, connection)).json.access_token;

    line.idp.fail('/token', 'slow', { delay: 300 });   // so that all eight meet the one in flight
    const answers = await eight(() => line.refresh(agent, connection));
    assert.deepEqual(answers.map((answer) => answer.status), Array(8).fill(200), answers.map((answer) => answer.text).join('\n'));
    const tokens = new Set(answers.map((answer) => answer.json.access_token));
    assert.equal(tokens.size, 1);
    assert.ok(!tokens.has(before));
    assert.equal(line.idp.counts.refresh, 1);
    assert.equal((await line.check(agent, connection)).json.status, 'active');
    assert.equal((await line.token(agent, connection)).json.access_token, [...tokens][0]);
  });

  test(`8 callers find an expired token: one call at the provider (${database})`, async (t) => {
    const line = await startLine(t, { database, idp: { accessTtl: 7 } });
    await line.createProvider();
    const agent = await line.createAgent();
    const connection = await line.connect(agent);
    const first = (await line.token(agent, connection)).json.access_token;
    await waitFor('the token to expire', async () => !await line.idp.isActive(first), { timeout: 15000 });

    line.idp.accessTtl = 600;
    line.idp.fail('/token', 'slow', { delay: 300 });
    const answers = await eight(() => line.call(agent, connection));
    assert.deepEqual(answers.map((answer) => answer.status), Array(8).fill(200), answers.map((answer) => answer.text).join('\n'));
    assert.equal(line.idp.counts.refresh, 1);
  });

  test(`refreshing again and again keeps the family alive (${database})`, async (t) => {
    const line = await startLine(t, { database });
    await line.createProvider();
    const agent = await line.createAgent();
    const connection = await line.connect(agent);
    for (let round = 1; round <= 3; round++) {
      await eight(() => line.refresh(agent, connection));
      assert.equal(line.idp.counts.refresh, round);
      // A forced refresh within two seconds of the last one joins it; wait until that is over.
      await waitFor('two seconds to pass', ((since) => () => performance.now() - since > 2100)(performance.now()));
    }
    assert.equal((await line.call(agent, connection)).status, 200);
  });
}
