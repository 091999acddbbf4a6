// Reads a kustomization as far as conf/kubernetes uses it: resources, components, namespace, images, configMapGenerator, and
// patches by target. Not kustomize: names of generated ConfigMaps get no hash. Anything else in a kustomization is an error.
import fs from 'node:fs';
import path from 'node:path';
import { loadAll } from 'js-yaml';

const KNOWN = ['apiVersion', 'kind', 'namespace', 'resources', 'components', 'images', 'configMapGenerator', 'patches'];
const CLUSTER_WIDE = ['Namespace'];
const LIST_KEYS = ['name', 'mountPath', 'containerPort'];   // by which lists of objects are merged, the first that all have

export const load = (file) => loadAll(fs.readFileSync(file, 'utf8')).filter(Boolean);

/** The objects of a folder with a kustomization.yaml. */
export function build(folder) {
  const [kustomization] = load(path.join(folder, 'kustomization.yaml'));
  const objects = [];
  apply(folder, kustomization, objects);
  return objects;
}

function apply(folder, kustomization, objects) {
  const unknown = Object.keys(kustomization).filter((key) => !KNOWN.includes(key));
  if (unknown.length > 0) {
    throw new Error(`${folder}: ${unknown} is more than this reads`);
  }
  const before = objects.length;
  for (const resource of kustomization.resources ?? []) {
    const place = path.join(folder, resource);
    objects.push(...(fs.statSync(place).isDirectory() ? build(place) : load(place)));
  }
  for (const generator of kustomization.configMapGenerator ?? []) {
    objects.push(configMap(folder, generator));
  }
  for (const patch of kustomization.patches ?? []) {
    const [content] = load(path.join(folder, patch.path));
    for (const object of objects.filter((candidate) => isMeant(candidate, patch.target))) {
      merge(object, { ...structuredClone(content), metadata: { ...content.metadata, name: object.metadata.name } });
    }
  }
  for (const component of kustomization.components ?? []) {
    const place = path.join(folder, component);
    apply(place, load(path.join(place, 'kustomization.yaml'))[0], objects);
  }
  const isComponent = kustomization.kind === 'Component';
  for (const object of isComponent ? objects.slice(before) : objects) {
    if (kustomization.namespace && !CLUSTER_WIDE.includes(object.kind)) {
      object.metadata.namespace = kustomization.namespace;
    }
  }
  for (const { name, newName, newTag } of kustomization.images ?? []) {
    for (const container of objects.flatMap((object) => object.spec?.template?.spec?.containers ?? [])) {
      container.image = container.image === name ? `${newName}:${newTag}` : container.image;
    }
  }
}

function configMap(folder, { name, files = [], envs = [] }) {
  const data = Object.fromEntries(files.map((file) => [path.basename(file), fs.readFileSync(path.join(folder, file), 'utf8')]));
  for (const line of envs.flatMap((file) => fs.readFileSync(path.join(folder, file), 'utf8').split('\n')).filter(Boolean)) {
    data[line.slice(0, line.indexOf('='))] = line.slice(line.indexOf('=') + 1);
  }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

function isMeant(object, { kind, labelSelector }) {
  const [label, value] = labelSelector.split('=');
  return object.kind === kind && object.metadata.labels?.[label] === value;
}

function merge(into, from) {
  for (const [key, value] of Object.entries(from)) {
    if (Array.isArray(value) && Array.isArray(into[key])) {
      mergeList(into[key], value);
    } else if (isObject(value) && isObject(into[key])) {
      merge(into[key], value);
    } else {
      into[key] = value;
    }
  }
}

// As the API server's strategic merge: what has a new key goes in front.
function mergeList(into, from) {
  const key = LIST_KEYS.find((name) => [...into, ...from].every((entry) => isObject(entry) && name in entry));
  if (!key) {
    into.splice(0, into.length, ...from);
    return;
  }
  const added = from.filter((entry) => !into.some((other) => other[key] === entry[key]));
  for (const entry of from.filter((candidate) => !added.includes(candidate))) {
    merge(into.find((other) => other[key] === entry[key]), entry);
  }
  into.unshift(...added);
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
