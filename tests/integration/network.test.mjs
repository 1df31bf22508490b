// Settings for outgoing calls, as people write them: hosts, proxies, certificates; and servers that ask to wait.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';

import { Dev, binary, eventually } from '../support/dev.mjs';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-network-'));
const dev = new Dev();
before(() => dev.start());
after(async () => {
  await dev.stop();
  rmSync(folder, { recursive: true, force: true });
});

const plain = () => ({ PATH: process.env.PATH, HOME: folder });

/** Runs the program while this process goes on; resolves with its output. */
function run(args, env) {
  const child = spawn(binary, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (data) => (said.out += data));
  child.stderr.on('data', (data) => (said.err += data));
  return new Promise((resolve) => child.once('close', (code) => resolve({ ...said, code })));
}

/** `latchkey serve` with the settings of `latchkey dev` and these; `stop` ends it. */
function serve(settings = {}, env = {}) {
  const all = {
    'server.port': 0,
    'store.database': join(dev.folder, 'latchkey.db'),
    'root_key.file': join(dev.folder, 'root.key'),
    'azure.client_id': dev.env.LATCHKEY_APP_CLIENT_ID,
    'azure.certificate_file': join(dev.folder, 'app-certificate.pem'),
    'azure.private_key_file': join(dev.folder, 'app-private-key.pem'),
    'outbound.proxy': dev.azureEnv.HTTPS_PROXY,
    'outbound.ca_file': dev.azureEnv.SSL_CERT_FILE,
    ...settings,
  };
  const set = Object.entries(all).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const child = spawn(binary, ['serve', ...set], { env: { ...plain(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  let log = '';
  child.stdout.on('data', (data) => (log += data));
  child.stderr.on('data', (data) => (log += data));
  const begun = eventually(() => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${log}`);
    return log.includes('ready\n') && /https?:\/\/\S+?:\d+/.exec(log)?.[0];
  });
  return { begun, ended, said: () => log, stop: () => { child.kill('SIGKILL'); return ended; } };
}

async function validates(url) {
  const admin = { ...plain(), LATCHKEY_URL: url, LATCHKEY_ADMIN_KEY: dev.env.LATCHKEY_ADMIN_KEY };
  const made = await run(['keys', 'create', '--name', 'network', '--vault-uri', dev.env.AZURE_VAULT_URI, '--key-name', dev.env.AZURE_KEY_NAME,
    '--tenant-id', dev.env.AZURE_TENANT_ID, '-o', 'json'], admin);
  assert.equal(made.code, 0, made.err);
  const done = await run(['keys', 'validate', JSON.parse(made.out).id, '-o', 'json'], admin);
  return JSON.parse(done.out).status;
}

async function refusal(settings, env) {
  const server = serve(settings, env);
  await assert.rejects(server.begun);
  assert.notEqual(await server.ended, 0);
  return server.said();
}

test('hosts are taken as people write them, and the customer\'s key is reached', async () => {
  const server = serve({
    'azure.login_host': ' HTTPS://Login.MicrosoftOnline.com:443/ ',
    'azure.vault_suffixes': 'https://Vault.AZURE.net/, *.managedhsm.azure.net',
    'server.address': 'LocalHost',
  });
  try {
    assert.equal(await validates(await server.begun), 'success', server.said());
  } finally {
    await server.stop();
  }
});

test('what is no host is refused at the start with the setting\'s name', async () => {
  for (const [name, value] of [
    ['azure.login_host', 'http://login.microsoftonline.com'], ['azure.login_host', 'login.microsoftonline.com/common'],
    ['azure.vault_suffixes', 'https://vault.azure.net/keys'], ['server.address', '0.0.0.0:8600'],
    ['outbound.proxy', 'ftp://me:hidden@proxy.example'], ['webhooks.proxy', 'http://me:hidden@proxy.example:port'],
  ]) {
    const said = await refusal({ [name]: value });
    assert.match(said, new RegExp(name.replace('.', '\\.')));
    assert.doesNotMatch(said, /hidden/);
  }
});

test('the server\'s URL is taken as people write it, or is a mistake of the command line', async () => {
  const admin = { ...plain(), LATCHKEY_ADMIN_KEY: dev.env.LATCHKEY_ADMIN_KEY };
  const url = new URL(dev.env.LATCHKEY_URL);
  for (const written of [` ${dev.env.LATCHKEY_URL}/ `, `HTTP://LOCALHOST:${url.port}//`]) {
    const done = await run(['keys', 'list', '-o', 'json'], { ...admin, LATCHKEY_URL: written });
    assert.equal(done.code, 0, done.err);
  }
  for (const written of [url.host, 'ftp://127.0.0.1', `http://me:hidden@${url.host}`, `${dev.env.LATCHKEY_URL}?a=b`]) {
    const done = await run(['keys', 'list'], { ...admin, LATCHKEY_URL: written });
    assert.equal(done.code, 2, done.err);
    assert.match(done.err, /LATCHKEY_URL/);
    assert.doesNotMatch(done.err, /hidden/);
  }
  const untrusting = await run(['keys', 'list', '--server-ca-file', '/dev/null'], { ...admin, LATCHKEY_URL: dev.env.LATCHKEY_URL });
  assert.equal(untrusting.code, 2, untrusting.err);
  assert.match(untrusting.err, /\/dev\/null holds no certificates/);
});

/** The name of the certificate that a TLS server shows. */
function shownBy(url) {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port: Number(new URL(url).port), host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().subject.CN);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

test('a bundle may be in any order, and the leaf is found by its key', async () => {
  const leaf = readFileSync(join(dev.folder, 'app-certificate.pem'), 'utf8');
  const key = readFileSync(join(dev.folder, 'app-private-key.pem'), 'utf8');
  const authority = readFileSync(dev.env.LATCHKEY_CA_FILE, 'utf8');
  const bundle = join(folder, 'bundle.pem');
  writeFileSync(bundle, `The authority:\r\n${authority}${key}\nThe app:\n${leaf}`.replaceAll(/\r?\n/g, '\r\n'));
  const server = serve({
    'server.tls_certificate_file': bundle, 'server.tls_private_key_file': bundle,
    'azure.certificate_file': bundle, 'azure.private_key_file': bundle,
  });
  try {
    const url = await server.begun;
    assert.match(url, /^https:/);
    assert.equal(await shownBy(url), new X509Certificate(leaf).subject.replace('CN=', ''));
  } finally {
    await server.stop();
  }
  // The customer's own sign-in reads its bundle in the same way: it gets as far as Entra, which does not know the certificate.
  const signIn = { ...dev.azureEnv, AZURE_CLIENT_SECRET: '', AZURE_CLIENT_CERTIFICATE_PATH: bundle };
  const known = await run(['azure', 'verify', '--vault', dev.env.AZURE_VAULT_NAME, '--key', dev.env.AZURE_KEY_NAME],
    { ...plain(), ...dev.env, ...signIn });
  assert.match(known.err, /AADSTS700027/);
});

test('a certificate that is not the key\'s is refused at the start', async () => {
  const authority = dev.env.LATCHKEY_CA_FILE;
  const key = join(dev.folder, 'app-private-key.pem');
  for (const section of ['server.tls', 'azure']) {
    const [certificate, secret] = section === 'azure' ? ['azure.certificate_file', 'azure.private_key_file']
      : ['server.tls_certificate_file', 'server.tls_private_key_file'];
    const said = await refusal({ [certificate]: authority, [secret]: key });
    assert.match(said, new RegExp(`the private key of ${secret}.* is not the key of the certificate in ${certificate}`));
    const locked = join(folder, 'locked.pem');
    writeFileSync(locked, '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n');
    assert.match(await refusal({ [certificate]: authority, [secret]: locked }), /has a passphrase.*openssl pkey/);
  }
  assert.match(await refusal({ 'outbound.ca_file': key }), /outbound\.ca_file.*holds no certificates/);
  const pair = join(folder, 'pair.pem');
  writeFileSync(pair, readFileSync(authority, 'utf8') + readFileSync(key, 'utf8'));
  const signIn = { ...dev.azureEnv, AZURE_CLIENT_SECRET: '', AZURE_CLIENT_CERTIFICATE_PATH: pair };
  const done = await run(['azure', 'verify', '--vault', dev.env.AZURE_VAULT_NAME, '--key', dev.env.AZURE_KEY_NAME],
    { ...plain(), ...dev.env, ...signIn });
  assert.equal(done.code, 2, done.err);
  assert.match(done.err, /AZURE_CLIENT_CERTIFICATE_PATH .*is not the key of the certificate/);
});

/** A proxy that wants a user and a password, and forwards to the emulator's; `seen` lists the hosts of its requests. */
async function strictProxy() {
  const wanted = `Basic ${Buffer.from('DOM\\me:p@ss word').toString('base64')}`;
  const seen = [];
  const server = createServer((request, response) => response.writeHead(400).end());
  server.on('connect', (request, client, head) => {
    if (request.headers['proxy-authorization'] !== wanted) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="x"\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    seen.push(request.url);
    const onward = connect(Number(new URL(dev.azureEnv.HTTPS_PROXY).port), '127.0.0.1');
    onward.write(`CONNECT ${request.url} HTTP/1.1\r\nHost: ${request.url}\r\n\r\n`);
    if (head.length > 0) onward.write(head);
    onward.pipe(client).pipe(onward);
    onward.on('error', () => client.destroy());
    client.on('error', () => onward.destroy());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { host: `127.0.0.1:${server.address().port}`, seen, stop: () => { server.closeAllConnections(); server.close(); } };
}

/** A SOCKS5 proxy (RFC 1928) that forwards to the emulator's proxy. */
async function socksProxy() {
  const next = (socket) => new Promise((resolve) => socket.once('data', resolve));
  const seen = [];
  const server = createSocketServer(async (client) => {
    client.on('error', () => {});
    await next(client);
    client.write(Buffer.from([5, 0]));
    const asked = await next(client);
    const host = asked.subarray(5, 5 + asked[4]).toString();
    seen.push(host);
    const onward = connect(Number(new URL(dev.azureEnv.HTTPS_PROXY).port), '127.0.0.1');
    onward.on('error', () => client.destroy());
    onward.write(`CONNECT ${host}:${asked.readUInt16BE(5 + asked[4])} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await next(onward);
    client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
    onward.pipe(client).pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `socks5h://127.0.0.1:${server.address().port}`, seen, stop: () => server.close() };
}

const kCredentials = 'DOM%5Cme:p%40ss%20word';

test('azure goes through the proxy of the environment as curl does, and not where NO_PROXY says', async () => {
  const proxy = await strictProxy();
  const { HTTPS_PROXY, https_proxy, NO_PROXY, no_proxy, ...rest } = dev.azureEnv;
  const verify = (env, ...args) => run(['azure', 'verify', '--vault', dev.env.AZURE_VAULT_NAME, '--key', dev.env.AZURE_KEY_NAME, ...args],
    { ...plain(), ...dev.env, ...rest, ...env });
  try {
    for (const [env, args] of [
      [{ HTTPS_PROXY: `http://${kCredentials}@${proxy.host}` }, []],
      [{ https_proxy: `${kCredentials}@${proxy.host}`, HTTPS_PROXY: 'http://127.0.0.1:1' }, []],
      [{ ALL_PROXY: `${kCredentials}@${proxy.host}`, NO_PROXY: 'example.com' }, []],
      [{ HTTPS_PROXY: 'http://127.0.0.1:1' }, ['--proxy', `${kCredentials}@${proxy.host}`]],
    ]) {
      const before = proxy.seen.length;
      const done = await verify(env, ...args);
      assert.match(done.out, /✓ vault/, done.err);
      assert.ok(proxy.seen.slice(before).includes('login.microsoftonline.com:443'));
    }
    const socks = await socksProxy();
    const done = await verify({ ALL_PROXY: socks.url });
    assert.match(done.out, /✓ vault/, done.err);
    assert.ok(socks.seen.includes('login.microsoftonline.com'));
    socks.stop();
    const count = proxy.seen.length;
    const through = { HTTPS_PROXY: `http://${kCredentials}@${proxy.host}` };
    // Without the proxy no call succeeds: the names lead nowhere here, or to hosts that know no such app.
    for (const direct of [{ NO_PROXY: '*' }, { no_proxy: '.microsoftonline.com' }, { NO_PROXY: 'a.example, LOGIN.microsoftonline.com' }]) {
      const done = await verify({ ...through, ...direct });
      assert.equal(done.code, 1, done.out);
      assert.equal(proxy.seen.length, count, JSON.stringify(direct));
    }
    const wrong = await verify({ HTTPS_PROXY: `http://me:hidden@${proxy.host}` });
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /407: it wants another user and password/);
    assert.doesNotMatch(wrong.err + wrong.out, /hidden/);
    const none = await verify({ HTTPS_PROXY: 'ftp://me:hidden@proxy.example' });
    assert.equal(none.code, 2);
    assert.match(none.err, /HTTPS_PROXY: expected a proxy/);
    assert.doesNotMatch(none.err, /hidden/);
  } finally {
    proxy.stop();
  }
});

test('serve goes through its own proxy, or the environment\'s where it is told to, with its credentials', async () => {
  const proxy = await strictProxy();
  try {
    for (const [setting, env] of [
      [`${kCredentials}@${proxy.host}`, { HTTPS_PROXY: 'http://127.0.0.1:1', NO_PROXY: '*' }],
      ['environment', { HTTPS_PROXY: `http://${kCredentials}@${proxy.host}` }],
    ]) {
      const before = proxy.seen.length;
      const server = serve({ 'outbound.proxy': setting, 'log.level': 'trace' }, env);
      try {
        assert.equal(await validates(await server.begun), 'success', server.said());
        assert.ok(proxy.seen.slice(before).includes(`${dev.env.AZURE_VAULT_NAME}.vault.azure.net:443`));
        assert.doesNotMatch(server.said(), /p%40ss|p@ss/);
      } finally {
        await server.stop();
      }
    }
    const said = await refusal({ 'outbound.proxy': 'environment' }, { HTTPS_PROXY: 'ftp://me:hidden@proxy.example' });
    assert.match(said, /outbound\.proxy = "environment": HTTPS_PROXY: expected a proxy/);
    assert.doesNotMatch(said, /hidden/);
  } finally {
    proxy.stop();
  }
});

test('commands reach a server through http_proxy, and never through HTTP_PROXY', async () => {
  const asked = [];
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.setHeader('content-type', 'application/json');
    response.end('{"data": [], "has_more": false, "next_page": null}');
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const env = { ...plain(), LATCHKEY_URL: 'http://keys.latchkey.invalid/', LATCHKEY_ADMIN_KEY: 'k' };
  const way = `127.0.0.1:${proxy.address().port}`;
  try {
    const done = await run(['keys', 'list', '-o', 'json'], { ...env, http_proxy: way });
    assert.equal(done.code, 0, done.err);
    assert.match(asked[0], /^GET http:\/\/keys\.latchkey\.invalid\/v1\//);
    for (const direct of [{ HTTP_PROXY: way }, { http_proxy: way, no_proxy: '.latchkey.invalid' }]) {
      assert.equal((await run(['keys', 'list'], { ...env, ...direct })).code, 1);
    }
    assert.equal(asked.length, 1);
  } finally {
    proxy.close();
  }
});

test('a local server is asked directly whatever proxy the environment names', async () => {
  const done = await run(['keys', 'list', '-o', 'json'], { ...plain(), ...dev.env, http_proxy: 'http://127.0.0.1:1', all_proxy: 'http://127.0.0.1:1' });
  assert.equal(done.code, 0, done.err);
});

test('the retry-after of a server is read, in seconds and as a date', async () => {
  let wait;
  const server = createServer((request, response) => {
    response.writeHead(503, { 'retry-after': wait, 'content-type': 'text/html' });
    response.end('<html>a proxy</html>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const env = { ...plain(), LATCHKEY_URL: `http://127.0.0.1:${server.address().port}`, LATCHKEY_ADMIN_KEY: 'k' };
  try {
    for (const [value, said] of [['7', /asks to wait 7 s/], [new Date(Date.now() + 3600_000).toUTCString(), /asks to wait 3[56]\d\d s/]]) {
      wait = value;
      const done = await run(['keys', 'list'], env);
      assert.equal(done.code, 1);
      assert.match(done.err, said);
    }
  } finally {
    server.close();
  }
});
