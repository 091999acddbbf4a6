// The demo's narration: numbered steps, each with its evidence, and a failure that names its step.
import { createHash } from 'node:crypto';

let number = 0;

/** Runs one step; what it throws is an error that names the step. */
export async function step(title, run) {
  number += 1;
  console.log(`\n[${number}] ${title}`);
  try {
    return await run();
  } catch (error) {
    throw new Error(`step ${number} (${title}) failed: ${error.message}`, { cause: error });
  }
}

/** One line of evidence; without a name it goes on from the line before. */
export function show(name, value) {
  console.log(`    ${(name && `${name}:`).padEnd(22)} ${value}`);
}

export function say(text) {
  console.log(`    ${text}`);
}

/** Holds the demo to its word. */
export function expect(condition, sentence) {
  if (!condition) {
    throw new Error(sentence);
  }
  say(`ok: ${sentence}`);
}

/** How a secret is shown: not at all, but so that two can be told apart. */
export function fingerprint(secret) {
  return `sha256:${createHash('sha256').update(secret).digest('hex').slice(0, 12)}`;
}
