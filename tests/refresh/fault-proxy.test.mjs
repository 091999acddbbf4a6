// The fault proxy's faults, one by one: whether the provider committed, and what the asker saw of it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { post } from '../support/http.mjs';
import { waitFor } from '../support/wait.mjs';
import { FaultPlan, SHARES } from './fault-plan.mjs';
import { startFaultProxy, startProvider } from './stubs.mjs';

const classes = { strict: { rotates: true, grace_s: 0, expires_in: 60 } };
const only = (fault) => ({ ...Object.fromEntries(Object.keys(SHARES).map((name) => [name, 0])), [fault]: 1 });

// what the asker sees (a status, or nothing), and what the ledger has
const cases = {
  none: { status: 200, outcomes: ['rotated'] },
  delay: { status: 200, outcomes: ['rotated'] },
  cut_before: { outcomes: [] },
  cut_after: { outcomes: ['rotated'] },
  hang_before: { outcomes: [] },
  hang_after: { outcomes: ['rotated'] },
  slow: { outcomes: ['rotated'] },
  late: { outcomes: ['rotated'] },
  throttle: { status: 429, outcomes: [] },
  unavailable: { status: 503, outcomes: [] },
};

for (const [fault, { status, outcomes }] of Object.entries(cases)) {
  test(`fault ${fault}`, async (t) => {
    const provider = await startProvider(t, { classes });
    const proxy = await startFaultProxy(t, { provider, classes, plan: { shares: only(fault), leaseMs: 2000 } });
    await proxy.faults(true);
    const [{ refresh_token: token }] = await provider.createFamilies('strict', 1);
    const body = String(new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token }));
    const answer = await post(`${proxy.url}/strict/token`, {
      body, headers: { 'content-type': 'application/x-www-form-urlencoded' }, timeout: 1500,
    }).catch(() => ({ status: undefined }));
    assert.equal(answer.status, status);
    const seen = await waitFor('the ledger', async () => {
      const { redemptions } = await provider.counts();
      return redemptions === outcomes.length && collect(await provider.ledger());
    });
    assert.deepEqual(seen.map(({ outcome }) => outcome), outcomes);
    const [exchange, ...more] = await collect(await proxy.exchanges());
    assert.deepEqual([exchange.fault, exchange.family, exchange.seq, more.length], [fault, 0, 1, 0]);
    assert.equal(exchange.answered !== null, status !== undefined);
    assert.equal(exchange.cut !== null, fault.startsWith('cut'));
    assert.equal(exchange.gone !== null, status === undefined && !fault.startsWith('cut'));
  });
}

test('who comes while connections are refused is refused, and afterwards is not', async (t) => {
  const provider = await startProvider(t, { classes });
  const proxy = await startFaultProxy(t, { provider, classes, plan: {} });
  const ask = () => post(`${proxy.url}/strict/token`, { body: 'refresh_token=none' }).catch((error) => error.code);
  const over = proxy.refuse(500);
  await waitFor('a refusal', async () => await ask() === 'ECONNREFUSED');
  await over;
  assert.equal((await ask()).status, 400);
});

test('a plan can be had again, and spares askers that may repeat themselves what they cannot help', () => {
  const draw = (seed, graced) => {
    const plan = new FaultPlan({ seed, scale: 10 });
    return Array.from({ length: 2000 }, () => plan.next({ graced }).fault);
  };
  assert.deepEqual(draw(1, false), draw(1, false));
  assert.notDeepEqual(draw(1, false), draw(2, false));
  assert.deepEqual(new Set(draw(1, false)), new Set(['none', ...Object.keys(SHARES)]));
  assert.ok(!draw(1, true).includes('late'));
});

async function collect(records) {
  const all = [];
  for await (const record of records) {
    all.push(record);
  }
  return all;
}
