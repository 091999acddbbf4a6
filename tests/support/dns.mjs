// A name server for tests: answers A and AAAA questions from a table that the test may change at any time.
import dgram from 'node:dgram';
import net from 'node:net';
import { cleanup } from './cleanup.mjs';

const A = 1;
const CNAME = 5;
const AAAA = 28;

/**
 * names  {name: answer}. An answer is an IP address, a list of them, {cname: other name of the table}, 'silence', or a
 *        function of how often this type of question was asked of the name (1, 2, ...) that returns one of these. A
 *        name that is missing does not exist.
 * host, port  where to listen: a free port of 127.0.0.1 unless said
 *
 * returns {port, names, questions}
 */
export async function startDns(t, names, { host = '127.0.0.1', port = 0 } = {}) {
  const socket = dgram.createSocket('udp4');
  const dns = { names: { ...names }, questions: [] };
  const asked = new Map();
  socket.on('message', (message, peer) => {
    const { name, type, end } = parseQuestion(message);
    dns.questions.push(name);
    const key = `${name} ${type}`;
    asked.set(key, (asked.get(key) ?? 0) + 1);
    const records = lookUp(dns.names, name, asked.get(key));
    if (records !== 'silence') {
      socket.send(answer(message.subarray(0, end), records, type), peer.port, peer.address);
    }
  });
  await new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, resolve);
  });
  cleanup(t, () => new Promise((resolve) => { socket.close(resolve); }));
  return Object.assign(dns, { port: socket.address().port });
}

/** [{owner, cname} or {owner, address}], undefined where the name does not exist. */
function lookUp(names, name, times) {
  if (!(name in names)) {
    return undefined;
  }
  const entry = typeof names[name] === 'function' ? names[name](times) : names[name];
  if (entry === 'silence') {
    return entry;
  }
  if (entry?.cname) {
    return [{ owner: name, cname: entry.cname }, ...lookUp(names, entry.cname, times) ?? []];
  }
  return [entry ?? []].flat().map((address) => ({ owner: name, address }));
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

/** RFC 1035 section 4.1: the question again, and what there is of its type, with a lifetime of one second. */
function answer(question, records, type) {
  const fitting = (records ?? []).filter(({ cname, address }) => cname || net.isIP(address) === (type === A ? 4 : 6));
  const sent = type === A || type === AAAA ? fitting.map((record) => resourceRecord(record, type)) : [];
  const head = Buffer.from(question);
  head.writeUInt16BE(records ? 0x8180 : 0x8183, 2);
  head.writeUInt16BE(sent.length, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  return Buffer.concat([head, ...sent]);
}

function resourceRecord({ owner, cname, address }, type) {
  const data = cname ? encodeName(cname) : type === A ? Buffer.from(address.split('.').map(Number)) : encodeV6(address);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(cname ? CNAME : type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(1, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(owner), fixed, data]);
}

function encodeName(name) {
  return Buffer.concat([...name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')),
    Buffer.from([0])]);
}

function encodeV6(address) {
  // The URL parser writes an address in hexadecimal groups, dotted tails included.
  const [head, tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::').map((part) => part.split(':').filter(Boolean));
  const groups = tail === undefined ? head : [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
