// conf/kubernetes: each object against the schemas of Kubernetes and cert-manager, and against what its README promises.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { load as loadOne, loadAll } from 'js-yaml';
import { build } from '../support/kustomize.mjs';
import { repository } from '../support/paths.mjs';
import { runProgram } from '../support/process.mjs';

const root = path.join(repository, 'conf/kubernetes');
const OVERLAYS = ['gateway', 'ingress', 'sidecar'];
const objects = Object.fromEntries(OVERLAYS.map((name) => [name, build(path.join(root, 'overlays', name))]));
const everything = Object.values(objects).flat();
const of = (kind, list = everything) => list.filter((object) => object.kind === kind);
const nameOf = ({ kind, metadata }) => `${kind}/${metadata.name}`;
const podOf = (object) => object.spec.template.spec;

// The class that validates objects of this kind: apps/v1 Deployment is kubernetes-models/apps/v1.
async function modelOf({ apiVersion, kind }) {
  const models = apiVersion.startsWith('cert-manager.io/') ? `@kubernetes-models/cert-manager/${apiVersion}` : `kubernetes-models/${apiVersion}`;
  return (await import(models))[kind];
}

test('each object is one of its schema', async () => {
  assert.ok(everything.length > 30);
  for (const object of everything) {
    const Model = await modelOf(object);
    assert.ok(Model, `${object.apiVersion} ${object.kind}`);
    try {
      new Model(structuredClone(object)).validate();
    } catch (error) {
      assert.fail(`${nameOf(object)}: ${error.message}`);
    }
  }
});

test('the schemas do refuse', async () => {
  const [deployment] = of('Deployment');
  const Model = await modelOf(deployment);
  for (const spoil of [(d) => { d.spec.replicas = 'two'; }, (d) => { delete d.spec.selector; }, (d) => { d.spec.template.spec.containers[0].ports = [{ containerPort: 'http' }]; }]) {
    const spoilt = structuredClone(deployment);
    spoil(spoilt);
    assert.throws(() => new Model(spoilt).validate());
  }
});

// Schemas do not refuse a field that they do not know, and a misspelt guard is none.
test('no field is misspelt', () => {
  const known = new Set();
  for (const name of ['kubernetes-models', '@kubernetes-models/apimachinery', '@kubernetes-models/cert-manager']) {
    const folder = path.join(repository, 'tests/node_modules', name);
    for (const file of fs.readdirSync(folder, { recursive: true }).filter((entry) => entry.endsWith('.d.ts'))) {
      for (const [, field] of fs.readFileSync(path.join(folder, file), 'utf8').matchAll(/^\s*"?(\w+)"?\??:/gm)) {
        known.add(field);
      }
    }
  }
  const free = new Set(['labels', 'annotations', 'matchLabels', 'data', 'selector', 'requests', 'limits']);
  const misspelt = [];
  const walk = (value, at, isFree = false) => {
    for (const [key, inner] of Object.entries(value)) {
      if (!Array.isArray(value) && !isFree && !known.has(key)) {
        misspelt.push(`${at}.${key}`);
      }
      if (typeof inner === 'object' && inner !== null) {
        walk(inner, `${at}.${key}`, free.has(key) && !('matchLabels' in inner));
      }
    }
  };
  everything.forEach((object) => walk(object, nameOf(object)));
  assert.ok(known.size > 500 && !known.has('readOnlyRootFileSystem'));
  assert.deepEqual(misspelt, []);
});

test('pods run as nobody, read only, without capabilities, under seccomp, within limits', () => {
  for (const deployment of of('Deployment')) {
    const pod = podOf(deployment);
    assert.equal(pod.automountServiceAccountToken, false, nameOf(deployment));
    assert.ok(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC);
    for (const container of pod.containers) {
      const what = `${nameOf(deployment)} ${container.name}`;
      const context = { ...pod.securityContext, ...container.securityContext };
      assert.equal(context.runAsNonRoot, true, what);
      assert.ok(context.runAsUser > 0, what);
      assert.equal(context.seccompProfile?.type, 'RuntimeDefault', what);
      assert.equal(context.readOnlyRootFilesystem, true, what);
      assert.equal(context.allowPrivilegeEscalation, false, what);
      assert.deepEqual(context.capabilities, { drop: ['ALL'] }, what);
      assert.ok(container.resources.requests.cpu && container.resources.requests.memory && container.resources.limits.memory, what);
      assert.match(container.image, /^registry\.example\.org\/[a-z-]+:\d/, what);
    }
    assert.ok(!pod.volumes?.some((volume) => volume.hostPath), nameOf(deployment));
  }
});

test('secrets are named, never written', () => {
  assert.deepEqual(of('Secret'), []);
  const text = JSON.stringify(everything);
  assert.doesNotMatch(text, /BEGIN [A-Z ]*PRIVATE KEY|[A-Za-z0-9+/]{43}=/);
  const pods = Object.fromEntries(of('Deployment').map((deployment) => [deployment.metadata.name, podOf(deployment)]));
  const secretsOf = (pod) => (pod.volumes ?? []).filter((volume) => volume.secret).map((volume) => volume.secret.secretName);
  assert.deepEqual(secretsOf(pods['nexus-ingress']), ['nexus-ingress-tls'], 'the ingress holds no key');
  assert.deepEqual(secretsOf(pods['nexus-gateway']), ['nexus-edge']);
  assert.deepEqual(secretsOf(pods['nexus-control-plane']), ['nexus-control-plane']);
  const agent = pods.agent.containers.find(({ name }) => name === 'agent');
  assert.equal(agent.volumeMounts, undefined, 'the program itself sees no key of the sidecar');
  assert.ok(pods.agent.containers.find(({ name }) => name === 'nexus-sidecar').volumeMounts.some(({ name }) => name === 'nexus-secrets'));
});

