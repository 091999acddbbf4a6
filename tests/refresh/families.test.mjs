// The rules of the oracle's authorization server: an oracle that is wrong about reuse would be wrong about everything.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Families } from './families.mjs';
import { maxInWindow } from './window.mjs';

const classes = {
  strict: { rotates: true, grace_s: 0, expires_in: 60 },
  grace: { rotates: true, grace_s: 5, expires_in: [60, 90] },
  reusable: { rotates: false, expires_in: 60 },
};

function begin(className) {
  const families = new Families(classes, () => 0.5);
  const [{ refresh_token: token }] = families.create(className, 1);
  return { families, token, redeem: (what, now) => families.redeem(what, now) };
}

test('strict: a token is good once, and its reuse revokes the family with its newest token', () => {
  const { token, redeem } = begin('strict');
  const first = redeem(token, 1000);
  assert.equal(first.outcome, 'rotated');
  assert.notEqual(first.answer.refresh_token, token);
  assert.equal(redeem(token, 1000).outcome, 'reuse');
  assert.equal(redeem(first.answer.refresh_token, 1001).outcome, 'revoked');
});

test('grace: the same successor while the window lasts, counted from the first redemption', () => {
  const { token, redeem } = begin('grace');
  const first = redeem(token, 1000);
  for (const now of [1000, 4000, 5999]) {
    const again = redeem(token, now);
    assert.equal(again.outcome, 'replayed');
    assert.equal(again.answer.refresh_token, first.answer.refresh_token);
  }
  assert.equal(redeem(token, 6000).outcome, 'reuse');
});

test('grace: none for a token whose successor was used', () => {
  const { token, redeem } = begin('grace');
  redeem(redeem(token, 1000).answer.refresh_token, 1001);
  assert.equal(redeem(token, 1002).outcome, 'reuse');
});

test('reusable: the token stays, and no other is given', () => {
  const { token, redeem } = begin('reusable');
  assert.equal(redeem(token, 1000).answer.refresh_token, undefined);
  assert.equal(redeem(token, 900000).outcome, 'kept');
});

test('what was never given is unknown: another secret, a later number, no token', () => {
  const { token, redeem } = begin('strict');
  const [id, seq] = token.split('.');
  for (const forged of [`${id}.${seq}.other`, token.replace(`${id}.1.`, `${id}.2.`), token.replace(`${id}.`, '7.'), '', null]) {
    assert.equal(redeem(forged, 1000).outcome, 'unknown', forged);
  }
});

test('a lifetime is a number, or drawn between two', () => {
  assert.equal(begin('strict').redeem(begin('strict').token, 1).outcome, 'unknown');
  const { token, redeem } = begin('grace');
  assert.equal(redeem(token, 1).answer.expires_in, 75);
});

test('the fullest window slides', () => {
  assert.equal(maxInWindow([], 1000), 0);
  assert.equal(maxInWindow([0, 999, 1000, 1999, 5000], 1000), 2);
  assert.equal(maxInWindow([900, 1100, 0, 1899], 1000), 3);
});
