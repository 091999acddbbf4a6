// docs/reference-compat.md names a test for each defect: it must be there under that name.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { repository } from '../support/paths.mjs';

const rows = [...fs.readFileSync(path.join(repository, 'docs/reference-compat.md'), 'utf8').matchAll(/^\| (D\d+(?:, D\d+)*) \| .* \| (.*) \|$/gm)]
  .map(([, numbers, tests]) => ({ numbers: numbers.split(', '), tests: tests.split('; ') }));

test('every defect has a row', () => {
  assert.deepEqual(rows.flatMap(({ numbers }) => numbers), Array.from({ length: 38 }, (_, i) => `D${i + 1}`));
});

test('every row names tests that exist', () => {
  let seen = 0;
  for (const { numbers, tests } of rows) {
    for (const entry of tests.filter((text) => !text.startsWith('there is no '))) {
      const [, file, name] = /^`([^`]+)`: (.+)$/.exec(entry) ?? assert.fail(`${numbers}: ${entry}`);
      const text = fs.readFileSync(path.join(repository, file), 'utf8');
      assert.ok(text.includes(name), `${numbers}: ${file} has no "${name}"`);
      seen += 1;
    }
  }
  assert.ok(seen > 35);
});
