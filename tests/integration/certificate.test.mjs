// A running server gets a new certificate by SIGHUP, and clients resume their TLS sessions.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';

import { serving } from '../support/child.mjs';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-certificate-'));
const pair = join(folder, 'server.pem');
let server;

/** Replaces the file of certificate and key at once, as those who renew certificates do. */
function renew(name) {
  const made = (part) => join(folder, `${name}.${part}`);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj', `/CN=${name}`,
    '-keyout', made('key'), '-out', made('crt')], { stdio: 'ignore' });
  writeFileSync(made('pem'), readFileSync(made('crt'), 'utf8') + readFileSync(made('key'), 'utf8'));
  renameSync(made('pem'), pair);
}

/** A new connection, with its first response read. */
async function connected(options = {}) {
  const socket = tls.connect({ port: new URL(server.url).port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  await ask(socket);
  return socket;
}

/** A request on a connection that stays open. */
async function ask(socket) {
  let got = '';
  const take = (bytes) => { got += bytes; };
  socket.on('data', take);
  socket.write('GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n');
  while (!/\r\n\r\n\{.*\}\s*$/s.test(got)) await once(socket, 'data');
  socket.off('data', take);
  assert.match(got, /^HTTP\/1\.1 200 /);
}

const nameOf = (socket) => socket.getPeerCertificate().subject.CN;

before(async () => {
  renew('first');
  server = await serving({
    'store.database': join(folder, 'latchkey.db'), 'root_key.file': join(folder, 'root.key'),
    'server.tls_certificate_file': pair, 'server.tls_private_key_file': pair,
  });
});
after(async () => {
  await server?.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

for (const version of ['TLSv1.2', 'TLSv1.3']) {
  test(`a client resumes its session, ${version}`, async () => {
    const options = { minVersion: version, maxVersion: version };
    const first = tls.connect({ port: new URL(server.url).port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    const [session] = await once(first, 'session');
    assert.equal(first.isSessionReused(), false);
    first.destroy();
    const second = await connected({ session, ...options });
    assert.equal(second.isSessionReused(), true);
    assert.equal(second.getProtocol(), version);
    second.destroy();
  });
}

test('SIGHUP brings a new certificate, and open connections go on', async () => {
  const open = await connected();
  assert.equal(nameOf(open), 'first');
  assert.equal(nameOf(open), 'first');
  renew('second');
  server.process.kill('SIGHUP');
  await server.says(/new connections get the certificate of /);
  const fresh = await connected();
  assert.equal(nameOf(fresh), 'second');
  await ask(open);
  for (const socket of [open, fresh]) socket.destroy();
});

test('files that cannot be read change nothing', async () => {
  writeFileSync(pair, 'no certificate');
  server.process.kill('SIGHUP');
  const [said] = await server.says(/the certificate stays as it was: .*SIGHUP again/);
  assert.match(said, /server\.tls_certificate_file/);
  const socket = await connected();
  assert.equal(nameOf(socket), 'second');
  socket.destroy();
});

test('without TLS there is nothing to renew, and the server goes on', async () => {
  const plain = await serving({ 'store.database': join(folder, 'plain.db'), 'root_key.file': join(folder, 'plain.key') });
  try {
    plain.process.kill('SIGHUP');
    await plain.says(/there is nothing to read again: the server serves without TLS/);
    assert.equal((await fetch(`${plain.url}/healthz`)).status, 200);
  } finally {
    await plain.kill('SIGTERM');
  }
});

test('a session goes on under a renewed certificate', async () => {
  renew('third');
  const before = tls.connect({ port: new URL(server.url).port, host: '127.0.0.1', rejectUnauthorized: false });
  const [session] = await once(before, 'session');
  before.destroy();
  server.process.kill('SIGHUP');
  await server.says(/certificate of .*certificate of /s);
  const resumed = await connected({ session });
  assert.equal(resumed.isSessionReused(), true);
  resumed.destroy();
});
