// The API documents (docs/openapi/*.yaml) as the tests read them: operations with their references resolved, and schemas
// that Ajv can compile. What an answer must look like is contract.mjs' business.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { repository } from './paths.mjs';

export const folder = path.join(repository, 'docs/openapi');
// Half a second to load, and most test files need neither: read when the first answer is judged.
const library = createRequire(import.meta.url);
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const documents = new Map();
let validators;

/** A document as it is written. name: gateway.yaml, broker.yaml or common.yaml */
export function document(name) {
  if (!documents.has(name)) {
    documents.set(name, library('js-yaml').load(fs.readFileSync(path.join(folder, name), 'utf8')));
  }
  return documents.get(name);
}

/**
 * A place in a document, references followed.
 *
 * returns {name, pointer, value}: the document and the JSON pointer at which the value stands. A schema's own $ref is not
 * followed: other keywords may stand beside it.
 */
export function follow({ name, pointer }) {
  let value = document(name);
  for (const token of pointer.split('/').slice(1)) {
    value = value?.[token.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  if (value === undefined) {
    throw new Error(`${name}#${pointer} does not exist`);
  }
  return typeof value.$ref === 'string' && Object.keys(value).length === 1 ? follow(target(name, value.$ref)) : { name, pointer, value };
}

function target(name, reference) {
  const [file, pointer] = reference.split('#');
  return { name: file === '' ? name : file, pointer };
}

/** The place below another one: child(place, 'responses', '200'). */
export function child(place, ...tokens) {
  const escaped = tokens.map((token) => `/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`);
  return follow({ name: place.name, pointer: place.pointer + escaped.join('') });
}

/** Every operation of a document: {document, method, path, place, access, parameters, operation}. */
export function operations(name) {
  const all = [];
  for (const [route, item] of Object.entries(document(name).paths)) {
    for (const method of METHODS.filter((key) => key in item)) {
      const place = follow({ name, pointer: `/paths/${route.replaceAll('/', '~1')}/${method}` });
      const shared = (item.parameters ?? []).map((_, i) => child({ name, pointer: `/paths/${route.replaceAll('/', '~1')}` }, 'parameters', i));
      const own = (place.value.parameters ?? []).map((_, i) => child(place, 'parameters', i));
      all.push({
        document: name, method: method.toUpperCase(), path: route, place, operation: place.value,
        access: place.value['x-access'], parameters: [...shared, ...own],
      });
    }
  }
  return all;
}

/** Ajv's validator for the schema at a place; compiled once per process. */
export function validator(place) {
  validators ??= newAjv();
  const id = `${place.name}#${place.pointer}`;
  if (!validators.compiled.has(id)) {
    validators.compiled.set(id, validators.ajv.compile({ $ref: `https://documents.invalid/${id}` }));
  }
  return validators.compiled.get(id);
}

function newAjv() {
  const { Ajv2020 } = library('ajv/dist/2020.js');
  const ajv = new Ajv2020({ allErrors: false, strictTypes: false, validateSchema: false });
  library('ajv-formats').default(ajv);
  const names = ['common.yaml', 'gateway.yaml', 'broker.yaml'];
  // Ajv sees each document as a schema whose keywords mean nothing, and compiles the schemas within it.
  ajv.addVocabulary([...new Set(['example', ...names.flatMap((name) => Object.keys(document(name)))])]);
  for (const name of names) {
    ajv.addSchema(document(name), `https://documents.invalid/${name}`);
  }
  return { ajv, compiled: new Map() };
}
