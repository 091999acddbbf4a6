// The nginx in front of everything: conf/ingress.conf as it is, with snippets of nexus.d/ for this test's ports, name and
// certificate. A server of its own, as on a host of its own. What stands behind it is the test's.
import fs from 'node:fs';
import path from 'node:path';
import { makeCa } from './certificates.mjs';
import { startNginx } from './nginx.mjs';
import { repository } from './paths.mjs';
import { findPorts } from './ports.mjs';

export const MODSECURITY = '/usr/lib/nginx/modules/ngx_http_modsecurity_module.so';
const conf = path.join(repository, 'conf');

/** The folder nexus.d/ as files of startNginx: what is shipped, and `replaced` ({name: text or function}) over it. */
export function snippets(replaced) {
  const folder = path.join(conf, 'nexus.d');
  const all = Object.fromEntries(fs.readdirSync(folder).map((name) => [name, fs.readFileSync(path.join(folder, name), 'utf8')]));
  return Object.fromEntries(Object.entries({ ...all, ...replaced }).map(([name, text]) => [`nexus.d/${name}`, text]));
}

/**
 * Starts an ingress for https://localhost:PORT.
 *
 * port         a port found by the test (BASE_URL has to be known before nexusd starts); otherwise one is found
 * front, gateway  ports of conf/control-plane.conf and conf/gateway.conf, or of a test's own servers
 * waf          with the rule set (default); proxies: networks of trusted load balancers
 * ca           of makeCa; certificate: {cert, key} files instead of one for localhost that ca issues
 * replaced     more snippets; http: more lines for http {}; more options go to startNginx
 *
 * returns the nginx with {url, plainUrl, statusUrl, ca, host}
 */
export async function startIngress(t, {
  port, front, gateway, waf = true, proxies = [], ca, certificate, replaced = {}, http: moreHttp = '', workers = 2, ...options
}) {
  const authority = ca ?? await makeCa(t, 'ingress-ca');
  const leaf = certificate ?? await authority.issue('DNS:localhost');
  const [https, plain, status] = [port ?? (await findPorts(1))[0], ...await findPorts(2)];
  const nginx = await startNginx(t, {
    logLevel: 'info',
    ...options,
    files: {
      'acme/.well-known/acme-challenge/token-1': 'token-1.thumbprint',
      ...snippets({
        'control-plane-upstream.conf': `upstream nexus_control_plane { server 127.0.0.1:${front}; keepalive 16; }\n`,
        'gateway-upstream.conf': `upstream nexus_gateway { server 127.0.0.1:${gateway}; keepalive 16; }\n`,
        'ingress-listen.conf': `listen 127.0.0.1:${https} ssl http2;\n`,
        'ingress-name.conf': 'server_name localhost;\n',
        'ingress-certificate.conf': `ssl_certificate ${leaf.cert};\nssl_certificate_key ${leaf.key};\nssl_trusted_certificate ${authority.file};\n`,
        'ingress-http-listen.conf': ({ dir }) => `listen 127.0.0.1:${plain};\nroot ${dir}/acme;\n`,
        'ingress-status-listen.conf': `listen 127.0.0.1:${status};\n`,
        'ingress-proxies.conf': `${proxies.map((network) => `set_real_ip_from ${network};\n`).join('')}real_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n`,
        ...Object.fromEntries(['callback', 'connect'].map((name) => [
          `ingress-waf-${name}.conf`, waf ? `modsecurity on;\nmodsecurity_rules_file ${conf}/waf/${name}.conf;\n` : '',
        ])),
        ...replaced,
      }),
      ...options.files,
    },
    readyPort: https,
    config: ({ globals, http }) => `
${globals}
${waf ? `load_module ${MODSECURITY};` : ''}
env CORS_ALLOWED_ORIGINS;
worker_processes ${workers};
events { worker_connections 1024; }
http {
    include ${conf}/http.conf;
    ${http.replace(/access\.log;/, 'access.log nexus_json;')}
    ${moreHttp}
    include nexus.d/control-plane-upstream.conf;
    include nexus.d/gateway-upstream.conf;
    include ${conf}/ingress.conf;
}`,
  });
  return Object.assign(nginx, {
    port: https,
    host: `localhost:${https}`,
    url: `https://localhost:${https}`,
    plainUrl: `http://127.0.0.1:${plain}`,
    statusUrl: `http://127.0.0.1:${status}`,
    ca: authority,
    trust: fs.readFileSync(authority.file, 'utf8'),
  });
}
