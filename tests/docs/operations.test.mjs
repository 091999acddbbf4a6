// docs/operations.md speaks of metrics that exist, with labels and values that they have, and its rules are YAML.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { load } from 'js-yaml';
import { repository } from '../support/paths.mjs';

const read = (file) => fs.readFileSync(path.join(repository, file), 'utf8');
const manual = read('docs/operations.md');
// {name: its line}; that the lines are the code's, other tests see to
const metrics = new Map([...read('docs/variables-and-metrics.md').matchAll(/^\| `([a-z]\w+)` \|.*$/gm)].map(([line, name]) => [name, line]));
const rules = load(/```yaml\n([\s\S]*?)```/.exec(manual)[1]).groups.flatMap((group) => group.rules);

test('every metric that operations.md names exists', () => {
  const named = [...manual.matchAll(/\b(?:nexus|oauth|oidc|token)_\w*(?:_total|_seconds|_bytes|_depth|_records|_answers|_up|_waiting)\b/g)].map(([name]) => name);
  assert.ok(named.length > 30);
  assert.deepEqual(named.filter((name) => !metrics.has(name)), []);
});

test('alert rules ask for metrics, labels and values that there are', () => {
  assert.ok(rules.length > 15);
  for (const { alert, expr } of rules) {
    const selectors = [...expr.matchAll(/\b((?:nexus|oauth|oidc|token)_\w+)(?:\{(\w+)(=~|!=|=)"([^"]*)"\})?/g)];
    assert.ok(selectors.length > 0 || /^up\{/.test(expr), alert);
    for (const [, name, label, operator, values] of selectors) {
      assert.ok(metrics.has(name), `${alert}: ${name}`);
      for (const value of label ? values.split('|') : []) {
        assert.match(metrics.get(name), new RegExp(`\`${label}\`: [^\`|]*\\b${value}\\b`), `${alert}: ${label}${operator}${value}`);
      }
    }
  }
});

test('places within the manual that it refers to are there', () => {
  const places = (text) => [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) => title.toLowerCase().replace(/[^\w\s-]/g, '').trim().replace(/\s/g, '-'));
  for (const file of ['operations.md', 'installation.md']) {
    for (const [, to, place] of read(`docs/${file}`).matchAll(/\]\(([\w-]+\.md)?#([\w-]+)\)/g)) {
      assert.ok(places(read(`docs/${to ?? file}`)).includes(place), `${file} refers to ${to ?? ''}#${place}`);
    }
  }
});
