// Strangers without a key open thousands of connections and send bodies that never end. They take no memory, no connection of an
// honest client, and no response of /healthz.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Dev, binary, eventually } from '../support/dev.mjs';
import { orFail } from '../support/possible.mjs';

const kMiB = 1024 * 1024;
const kConnections = 1024;
const kMostStrangers = 4096;
// The files that this process needs beside these connections. Node has raised its limit to the hard one.
const kOtherFiles = 500;
const kOpenFiles = Number(/Max open files +\d+ +(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity);
const kStrangers = Math.min(kMostStrangers, kOpenFiles - kOtherFiles);
const whyFewer = kStrangers < kMostStrangers &&
  `${kOpenFiles} open files are too few for ${kMostStrangers} strangers: raise the hard limit (ulimit -Hn) to ${kMostStrangers + kOtherFiles}`;
// Fewer strangers than connections crowd nobody.
if (kStrangers < kConnections) throw new Error(whyFewer);
orFail(whyFewer);
const dev = new Dev({ args: ['--set', `server.max_connections=${kConnections}`, '--set', `server.max_body_bytes_held=${32 * kMiB}`] });
const sockets = new Set();

let calm;
before(async () => {
  await dev.start();
  calm = middle(await times(5, () => p99(200)));
});
after(async () => {
  for (const socket of sockets) socket.destroy();
  await dev.stop();
});

const port = () => Number(new URL(dev.env.LATCHKEY_URL).port);
const residentMiB = () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${dev.process.pid}/status`, 'utf8'))[1]) / 1024;

/** A connection from an address of its own in 127/8, with what it has received; `open` resolves once it is established. */
function stranger(localAddress, to = port()) {
  const socket = connect({ port: to, host: '127.0.0.1', localAddress });
  sockets.add(socket);
  const one = { socket, text: '', closed: false };
  one.open = new Promise((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', resolve);
  });
  socket.on('error', () => {});
  socket.on('data', (data) => (one.text += data.toString('latin1')));
  socket.on('close', () => {
    one.closed = true;
    sockets.delete(socket);
  });
  return one;
}

/** One request from that address over a connection of its own; resolves with status, body and milliseconds. */
function ask(path, { method = 'GET', key, body, localAddress, agent = false, headers = {}, to = port() } = {}) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const asked = request({ port: to, host: '127.0.0.1', method, path, localAddress, agent,
      headers: { ...(key ? { 'x-api-key': key } : {}), ...(body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {}), ...headers } },
    (response) => {
      let text = '';
      response.on('data', (data) => (text += data));
      response.on('end', () => resolve({ status: response.statusCode, text, took: performance.now() - began }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
const encrypt = (localAddress) => ask(`/v1/workspaces/${dev.env.LATCHKEY_WORKSPACE_ID}/encrypt`,
  { method: 'POST', key: dev.env.LATCHKEY_WORKSPACE_KEY, body: '{"plaintext": "aGVsbG8="}', localAddress });
async function p99(count) {
  const took = [];
  for (let i = 0; i < count; ++i) {
    const sealed = await encrypt('127.0.0.1');
    assert.equal(sealed.status, 200, sealed.text);
    took.push(sealed.took);
  }
  return took.sort((a, b) => a - b)[Math.floor(count * 0.99)];
}

const middle = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
const times = async (count, take) => {
  const taken = [];
  for (let i = 0; i < count; ++i) taken.push(await take());
  return taken;
};
/** An honest client's p99 beside strangers is within twice its p99 without: takes five measures, for a machine does other things, too. */
async function staysWithinTwice(t) {
  const crowded = await times(5, () => p99(200));
  t.diagnostic(`an honest client's p99: ${calm.toFixed(2)} ms, with the strangers ${crowded.map((one) => one.toFixed(2)).join(', ')} ms`);
  assert.ok(Math.min(...crowded) < 2 * calm, `${calm} to ${crowded} ms`);
}

