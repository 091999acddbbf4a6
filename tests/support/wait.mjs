// Waiting for something to become true: polling with a deadline, which is what tests use in place of sleeping.
import net from 'node:net';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Calls `check` until it returns a truthy value, and returns that value.
 *
 * what        named in the error when the deadline passes
 * timeout     ms; interval ms between calls
 * An exception thrown by `check` counts as "not yet"; the last one becomes the error's cause.
 */
export async function waitFor(what, check, { timeout = 10000, interval = 20 } = {}) {
  const deadline = performance.now() + timeout;
  let last;
  for (;;) {
    try {
      const value = await check();
      if (value) {
        return value;
      }
      last = undefined;
    } catch (error) {
      if (error.fatal) {
        throw error;
      }
      last = error;
    }
    if (performance.now() >= deadline) {
      throw new Error(`waited ${timeout} ms for ${what}${last ? `; last: ${last.message}` : ''}`, { cause: last });
    }
    await delay(interval);
  }
}

/** True once a TCP port (number) or a Unix socket (path) accepts a connection. */
export function accepts(where) {
  return new Promise((resolve) => {
    const target = typeof where === 'number' ? { port: where, host: '127.0.0.1' } : { path: where };
    const socket = net.connect(target);
    socket.setTimeout(1000, () => finish(false));
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
    function finish(answer) {
      socket.destroy();
      resolve(answer);
    }
  });
}

/** True once a plain GET of the address answers 200. */
export function answers200(url) {
  return new Promise((resolve) => {
    const request = http.get(url, { timeout: 1000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });
}
