// The demo's steps, in the roles of an administrator (nexusctl), an agent (curl-like calls) and a person (a browser).
import fs from 'node:fs';
import path from 'node:path';
import { Browser } from '../../tests/support/browser.mjs';
import { serve } from '../../tests/support/http.mjs';
import { findPort } from '../../tests/support/ports.mjs';
import { get, post } from '../../tests/support/http.mjs';
import { waitFor } from '../../tests/support/wait.mjs';
import { runProgram } from '../../tests/support/process.mjs';
import { expect, fingerprint, say, show, step } from './steps.mjs';

/** Walks everything; returns {agentKey, connection}. Throws an error that names the step that did not hold. */
export async function walk({ front, gateway, sidecar, state, nexusctl, idp, api }) {
  await step('Start an OpenID provider, and an API that accepts only its tokens', async () => {
    show('provider', `${idp.issuer} (npm oidc-provider; access tokens live ${idp.accessTtl} s, refresh tokens rotate)`);
    show('API', `${api.url} (asks the provider's introspection about every token)`);
    const bare = await get(`${api.url}/me`);
    expect(bare.status === 401, 'the API refuses a call without a token');
  });

  await step('Administrator: register the provider', async () => {
    const file = path.join(state, 'demo-provider.yaml');
    fs.writeFileSync(file, manifest({ idp, api }), { mode: 0o600 });
    say(fs.readFileSync(file, 'utf8').trimEnd().replaceAll('\n', '\n    '));
    await ctl(nexusctl, ['provider', 'apply', '-f', file], { DEMO_CLIENT_SECRET: idp.clientSecret });
  });

  const agent = await step('Administrator: create an agent that may use connections and ask for new ones', async () => {
    const created = JSON.parse(await ctl(nexusctl, ['agent', 'create', '--name', `demo-${Date.now()}`, '--workspace', 'demo',
      '--grant', 'token:use', '--grant', 'connection:create', '--json'], {}, { quiet: true }));
    show('agent', created.id);
    show('grants', 'token:use, connection:create; not token:read');
    show('its key', `${created.key.secret.slice(0, 8)}... (${fingerprint(created.key.secret)}), shown once`);
    return created.key.secret;
  });

  const app = await serve(await findPort(), (request, response) => response.end('Connected. You may close this page.'));
  const { connection, authUrl } = await step('Agent: ask for a connection', async () => {
    const body = { user_id: 'demo', provider_name: 'demo', scopes: ['openid', 'offline_access', 'api:read'], return_url: `${app.url}/connected` };
    show('request', `POST ${gateway}/v1/request-connection ${JSON.stringify(body)}`);
    const answer = await post(`${gateway}/v1/request-connection`, { headers: { 'x-api-key': agent }, json: body });
    expect(answer.status === 200, `the gateway answers with an address for the person (${answer.status})`);
    show('connection', answer.json.connection_id);
    show('authUrl', withoutToken(answer.json.authUrl));
    return { connection: answer.json.connection_id, authUrl: answer.json.authUrl };
  });

  await step('Person: log in at the provider and consent, as a browser does it', async () => {
    const browser = new Browser();
    const end = new URL(await browser.consent(authUrl, { login: 'alice', until: (url) => url.startsWith(app.url) }));
    for (const page of browser.visited) {
      show('page', withoutToken(page));
    }
    show('back at', `${end.origin}${end.pathname}?status=${end.searchParams.get('status')}&connection_id=...`);
    expect(browser.visited.includes(`${front}/auth/callback`), 'the provider sent the browser to the callback');
    expect(end.searchParams.get('status') === 'success', 'the connection is made');
    await app.close();
  });

  const first = await step('Agent: call the API through the sidecar, holding no token', async () => {
    const token = await call({ sidecar, agent, connection, api });
    expect(idp.tokens.access.has(token), 'it is a token that this provider gave out');
    return token;
  });

  await step('Agent: try to read the token', async () => {
    const answer = await get(`${gateway}/v1/token/${connection}`, { headers: { 'x-api-key': agent } });
    show('answer', `${answer.status} ${answer.json?.error}: ${answer.json?.message}`);
    expect(answer.status === 403 && !answer.text.includes(first), 'without the grant token:read it is not shown');
  });

  await step('Wait until the token has expired', async () => {
    const begin = Date.now();
    await waitFor('the provider to call the token inactive', async () => !await idp.isActive(first), { timeout: 60000, interval: 200 });
    show('waited', `${Math.round((Date.now() - begin) / 1000)} s`);
    const answer = await get(`${api.url}/me`, { headers: { authorization: `Bearer ${first}` } });
    expect(answer.status === 401, 'the API refuses the first token now');
  });

  await step('Agent: the same call again', async () => {
    const second = await call({ sidecar, agent, connection, api });
    show('first token', fingerprint(first));
    show('token now', fingerprint(second));
    show('at the provider', `${idp.counts.code} code exchange, ${idp.counts.refresh} refresh`);
    expect(second !== first && idp.counts.refresh >= 1, 'the control plane refreshed it; the agent noticed nothing');
  });

  await step('Administrator: look at the connection', async () => {
    await ctl(nexusctl, ['connection', 'show', connection]);
  });
  return { agentKey: agent, connection };
}

// Addresses that are good for something are not for a screen.
const withoutToken = (url) => url.replace(/(connect|interaction|auth)\/[\w.-]{20,}/, '$1/...');

const manifest = ({ idp, api }) => `providers:
  - name: demo
    auth_type: oauth2
    issuer: ${idp.issuer}
    enable_discovery: true
    auth_header: client_secret_basic
    client_id: ${idp.clientId}
    client_secret: \${DEMO_CLIENT_SECRET}
    scopes: [openid, offline_access, "api:read"]
    api_base_url: ${api.url}
`;

/** One call through the sidecar, shown from both ends; returns the token that the API received. */
async function call({ sidecar, agent, connection, api }) {
  show('request as sent', `GET ${sidecar}/me?fields=name`);
  show('', 'X-Nexus-Key: nxa_... (the agent\'s own)');
  show('', `X-Nexus-Connection: ${connection}`);
  const answer = await get(`${sidecar}/me?fields=name`, { headers: { 'x-nexus-key': agent, 'x-nexus-connection': connection } });
  expect(answer.status === 200, `the API answered ${answer.status}${answer.status === 200 ? '' : ` ${answer.text}`}`);
  const seen = api.last;
  const [, token] = /^Bearer (.+)$/.exec(seen.headers.authorization ?? '') ?? [];
  expect(token !== undefined, 'a Bearer token was put on at the edge');
  show('what the API saw', `${seen.method} ${seen.url}`);
  show('', `Authorization: Bearer <${fingerprint(token)}>`);
  show('', `Host: ${seen.headers.host}`);
  expect(!JSON.stringify(seen.headers).includes(agent), 'the agent\'s key stopped at the edge');
  expect(!answer.text.includes(token), 'the answer holds no token');
  return token;
}

async function ctl(nexusctl, args, env = {}, { quiet = false } = {}) {
  show('command', ['nexusctl', ...args].join(' '));
  const result = await runProgram(nexusctl, args, { env: { ...process.env, ...env } });
  if (result.code !== 0) {
    throw new Error(`nexusctl ${args[0]} ${args[1]} ended with ${result.code ?? result.signal}: ${(result.stderr || result.stdout).trim()}`);
  }
  if (!quiet) {
    say(result.stdout.trimEnd().replaceAll('\n', '\n    '));
  }
  return result.stdout;
}