test('bodies of who has no key are not read, and not asked for', async (t) => {
  await encrypt('127.0.0.1');
  const before = residentMiB();
  const strangers = Array.from({ length: 48 }, (_, i) => stranger(`127.1.0.${1 + i}`));
  for (const { socket } of strangers) {
    socket.write(`POST /v1/workspaces/none/encrypt HTTP/1.1\r\nHost: a\r\ncontent-type: application/octet-stream\r\ncontent-length: ${15 * kMiB}\r\n\r\n`);
    socket.write(Buffer.alloc(14 * kMiB));
  }
  await eventually(() => strangers.every(({ text }) => text.startsWith('HTTP/1.1 401')));
  const grown = residentMiB() - before;
  t.diagnostic(`48 strangers sent 14 of 15 MiB each: ${grown.toFixed(1)} MiB more`);
  assert.ok(grown < 64, `${grown} MiB`);
  const polite = stranger('127.1.1.1');
  polite.socket.write('POST /v1/workspaces/none/encrypt HTTP/1.1\r\nHost: a\r\nexpect: 100-continue\r\ncontent-length: 1000000\r\n\r\n');
  await eventually(() => polite.closed);
  assert.match(polite.text, /^HTTP\/1\.1 401/);
  const public_ = stranger('127.1.1.2');
  public_.socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\ncontent-length: 1000000\r\n\r\n');
  await eventually(() => public_.text);
  assert.match(public_.text, /^HTTP\/1\.1 413/, 'what needs no key takes no body');
  for (const { socket } of [...strangers, polite, public_]) socket.destroy();
});

test('one address with thousands of connections shuts nobody out', async (t) => {
  const before = residentMiB();
  const strangers = Array.from({ length: kStrangers }, () => stranger('127.2.0.1'));
  await Promise.all(strangers.map(({ open }) => open));
  // The server has closed all connections but the part of one address; a visit lasts two seconds.
  await eventually(() => strangers.filter(({ closed }) => !closed).length <= kConnections / 8);
  for (const localAddress of ['127.0.0.1', '127.2.0.2']) {
    assert.equal((await ask('/healthz', { localAddress })).status, 200, localAddress);
    assert.equal((await ask('/readyz', { localAddress })).status, 200, localAddress);
  }
  await staysWithinTwice(t);
  assert.ok(residentMiB() - before < 64);
  for (const { socket } of strangers) socket.destroy();
});

test('thousands of addresses that say half a head make room for whoever comes', async (t) => {
  await encrypt('127.0.0.1');
  const before = residentMiB();
  const half = `GET / HTTP/1.1\r\nHost: a\r\nx: ${'a'.repeat(15 * 1024)}`;
  const strangers = Array.from({ length: kStrangers }, (_, i) => stranger(`127.3.${i >> 8}.${1 + (i & 127)}`));
  for (const { socket } of strangers) socket.write(half);
  await Promise.all(strangers.map(({ open }) => open));
  const grown = residentMiB() - before;
  t.diagnostic(`${kStrangers} half heads of 15 KiB: ${grown.toFixed(1)} MiB more`);
  assert.ok(grown < 128, `${grown} MiB`);
  assert.equal((await encrypt('127.0.0.1')).status, 200, 'an address that is known has room');
  assert.equal((await encrypt('127.4.0.1')).status, 200, 'one that nobody has seen takes that of the oldest stranger');
  assert.equal((await ask('/healthz', { localAddress: '127.4.0.2' })).status, 200);
  await staysWithinTwice(t);
  for (const { socket } of strangers) socket.destroy();
});

