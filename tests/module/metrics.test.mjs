// nexus_metrics: what is counted, that counters survive a reload, and that the manual lists what is there.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { randomUUID } from 'node:crypto';
import { repository } from '../support/paths.mjs';
import { startEdge } from './edge-fixture.mjs';

const locations = ({ upstream }) => `
        location = /metrics { nexus_metrics; }
        location ~ "^/v1/token/(?<id>[^/]+)$" { nexus_api token; nexus_connection $id; }
        location /inject/ {
            nexus_inject auto; nexus_connection $http_x_nexus_connection; nexus_allow_private 127.0.0.0/8; proxy_pass http://${upstream};
        }`;

async function scrape(edge) {
  const answer = await edge.get('/metrics');
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
  const samples = {};
  for (const line of answer.text.split('\n').filter((one) => one && !one.startsWith('#'))) {
    const [, name, value] = /^(\S+) (\d+(?:\.\d{6})?)$/.exec(line) ?? assert.fail(line);
    assert.equal(samples[name], undefined, `${name} twice`);
    samples[name] = Number(value);
  }
  return { samples, text: answer.text };
}

test('counters follow what happens, over several workers and a reload', async (t) => {
  const edge = await startEdge(t, { locations, workers: 2 });
  await edge.redis.subscribers('nexus:events', 1);   // what was fetched before is checked once more
  const key = await edge.addAgent();
  const id = await edge.addConnection();
  for (let i = 0; i < 4; i++) {
    assert.equal((await edge.get(`/v1/token/${id}`, { headers: { 'x-api-key': key } })).status, 200);
  }
  await edge.get(`/v1/token/${id}`);
  await edge.get(`/v1/token/${randomUUID()}`, { headers: { 'x-api-key': key } });
  await edge.get('/inject/', { headers: { 'x-api-key': key, 'x-nexus-connection': id } });

  const { samples } = await scrape(edge);
  assert.equal(samples['nexus_requests_total{use="token",result="ok"}'], 4);
  assert.equal(samples['nexus_requests_total{use="token",result="refused"}'], 2);
  assert.equal(samples['nexus_requests_total{use="inject",result="ok"}'], 1);
  assert.equal(samples['nexus_injections_total{strategy="oauth2"}'], 1);
  assert.equal(samples['nexus_auth_total{method="api_key",result="accepted"}'], 6);
  assert.equal(samples['nexus_auth_total{method="none",result="missing"}'], 1);
  assert.equal(samples['nexus_refusals_total{code="missing_api_key"}'], 1);
  assert.equal(samples['nexus_refusals_total{code="connection_not_found"}'], 1);
  assert.equal(samples['nexus_lookups_total{kind="token",source="l2"}'], 1);
  assert.equal(samples['nexus_lookups_total{kind="token",source="l1"}'], 4);
  assert.ok(samples['nexus_redis_commands_total'] >= 3);
  assert.equal(samples['nexus_control_plane_calls_total'], 1);
  assert.equal(samples['nexus_control_plane_duration_seconds_count'], 1);
  assert.ok(samples['nexus_control_plane_duration_seconds_sum'] > 0);
  assert.equal(samples['nexus_resolve_duration_seconds_count{source="l2"}'], 2);   // the caller and the token, once each
  assert.equal(samples['nexus_resolve_duration_seconds_count{source="l1"}'], 0);
  assert.ok(samples['nexus_redis_round_trip_seconds_count'] >= 3);
  assert.equal(samples['nexus_resolve_duration_seconds_bucket{source="l2",le="+Inf"}'], 2);

  await edge.nginx.reload();
  const after = (await scrape(edge)).samples;
  for (const [name, value] of Object.entries(samples)) {
    assert.ok(after[name] >= value, `${name} fell from ${value} to ${after[name]}`);
  }
});

test('docs/variables-and-metrics.md names every metric of the edge, and no other', async (t) => {
  const edge = await startEdge(t, { locations });
  const { text } = await scrape(edge);
  const known = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map((match) => match[1]));
  const [manual] = fs.readFileSync(path.join(repository, 'docs/variables-and-metrics.md'), 'utf8').split('## Metrics of nexusd');
  const listed = new Set([...manual.matchAll(/^\| `(nexus_[a-z0-9_]+?)(?:\{[^`]*)?` \|/gm)].map((match) => match[1]));
  assert.deepEqual([...listed].sort(), [...known].sort());
  const helped = [...text.matchAll(/^# HELP (\S+) /gm)].map((match) => match[1]);
  assert.deepEqual(helped, [...text.matchAll(/^# TYPE (\S+) /gm)].map((match) => match[1]));
});

test('methods other than GET and HEAD: 405', async (t) => {
  const edge = await startEdge(t, { locations });
  assert.equal((await edge.get('/metrics', { method: 'POST' })).status, 405);
  assert.equal((await edge.get('/metrics', { method: 'HEAD' })).body.length, 0);
});
