// The verdict on runs that are made up: what counts as lost, flagged, healed.
import assert from 'node:assert/strict';
import test from 'node:test';
import { judge } from './verdict.mjs';

const classes = { strict: { rotates: true, grace_s: 0 }, grace: { rotates: true, grace_s: 5 }, reusable: { rotates: false } };
const limits = { leaseMs: 20000, sendMs: 10000 };

const redeemed = (seq, received, outcome = 'rotated') => ({ family: 1, seq, received, outcome });
const sent = (seq, received, more = {}) => ({ family: 1, seq, received, fault: 'none', answered: received + 10, cut: null, gone: null, ...more });
const cut = (seq, received, fault) => sent(seq, received, { fault, answered: null, cut: received + 5 });
const healthy = (className) => ({ family: 1, class: className, state: 'active', reason: '', since: 0, good: true });
const attention = (className, since, reason = 'lost_rotation') => ({ family: 1, class: className, state: 'attention', reason, since, good: false });

function verdict({ connection, ledger = [], exchanges = [], outages = [] }) {
  const result = judge({ ledger, exchanges, outages, connections: [connection], classes, limits });
  return { ...result.figures, verdict: result.verdicts[0].verdict };
}

test('an exchange that a strict provider lost is flagged, at once, and unspent where nothing was forwarded', () => {
  const after = verdict({ connection: attention('strict', 1100), ledger: [redeemed(1, 1000)], exchanges: [cut(1, 1000, 'cut_after')] });
  assert.deepEqual([after.verdict, after.flagged_share, after.flagged_within_ms, after.flagged_unspent, after.lost], ['flagged', 1, 95, 0, 0]);
  const before = verdict({ connection: attention('strict', 1100), exchanges: [cut(1, 1000, 'cut_before')] });
  assert.deepEqual([before.verdict, before.flagged_unspent], ['flagged', 1]);
});

test('a loss is certain when the sender gives up, and with a dead owner when its lease ends', () => {
  const hang = sent(1, 1000, { fault: 'hang_after', answered: null, gone: 9000 });
  assert.equal(verdict({ connection: attention('strict', 9200), exchanges: [hang] }).flagged_within_ms, 200);
  const killed = { connection: attention('strict', 21300), exchanges: [hang], outages: [{ name: 'kill', from: 9000, to: 9500 }] };
  assert.equal(verdict(killed).flagged_within_ms, 300);
});

test('an answer that died with its owner is flagged, unseen, however late; how late is measured', () => {
  const result = verdict({ connection: attention('strict', 90000), exchanges: [sent(1, 1000)], outages: [{ name: 'kill', from: 1500, to: 1600 }] });
  assert.deepEqual([result.verdict, result.flagged_within_ms, result.flagged_share], ['flagged_unseen', 69000, null]);
});

test('a strict provider asked again is counted, whatever comes of it', () => {
  const exchanges = [cut(1, 1000, 'cut_before'), sent(1, 2000)];
  const { strict_resends: resends, flagged_share: share } = verdict({ connection: healthy('strict'), ledger: [redeemed(1, 2000)], exchanges });
  assert.deepEqual([resends, share], [1, 0]);
});

test('flagged without a loss is lost; with an owner that died it is told apart', () => {
  const connection = attention('strict', 30000);
  assert.equal(verdict({ connection, exchanges: [sent(1, 1000)] }).verdict, 'lost');
  assert.equal(verdict({ connection, outages: [{ name: 'kill', from: 15000, to: 15100 }] }).verdict, 'flagged_unseen');
  assert.equal(verdict({ connection, outages: [{ name: 'refuse', from: 29900, to: 32000 }] }).verdict, 'flagged_unseen');
  assert.equal(verdict({ connection, outages: [{ name: 'refuse', from: 29000, to: 32000 }] }).verdict, 'lost');
  assert.equal(verdict({ connection, outages: [{ name: 'cache_flush', from: 10000, to: 10100 }] }).verdict, 'lost');
});

test('with grace a lost answer is healed by a replay, or was not; what stood in the way excuses', () => {
  const exchanges = [cut(1, 1000, 'cut_after')];
  const healed = verdict({ connection: healthy('grace'), exchanges, ledger: [redeemed(1, 1000), redeemed(1, 1500, 'replayed')] });
  assert.deepEqual([healed.verdict, healed.healed_share], ['healthy', 1]);
  const lost = verdict({ connection: attention('grace', 1500), exchanges, ledger: [redeemed(1, 1000)] });
  assert.deepEqual([lost.verdict, lost.healed_share, lost.lost], ['lost', 0, 1]);
  const twice = verdict({
    connection: attention('grace', 6500), exchanges: [...exchanges, cut(1, 2000, 'cut_after')], ledger: [redeemed(1, 1000), redeemed(1, 2000, 'replayed')],
  });
  assert.deepEqual([twice.verdict, twice.grace_missed], ['grace_missed', 1]);
  const outages = [{ name: 'refuse', from: 1100, to: 4000 }];
  const refused = verdict({ connection: attention('grace', 6500), exchanges, ledger: [redeemed(1, 1000)], outages });
  assert.deepEqual([refused.verdict, refused.healed_share], ['grace_missed', null]);
  const missed = verdict({ connection: attention('grace', 6500), exchanges: [], outages: [{ name: 'kill', from: 1000, to: 1100 }] });
  assert.deepEqual([missed.verdict, missed.grace_missed, missed.healed_share], ['grace_missed', 1, null]);
});

test('reuse counts as a double redemption and a revoked family; the connection is lost', () => {
  const ledger = [redeemed(1, 1000), redeemed(1, 8000, 'reuse'), redeemed(1, 9000, 'revoked')];
  const result = verdict({ connection: attention('grace', 9000, 'invalid_grant'), ledger });
  assert.deepEqual([result.double_redemptions, result.families_revoked, result.lost, result.refreshes], [1, 1, 1, 1]);
});

test('nothing excuses at a provider that does not rotate, nor a connection that never came to rest', () => {
  const outages = [{ name: 'kill', from: 1000, to: 1100 }];
  assert.equal(verdict({ connection: attention('reusable', 1500), outages }).verdict, 'lost');
  assert.equal(verdict({ connection: { ...healthy('strict'), good: false }, outages }).verdict, 'lost');
});