test('bodies beyond what the server holds wait, and are then told; those of another organisation do not', async () => {
  const made = spawnSync(binary, ['org', 'create', 'Other', '--database', join(dev.folder, 'latchkey.db'),
    '--root-key', join(dev.folder, 'root.key'), '-o', 'json'], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  const theirs = JSON.parse(made.stdout).key;
  // The client has its share of 16 MiB once the server tells it to go on.
  const head = (key, length, path) => `POST ${path} HTTP/1.1\r\nHost: a\r\nx-api-key: ${key}\r\nexpect: 100-continue\r\ncontent-type: application/octet-stream\r\ncontent-length: ${length}\r\n\r\n`;
  const mine = `/v1/workspaces/${dev.env.LATCHKEY_WORKSPACE_ID}/encrypt`;
  const holder = stranger('127.0.0.1');
  holder.socket.write(head(dev.env.LATCHKEY_WORKSPACE_KEY, 16 * kMiB, mine));
  await eventually(() => holder.text.startsWith('HTTP/1.1 100'));
  const next = stranger('127.0.0.1');
  next.socket.write(head(dev.env.LATCHKEY_WORKSPACE_KEY, kMiB, mine));
  const other = stranger('127.0.0.1');
  other.socket.write(head(theirs, kMiB, '/v1/organizations/external_keys'));
  await eventually(() => other.text.startsWith('HTTP/1.1 100'));
  assert.equal(next.text, '', 'it waits meanwhile');
  await eventually(() => next.text);
  assert.match(next.text, /^HTTP\/1\.1 503[^]*retry-after: 1[^]*overloaded_error/);
  assert.equal((await encrypt('127.0.0.1')).status, 200, 'little bodies go on');
  for (const { socket } of [holder, next, other]) socket.destroy();
});

test('strangers who hold every place and the reserve do not shut the health listener', async (t) => {
  const places = 16;
  const crowded = new Dev({ args: ['--log-level', 'info', '--set', `server.max_connections=${places}`,
    '--set', 'server.health_address=127.0.0.1', '--set', 'server.health_port=0'] });
  let holds = true;
  try {
    await crowded.start();
    const main = Number(new URL(crowded.env.LATCHKEY_URL).port);
    const health = Number((await crowded.child.says(/serves \/healthz and \/readyz at 127\.0\.0\.1, port (\d+),/))[1]);
    // Takes all connections, from two addresses with a valid key, in the middle of bodies.
    const path = `/v1/workspaces/${crowded.env.LATCHKEY_WORKSPACE_ID}/encrypt`;
    const key = crowded.env.LATCHKEY_WORKSPACE_KEY;
    const holders = [];
    for (const localAddress of ['127.5.0.1', '127.5.0.2']) {
      const body = '{"plaintext": "aGVsbG8="}';
      assert.equal((await ask(path, { method: 'POST', key, body, localAddress, to: main })).status, 200);
      for (let i = 0; i < places / 2; ++i) {
        const holder = stranger(localAddress, main);
        holder.socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nx-api-key: ${key}\r\nexpect: 100-continue\r\ncontent-length: 1000\r\n\r\n`);
        holders.push(holder);
      }
    }
    await eventually(() => holders.every(({ text }) => text.startsWith('HTTP/1.1 100')));
    // Takes the reserve with half heads, again and again as the server closes each.
    const visit = (localAddress) => {
      if (!holds) return;
      const { socket } = stranger(localAddress, main);
      socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n');
      socket.on('close', () => setImmediate(visit, localAddress));
    };
    for (let i = 0; i < 64; ++i) visit(`127.6.0.${1 + (i >> 2)}`);
    await eventually(() => ask('/healthz', { localAddress: '127.7.0.1', to: main }).then(() => false, () => true));
    const took = [];
    for (const each of ['/healthz', '/readyz', '/healthz', '/readyz']) {
      const response = await ask(each, { localAddress: '127.7.0.1', to: health });
      assert.equal(response.status, 200, response.text);
      took.push(response.took);
    }
    t.diagnostic(`health was told in ${took.map((one) => one.toFixed(1)).join(', ')} ms`);
    assert.ok(Math.min(...took) < 1000, `${took} ms`);
    // Connections that strangers hold there make room, too.
    const halves = Array.from({ length: 128 }, (_, i) => stranger(`127.8.0.${1 + (i & 31)}`, health));
    for (const { socket } of halves) socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n');
    await Promise.all(halves.map(({ open }) => open));
    assert.equal((await ask('/healthz', { localAddress: '127.7.0.1', to: health })).status, 200);
    assert.equal((await ask('/v1/organizations/me', { key: crowded.env.LATCHKEY_ADMIN_KEY, localAddress: '127.7.0.1', to: health })).status, 404);
    for (const { socket } of [...holders, ...halves]) socket.destroy();
  } finally {
    holds = false;
    await crowded.stop();
  }
});
