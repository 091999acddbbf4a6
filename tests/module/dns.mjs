// A name server on loopback for tests: answers A questions from a table that the test may change at any time.
import dgram from 'node:dgram';
import { cleanup } from '../support/cleanup.mjs';

/** names: {name: IPv4 address}; a name that is missing does not exist. returns {port, names, questions} */
export async function startDns(t, names) {
  const socket = dgram.createSocket('udp4');
  const dns = { names: { ...names }, questions: [] };
  socket.on('message', (question, peer) => {
    const { name, type, end } = parseQuestion(question);
    dns.questions.push(name);
    const address = type === 1 ? dns.names[name] : undefined;
    socket.send(answer(question.subarray(0, end), address, name in dns.names), peer.port, peer.address);
  });
  await new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', resolve);
  });
  cleanup(t, () => new Promise((resolve) => { socket.close(resolve); }));
  return Object.assign(dns, { port: socket.address().port });
}

function parseQuestion(message) {
  const labels = [];
  let at = 12;
  while (message[at] !== 0) {
    labels.push(message.subarray(at + 1, at + 1 + message[at]).toString('latin1').toLowerCase());
    at += 1 + message[at];
  }
  return { name: labels.join('.'), type: message.readUInt16BE(at + 1), end: at + 5 };
}

/** RFC 1035 section 4.1: the question again, and an A record with a lifetime of one second. */
function answer(question, address, exists) {
  const head = Buffer.from(question);
  head.writeUInt16BE(exists ? 0x8180 : 0x8183, 2);
  head.writeUInt16BE(address ? 1 : 0, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  if (!address) {
    return head;
  }
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split('.').map(Number)]);
  return Buffer.concat([head, record]);
}