test('what refers to something finds it', () => {
  for (const [overlay, list] of Object.entries(objects)) {
    const maps = new Map(of('ConfigMap', list).map((map) => [map.metadata.name, map]));
    const templates = of('Deployment', list).map((deployment) => ({ name: deployment.metadata.name, labels: deployment.spec.template.metadata.labels, pod: podOf(deployment) }));
    const selected = (labels) => templates.filter((template) => Object.entries(labels).every(([key, value]) => template.labels[key] === value));
    for (const { name, pod } of templates) {
      for (const { configMap } of pod.volumes.filter((volume) => volume.configMap)) {
        assert.ok(maps.has(configMap.name), `${overlay} ${name}: ${configMap.name}`);
        assert.deepEqual(configMap.items.map(({ key }) => key).sort(), Object.keys(maps.get(configMap.name).data).sort(), configMap.name);
      }
      for (const container of pod.containers) {
        (container.volumeMounts ?? []).forEach((mount) => assert.ok(pod.volumes.some((volume) => volume.name === mount.name), `${name} ${mount.name}`));
        (container.envFrom ?? []).forEach((source) => assert.ok(maps.has(source.configMapRef.name)));
        for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe'].map((kind) => container[kind]).filter(Boolean)) {
          const port = probe.httpGet?.port ?? probe.tcpSocket?.port;
          assert.ok(port === undefined || container.ports.some((entry) => entry.name === port), `${name} ${container.name} ${port}`);
        }
      }
    }
    for (const service of of('Service', list)) {
      const [template] = selected(service.spec.selector);
      assert.ok(template, nameOf(service));
      const ports = template.pod.containers.flatMap((container) => container.ports ?? []);
      service.spec.ports.forEach((port) => assert.ok(ports.some((entry) => entry.name === port.targetPort), nameOf(service)));
    }
    for (const budget of of('PodDisruptionBudget', list)) {
      assert.equal(selected(budget.spec.selector.matchLabels).length, 1, nameOf(budget));
    }
    for (const scaler of of('HorizontalPodAutoscaler', list)) {
      assert.ok(templates.some(({ name }) => name === scaler.spec.scaleTargetRef.name), nameOf(scaler));
    }
  }
  for (const deployment of of('Deployment', objects.ingress)) {
    const { name } = deployment.metadata;
    for (const kind of ['Service', 'PodDisruptionBudget', 'HorizontalPodAutoscaler', 'NetworkPolicy']) {
      assert.ok(of(kind, objects.ingress).some((object) => object.metadata.name === name), `${name} has no ${kind}`);
    }
    assert.ok(podOf(deployment).containers.some((container) => container.readinessProbe && container.livenessProbe), name);
  }
});

test('policies: all is denied first, and only the ingress is open to everybody', () => {
  const policies = of('NetworkPolicy', objects.ingress);
  const denied = policies.find(({ metadata }) => metadata.name === 'default-deny');
  assert.deepEqual([denied.spec.podSelector, denied.spec.ingress, denied.spec.policyTypes], [{}, undefined, ['Ingress', 'Egress']]);
  for (const { metadata, spec } of policies) {
    const open = (spec.ingress ?? []).filter(({ from }) => !from).flatMap(({ ports }) => ports.map(({ port }) => port));
    assert.deepEqual(open, metadata.name === 'nexus-ingress' ? [8443, 8080] : [], metadata.name);
    assert.ok((spec.egress ?? []).every(({ to, ports }) => to && ports), metadata.name);
  }
});

test('one public name everywhere', () => {
  const settings = of('ConfigMap', objects.ingress).find(({ metadata }) => metadata.name === 'nexus-settings').data;
  const host = new URL(settings.BASE_URL).hostname;
  const nginx = of('ConfigMap', objects.ingress).find(({ metadata }) => metadata.name === 'nexus-ingress-nginx').data;
  assert.equal(nginx['ingress-name.conf'].trim(), `server_name ${host};`);
  assert.deepEqual(of('Certificate')[0].spec.dnsNames, [host]);
  assert.equal(of('Certificate')[0].spec.secretName, 'nexus-ingress-tls');
});

test('kustomize reads it as we do', async (t) => {
  const kubectl = await runProgram('kubectl', ['version', '--client']).catch(() => undefined);
  if (kubectl?.code !== 0) {
    t.skip('there is no kubectl here; the overlays were resolved by tests/support/kustomize.mjs alone');
    return;
  }
  for (const overlay of OVERLAYS) {
    const { code, stdout, stderr } = await runProgram('kubectl', ['kustomize', path.join(root, 'overlays', overlay)]);
    assert.equal(code, 0, stderr);
    // Names of generated ConfigMaps end in a hash of their content there.
    const theirs = loadAll(stdout.replaceAll(/(nexus-[a-z-]+)-[0-9a-z]{10}$/gm, '$1'));
    const sorted = (list) => list.map((object) => loadOne(JSON.stringify(object))).sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
    assert.deepEqual(sorted(theirs), sorted(objects[overlay]), overlay);
  }
});
