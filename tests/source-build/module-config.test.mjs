// The other way to build the module: inside an nginx source tree, by ngx_module/config. The tree is the one that Debian's
// nginx-dev ships, with the flags of Debian's nginx, which has to load the result and answer a request with it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { newKeys } from '../support/keys.mjs';
import { request } from '../support/http.mjs';
import { startNginx } from '../support/nginx.mjs';
import { modulePath, repository } from '../support/paths.mjs';
import { runProgram } from '../support/process.mjs';
import { makeWorkdir } from '../support/workdir.mjs';

const SOURCES = '/usr/share/nginx/src';
const MODULE = 'ngx_http_nexus_module.so';

async function run(command, args, { cwd, minutes }) {
  const { code, stdout, stderr } = await runProgram(command, args, { cwd, timeout: minutes * 60_000, env: process.env });
  assert.equal(code, 0, `${command} ${args.join(' ')}\n${(stdout + stderr).slice(-4000)}`);
  return stdout;
}

test('configure --add-dynamic-module, make modules, and Debian\'s nginx loads it', async (t) => {
  const tree = path.join(makeWorkdir(t, 'source-build'), 'nginx');
  fs.cpSync(SOURCES, tree, { recursive: true });
  const configured = await run('bash', ['-c',
    'source ./conf_flags && exec ./configure "${NGX_CONF_FLAGS[@]}" --add-dynamic-module="$1"', 'configure', path.join(repository, 'ngx_module'),
  ], { cwd: tree, minutes: 3 });
  assert.match(configured, /ngx_http_nexus_module was configured/);
  // What `make modules` of a whole tree does; Debian's has no top Makefile for it.
  await run('make', ['-f', 'objs/Makefile', `-j${os.availableParallelism()}`, 'modules'], { cwd: tree, minutes: 25 });

  const built = path.join(tree, 'objs', MODULE);
  const exported = await run('nm', ['-D', '--defined-only', '--format=posix', built], { cwd: tree, minutes: 1 });
  for (const symbol of ['ngx_modules', 'ngx_module_names', 'ngx_module_order']) {
    assert.match(exported, new RegExp(`^${symbol} `, 'm'));
  }

  const nginx = await startNginx(t, {
    files: { 'cache.key': newKeys().CACHE_KEY },
    config: ({ dir, port, globals, http }) => `
${globals.replace(modulePath(), built)}
events {}
http {
    ${http}
    nexus_cache zone=nexus:1m;
    nexus_redis unix:${dir}/nobody.sock;
    nexus_cache_key file:${dir}/cache.key;
    server {
        listen 127.0.0.1:${port};
        location / { nexus_auth api_key; return 204; }
        location /token { nexus_api token; nexus_connection x; }
    }
}`,
  });
  const answer = await request(`${nginx.url}/token`);
  assert.equal(answer.status, 401);
  assert.equal(answer.json.error, 'missing_api_key');
});
