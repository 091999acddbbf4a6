// The nginx of one installation: conf/gateway.conf, conf/sidecar.conf and conf/control-plane.conf as they are, and the
// snippets of nexus.d/ with this test's ports and paths (see conf/README.md).
import fs from 'node:fs';
import path from 'node:path';
import { register } from './contract.mjs';
import { startNginx } from './nginx.mjs';
import { repository } from './paths.mjs';

const conf = path.join(repository, 'conf');

/**
 * Starts nginx in front of everything.
 *
 * redis    arguments of nexus_redis; keys (newKeys()), nexusdPort
 * ports    {gateway, sidecar, front}: addresses have to be known before nexusd starts (BASE_URL); with grpc, the sidecar for gRPC too
 * cache    arguments of nexus_cache after zone=...; workers: how many; logLevel; env: variables of nginx's environment
 * more     text behind snippets of nexus.d/, by name (not cache.conf)
 * scripted the nexusd behind it is the test's own: its answers are not held against the API documents
 */
export async function startSite(t, {
  redis, keys, nexusdPort, ports, cache = '', workers = 2, logLevel = 'debug', allow, env, more = {}, scripted = false,
}) {
  const nginx = await startNginx(t, {
    logLevel,
    allow,
    env,
    files: {
      'cache.key': keys.CACHE_KEY,
      'edge.key': keys.EDGE_KEY,
      ...snippets({ redis, nexusdPort, ports, cache, more }),
    },
    readyPort: ports.gateway,
    config: ({ globals, http }) => `
${globals}
worker_processes ${workers};
events { worker_connections 1024; }
http {
    include ${conf}/http.conf;
    ${http.replace(/access\.log;/, 'access.log nexus;')}
    include nexus.d/cache.conf;
    include nexus.d/control-plane-upstream.conf;
    include nexus.d/nexusd-upstream.conf;
    include ${conf}/gateway.conf;
    include ${conf}/sidecar.conf;
    ${ports.grpc ? `include ${conf}/sidecar-grpc.conf;` : ''}
    include ${conf}/control-plane.conf;
}`,
  });
  const site = Object.assign(nginx, {
    gateway: `http://127.0.0.1:${ports.gateway}`,
    sidecar: `http://127.0.0.1:${ports.sidecar}`,
    front: `http://127.0.0.1:${ports.front}`,
  });
  if (!scripted) {
    register(t, site.gateway, { documents: ['gateway.yaml'] });
    register(t, site.front, { documents: ['broker.yaml', 'gateway.yaml'] });
  }
  return site;
}

function snippets({ redis, nexusdPort, ports, cache, more }) {
  const defaults = path.join(conf, 'nexus.d');
  const replaced = {
    'cache.conf': ({ dir }) => `
nexus_cache zone=nexus:16m ${cache};
nexus_redis ${redis};
nexus_cache_key file:${dir}/cache.key;
nexus_control_plane_key file:${dir}/edge.key;
`,
    'control-plane-upstream.conf': `upstream nexus_control_plane { server 127.0.0.1:${ports.front}; keepalive 16; }\n`,
    'nexusd-upstream.conf': `upstream nexusd { server 127.0.0.1:${nexusdPort}; keepalive 32; keepalive_timeout 30s; }\n`,
    'gateway-listen.conf': `listen 127.0.0.1:${ports.gateway};\n`,
    'sidecar-listen.conf': `listen 127.0.0.1:${ports.sidecar};\n`,
    'sidecar-grpc-listen.conf': `listen 127.0.0.1:${ports.grpc} http2;\n`,
    'sidecar-grpc-egress.conf': 'resolver 127.0.0.53 valid=30s;\nnexus_allow_private 127.0.0.0/8;\n'
      + 'grpc_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;\n',
    'control-plane-listen.conf': `listen 127.0.0.1:${ports.front};\n`,
    'sidecar-egress.conf': 'resolver 127.0.0.53 valid=30s;\nnexus_allow_private 127.0.0.0/8;\n'
      + 'proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;\n',
  };
  // A snippet that conf/ has and this file does not know keeps its default.
  const all = Object.fromEntries(fs.readdirSync(defaults).map((name) => [name, fs.readFileSync(path.join(defaults, name), 'utf8')]));
  return Object.fromEntries(Object.entries({ ...all, ...replaced }).map(([name, text]) => [`nexus.d/${name}`, more[name] ? text + more[name] : text]));
}
