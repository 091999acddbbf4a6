// The error body that every route of the product answers with: error, code, message, detail?, request_id.
import assert from 'node:assert/strict';

/** Asserts status and body of an error answer; `code` may be left out where only the form matters. */
export function assertError(answer, status, code, what = '') {
  const context = `${what} got ${answer.status}: ${answer.text.slice(0, 300)}`;
  assert.equal(answer.status, status, context);
  assertErrorBody(answer, context);
  if (code !== undefined) {
    assert.equal(answer.json.error, code, context);
  }
}

/** Any refusal of the caller's request (4xx) with the error body. */
export function assertRefused(answer, what = '') {
  const context = `${what} got ${answer.status}: ${answer.text.slice(0, 300)}`;
  assert.ok(answer.status >= 400 && answer.status <= 499, context);
  assertErrorBody(answer, context);
}

function assertErrorBody(answer, context) {
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/, context);
  assert.equal(typeof answer.json?.error, 'string', context);
  assert.match(answer.json.error, /^[a-z][a-z0-9_]*$/, context);
  assert.equal(answer.json.code, answer.json.error, context);
  assert.equal(typeof answer.json.message, 'string', context);
  assert.ok(answer.json.message.length > 0, context);
  assert.match(answer.json.request_id ?? '', /^\S+$/, context);
  const unknown = Object.keys(answer.json).filter((name) =>
    !['error', 'code', 'message', 'detail', 'request_id', 'reason', 'reconnect_url'].includes(name));
  assert.deepEqual(unknown, [], context);
}
