// Undoes what a test set up, last first (node:test runs its `after` hooks first first, and stops at one that throws):
// the client goes before the server, the server before its folder. Every step runs; the first failure is reported.
import { after } from 'node:test';

const stacks = new WeakMap();

/**
 * What stands for a whole file in place of a test's context. It has to be called at the top of the file: an `after`
 * inside a `before` hook would belong to that hook, and run at its end.
 */
export function wholeFile() {
  const stack = [];
  after(() => runAll(stack));
  const scope = { after: (undo) => stack.push(undo) };
  stacks.set(scope.after, stack);
  return scope;
}

/** Runs a part of a program with a scope of its own, whose cleanups run at its end: for programs that are no tests. */
export async function inScope(part) {
  const stack = [];
  const scope = { after: () => {} };
  stacks.set(scope.after, stack);
  try {
    return await part(scope);
  } finally {
    await runAll(stack);
  }
}

/** t: a test's context, wholeFile(), or {after} of node:test; undo: may be async. */
export function cleanup(t, undo) {
  // {after} literals of one file share the module's function, contexts do not.
  const key = Object.getPrototypeOf(t) === Object.prototype ? t.after : t;
  let stack = stacks.get(key);
  if (!stack) {
    stack = [];
    stacks.set(key, stack);
    t.after(() => runAll(stack));
  }
  stack.push(undo);
}

async function runAll(stack) {
  const failures = [];
  while (stack.length > 0) {
    try {
      await stack.pop()();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) {
    throw failures[0];
  }
}
