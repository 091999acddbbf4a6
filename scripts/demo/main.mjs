// The whole path on real parts: an OpenID provider, an API that accepts only its tokens, and the Nexus Edge that
// scripts/quickstart has started. With --once it ends after the walk, otherwise it keeps provider and API running.
import fs from 'node:fs';
import path from 'node:path';
import { startIdp } from '../../tests/support/idp.mjs';
import { startProtectedApi } from '../../tests/support/protected-api.mjs';
import { walk } from './walk.mjs';

const once = process.argv.includes('--once');
const environment = {
  front: process.env.NEXUS_URL,
  gateway: process.env.NEXUS_GATEWAY,
  sidecar: process.env.NEXUS_SIDECAR,
  state: process.env.NEXUS_STATE,
  nexusctl: path.join(process.env.NEXUS_BUILD_DIR, 'control_plane/nexusctl'),
};

const undo = [];
const t = { after: (hook) => undo.push(hook) };

for (const [signal, status] of [['SIGTERM', 143], ['SIGINT', 130]]) {
  process.removeAllListeners(signal);   // the tests' helpers end at once; the demo stops its servers in order
  process.on(signal, () => end(status));
}

try {
  const idp = await startIdp(t, { redirectUris: [`${environment.front}/auth/callback`], accessTtl: 12 });
  const api = await startProtectedApi(t, { idp });
  const { agentKey, connection } = await walk({ ...environment, idp, api });
  console.log('\nEvery step held.');
  if (once) {
    await end(0);
  } else {
    invite({ agentKey, connection });
  }
} catch (error) {
  console.error(`\ndemo: ${error.message}`);
  await end(1);
}

// The key is the agent's own. It is handed over in a file, so that it shows up in no terminal and no history.
function invite({ agentKey, connection }) {
  const file = path.join(environment.state, 'keys', 'demo-agent.key');
  fs.writeFileSync(file, agentKey, { mode: 0o600 });
  console.log(`Provider, API and Nexus Edge stay up until Ctrl-C; try it yourself in another terminal:

  curl -i ${environment.sidecar}/anything \\
       -H "Authorization: Bearer $(cat ${file})" \\
       -H "X-Nexus-Connection: ${connection}"
`);
}

async function end(status) {
  for (const hook of undo.splice(0)) {
    await hook();
  }
  process.exit(status);
}
