// Redis by a host name whose name server says nothing: what is to be written waits for nexusd's time-outs, not for the resolver's.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { test } from 'node:test';
import { cleanup } from '../support/cleanup.mjs';
import { startControlPlane } from '../support/control-plane.mjs';
import { expectStatus } from '../support/line.mjs';
import { inOwnNetwork, runInOwnNetwork } from '../support/own-network.mjs';

if (!inOwnNetwork) {
  test('names of Redis, in a network of their own', () => runInOwnNetwork(import.meta.filename));
} else {
  test('a name server that says nothing costs a revoke the connect time-out', async (t) => {
    const silent = dgram.createSocket('udp4');
    await new Promise((resolve) => silent.bind(53, '127.0.0.1', resolve));
    cleanup(t, () => silent.close());
    const plane = await startControlPlane(t, { database: 'sqlite', env: { REDIS_URL: 'redis://redis.example:6379/0' } });
    for (const id of await plane.seed(5)) {
      const begin = performance.now();
      expectStatus(200, await plane.admin('POST', `/connections/${id}/revoke`));
      assert.ok(performance.now() - begin < 3000, `${Math.round(performance.now() - begin)} ms`);   // two turns of 500 ms: its own, and the drainer's
    }
  });
}
