// gRPC as its users have it: @grpc/grpc-js, with methods that take and give bytes, so that no schema is needed.
import grpc from '@grpc/grpc-js';
import { cleanup } from './cleanup.mjs';
import { findPort } from './ports.mjs';

const bytes = { serialize: (value) => value, deserialize: (value) => value };
const method = (name, requestStream, responseStream) => ({
  path: `/test.Echo/${name}`, requestStream, responseStream,
  requestSerialize: bytes.serialize, requestDeserialize: bytes.deserialize,
  responseSerialize: bytes.serialize, responseDeserialize: bytes.deserialize,
});

export const service = {
  unary: method('unary', false, false),
  serverStream: method('serverStream', false, true),
  clientStream: method('clientStream', true, false),
  bidi: method('bidi', true, true),
};

/**
 * A server that echoes: unary its message, serverStream each byte of it, clientStream all messages joined, bidi each message
 * as it comes. returns {port, calls: [metadata of each call]}
 */
export async function startGrpcServer(t, { port } = {}) {
  const calls = [];
  const remember = (call) => calls.push(call.metadata);
  const server = new grpc.Server({ 'grpc.max_metadata_size': 1 << 20 });
  server.addService(service, {
    unary(call, done) {
      remember(call);
      done(null, call.request);
    },
    serverStream(call) {
      remember(call);
      for (const byte of call.request) {
        call.write(Buffer.from([byte]));
      }
      call.end();
    },
    clientStream(call, done) {
      remember(call);
      const parts = [];
      call.on('data', (part) => parts.push(part));
      call.on('end', () => done(null, Buffer.concat(parts)));
    },
    bidi(call) {
      remember(call);
      call.on('data', (part) => call.write(part));
      call.on('end', () => call.end());
    },
  });
  const bound = await new Promise((resolve, reject) => {
    findPort().then((found) => server.bindAsync(`127.0.0.1:${port ?? found}`, grpc.ServerCredentials.createInsecure(),
      (error, number) => (error ? reject(error) : resolve(number))), reject);
  });
  cleanup(t, () => server.forceShutdown());
  return { port: bound, calls };
}

const Client = grpc.makeGenericClientConstructor(service, 'test.Echo');

/** A client of it; `url` as http://host:port. */
export function grpcClient(t, url, options = {}) {
  const client = new Client(new URL(url).host, grpc.credentials.createInsecure(), { 'grpc.enable_retries': 0, ...options });
  cleanup(t, () => client.close());
  return client;
}

export function metadata(fields) {
  const made = new grpc.Metadata();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      made.add(name, one);
    }
  }
  return made;
}

const deadline = () => ({ deadline: Date.now() + 15000 });

/** A unary call: its answer, or an error with `code`, `details` and `metadata`. */
export function unary(client, fields, message = Buffer.from('hello')) {
  return new Promise((resolve, reject) => {
    client.unary(message, metadata(fields), deadline(), (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

/** Any of the four by name; `messages` are sent one by one. returns all messages that came back */
export function stream(client, name, fields, messages) {
  return new Promise((resolve, reject) => {
    const parts = [];
    const single = (error, answer) => (error ? reject(error) : resolve([answer]));
    const call = {
      serverStream: () => client.serverStream(messages[0], metadata(fields), deadline()),
      clientStream: () => client.clientStream(metadata(fields), deadline(), single),
      bidi: () => client.bidi(metadata(fields), deadline()),
    }[name]();
    if (service[name].responseStream) {
      call.on('data', (part) => parts.push(part));
      call.on('error', reject);
      call.on('end', () => resolve(parts));
    }
    if (service[name].requestStream) {
      for (const message of messages) {
        call.write(message);
      }
      call.end();
    }
  });
}
