// Sends bytes that no client library would send, and bodies of the wrong size: the server responds by the book, and survives.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { after, before, test } from 'node:test';

import { Dev } from '../support/dev.mjs';

const dev = new Dev();
before(() => dev.start());
after(() => dev.stop());

const kKeys = '/v1/organizations/external_keys';
const kNotHttp = 'The request is not valid HTTP/1.1.';
const kMiB = 1024 * 1024;

/** Sends the bytes as they are; resolves with what came back until the server hung up, or until the deadline. */
function send(...parts) {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(dev.env.LATCHKEY_URL).port), '127.0.0.1');
    const deadline = setTimeout(() => socket.destroy(), 120_000);
    let text = '';
    socket.on('data', (data) => (text += data.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(deadline);
      const [head, body = ''] = text.split('\r\n\r\n');
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]), head: head.toLowerCase(), body, text });
    });
    for (const part of parts) socket.write(part);
  });
}

function assertError(response, status, type, message) {
  assert.equal(response.status, status, response.text ?? response.bytes.toString());
  const json = response.json ?? JSON.parse(response.body);
  assert.equal(json.type, 'error');
  assert.equal(json.error.type, type);
  if (message instanceof RegExp) assert.match(json.error.message, message);
  else assert.equal(json.error.message, message);
  const id = response.headers?.get('request-id') ?? /request-id: (\S+)/i.exec(response.text)[1];
  assert.equal(json.request_id, id);
}

test('what is not HTTP is 400, and the connection ends', async () => {
  const post = `POST ${kKeys} HTTP/1.1\r\nHost: a\r\nx-api-key: ${dev.env.LATCHKEY_ADMIN_KEY}\r\n`;
  for (const bytes of [
    'NONSENSE\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'GET /v1/\0 HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nname : value\r\n\r\n',
    `${post}Content-Length: x\r\n\r\n`,
    `${post}Content-Length: -1\r\n\r\n`,
    `${post}Content-Length: 99999999999999999999999\r\n\r\n`,
    `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`,
    `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n`,
    Buffer.from('160301010001000001000303', 'hex'),
  ]) {
    const response = await send(bytes);
    assertError(response, 400, 'invalid_request_error', kNotHttp);
    assert.match(response.head, /connection: close/);
  }
});

test('a head that is too large is 431', async () => {
  for (const bytes of [
    `GET /${'a'.repeat(32 * 1024)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\nx: ${'b'.repeat(256 * 1024)}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\n${Array.from({ length: 5000 }, (_, i) => `x-${i}: y\r\n`).join('')}\r\n`,
  ]) {
    assertError(await send(bytes), 431, 'invalid_request_error', /too large/);
  }
});

test('a JSON body over 1 MiB is 413, however it is sent', async () => {
  const message = 'The request body is larger than the 1048576 bytes that this call takes.';
  const body = JSON.stringify({ display_name: 'x'.repeat(2 * kMiB) });
  assertError(await dev.request('POST', kKeys, { body }), 413, 'request_too_large', message);

  const head = `POST ${kKeys} HTTP/1.1\r\nHost: a\r\nx-api-key: ${dev.env.LATCHKEY_ADMIN_KEY}\r\n` +
    'content-type: application/json\r\n';
  const chunk = `${kMiB.toString(16)}\r\n${' '.repeat(kMiB)}\r\n`;
  assertError(await send(`${head}Transfer-Encoding: chunked\r\n\r\n`, chunk, chunk, '0\r\n\r\n'), 413, 'request_too_large', message);
  assertError(await send(`${head}Content-Length: ${2 * kMiB}\r\n\r\n`), 413, 'request_too_large', message);

  const exact = `${' '.repeat(kMiB - 2)}{}`;
  assertError(await dev.request('POST', kKeys, { body: exact }), 400, 'invalid_request_error',
    'provider_config: Field required');
});

test('raw data up to 16 MiB comes back whole, and more is 413', async () => {
  const path = `/v1/workspaces/${dev.env.LATCHKEY_WORKSPACE_ID}`;
  const key = dev.env.LATCHKEY_WORKSPACE_KEY;
  // A record is 92 bytes longer than its plaintext, and must fit into a request, too.
  const largest = Buffer.alloc(16 * kMiB - 92, 'latchkey');
  const sealed = await dev.request('POST', `${path}/encrypt`, { key, body: largest });
  assert.equal(sealed.status, 200);
  const opened = await dev.request('POST', `${path}/decrypt`, { key, body: sealed.bytes });
  assert.equal(opened.status, 200);
  assert.ok(opened.bytes.equals(largest));
  const larger = await dev.request('POST', `${path}/encrypt`, { key, body: Buffer.alloc(16 * kMiB + 1) });
  assertError(larger, 413, 'request_too_large', 'The request body is larger than the 16777216 bytes that this call takes.');
});

test('wrong paths, methods and bodies name what is wrong', async () => {
  assertError(await dev.request('GET', '/v1/nothing'), 404, 'not_found_error',
    'There is nothing at GET /v1/nothing. Look at the path, its version and its ids.');
  const method = await dev.request('PUT', kKeys);
  assertError(method, 405, 'invalid_request_error', /^PUT is not a method of/);
  assert.equal(method.headers.get('allow'), 'POST, GET, HEAD, OPTIONS');
  for (const [body, message] of [
    ['{', 'The request body is not valid JSON: incomplete JSON at byte 1. Send one JSON object in UTF-8.'],
    ['', 'The request body is empty. Send a JSON object.'],
    ['[]', 'The request body is JSON but not an object. Send a JSON object.'],
    ['"text"', 'The request body is JSON but not an object. Send a JSON object.'],
    ['['.repeat(5000), 'The request body is not valid JSON: too deep at byte 32. Send one JSON object in UTF-8.'],
    [Buffer.from('{"display_name": "\xff"}', 'latin1'), /^The request body is not valid JSON: .* Send one JSON object in UTF-8\.$/],
    ['{"provider_config": 1}', 'provider_config: Input should be an object'],
    ['{"display_name": 1, "provider_config": {}}', 'display_name: Input should be a valid string'],
    ['{"display_name": "a", "display_name": "b"}', 'display_name: Field given twice'],
  ]) {
    const headers = { 'content-type': 'application/json' };
    assertError(await dev.request('POST', kKeys, { body, headers }), 400, 'invalid_request_error', message);
  }
});

test('half a request holds nothing up, and the next is served', async () => {
  const sockets = Array.from({ length: 50 }, () => {
    const socket = connect(Number(new URL(dev.env.LATCHKEY_URL).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`POST ${kKeys} HTTP/1.1\r\nHost: a\r\nx-api-key: ${dev.env.LATCHKEY_ADMIN_KEY}\r\nContent-Length: 1000\r\n\r\n{"displ`);
    return socket;
  });
  assert.equal((await dev.request('GET', '/v1/organizations/me')).status, 200);
  for (const socket of sockets) socket.destroy();
  assert.equal((await dev.request('GET', '/readyz')).status, 200);
});

test('requests sent at once are answered in order', async () => {
  const get = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
  const { text } = await send(get('/healthz') + get('/v1/nothing') + get('/healthz', 'Connection: close\r\n'));
  assert.deepEqual([...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1]), ['200', '404', '200']);
});

const lengthOf = (response) => Number(/content-length: (\d+)/i.exec(response.head ?? response)?.[1]);

test('HEAD is GET without the body, on every path that GET has', async () => {
  const token = readFileSync(dev.env.LATCHKEY_METRICS_TOKEN_FILE, 'utf8').trim();
  const paths = ['/healthz', '/readyz', '/metrics', '/v1/organizations/me', kKeys, '/v1/organizations/workspaces',
    '/v1/organizations/webhooks', '/v1/nothing'];
  for (const path of paths) {
    const more = `Host: a\r\nx-api-key: ${dev.env.LATCHKEY_ADMIN_KEY}\r\nConnection: close\r\n` +
      (path === '/metrics' ? `authorization: Bearer ${token}\r\n` : '');
    const headers = path === '/metrics' ? more.replace(/x-api-key: \S+\r\n/, '') : more;
    const head = await send(`HEAD ${path} HTTP/1.1\r\n${headers}\r\n`);
    const got = await send(`GET ${path} HTTP/1.1\r\n${headers}\r\n`);
    assert.equal(head.status, path === '/v1/nothing' ? 404 : 200, path);
    assert.equal(head.status, got.status, path);
    assert.equal(head.body, '', path);
    assert.match(head.head, /content-type: /);
    // The page of metrics changes between the two requests, and the body of a 404 names its method.
    if (path !== '/metrics' && path !== '/v1/nothing') assert.equal(lengthOf(head), Buffer.byteLength(got.body, 'latin1'), path);
    assert.ok(lengthOf(head) > 0, path);
  }
  assert.equal((await send('HEAD /v1/organizations/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).status, 401);
});

test('HEAD keeps the connection, and does nothing that POST would', async () => {
  const requests = ['HEAD /healthz', 'HEAD /v1/nothing', 'HEAD /readyz', 'GET /healthz']
    .map((line, i) => `${line} HTTP/1.1\r\nHost: a\r\n${i === 3 ? 'Connection: close\r\n' : ''}\r\n`);
  const { text } = await send(requests.join(''));
  assert.deepEqual([...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1]), ['200', '404', '200', '200']);
  assert.equal(text.split('{"status":"ok"}').length, 2, 'one body alone');

  const count = async () => (await dev.request('GET', '/v1/organizations/workspaces')).json.data.length;
  const before = await count();
  for (const path of [`/v1/workspaces/${dev.env.LATCHKEY_WORKSPACE_ID}/encrypt`, '/v1/workspaces/w/data_keys']) {
    const refused = await dev.request('HEAD', path, { key: dev.env.LATCHKEY_SERVICE_KEY });
    assert.equal(refused.status, 405, path);
    assert.equal(refused.headers.get('allow'), 'POST, OPTIONS');
    assert.equal(refused.bytes.length, 0);
  }
  assert.equal(await count(), before);
});

test('OPTIONS tells what a path takes, and the server', async () => {
  const one = await dev.request('OPTIONS', kKeys, { key: '' });
  assert.equal(one.status, 204);
  assert.equal(one.headers.get('allow'), 'POST, GET, HEAD, OPTIONS');
  const all = await send('OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.equal(all.status, 204);
  for (const method of ['get', 'head', 'post', 'delete', 'options']) assert.match(all.head, new RegExp(`allow: .*${method}`));
  const through = await send('OPTIONS http://a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.equal(through.status, 204, 'as a proxy before us has it');
  assert.equal((await dev.request('OPTIONS', '/v1/nothing', { key: '' })).status, 404);
});

test('absolute targets are taken, and no other ones', async () => {
  for (const target of ['http://keys.example.com/healthz', 'http://127.0.0.1:8600/healthz', 'HTTPS://Keys.Example.com:443/healthz']) {
    assert.equal((await send(`GET ${target} HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n`)).status, 200, target);
  }
  for (const target of ['*', 'healthz', 'keys.example.com:443', 'http:///healthz', 'http://me:secret@keys.example.com/healthz',
    'ftp://keys.example.com/healthz', 'http://keys.example.com:x/healthz']) {
    const refused = await send(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    assertError(refused, 400, 'invalid_request_error', kNotHttp);
    assert.ok(!refused.body.includes('secret'));
  }
});

/** Sends one request through the emulator's proxy, over TLS; resolves with everything that came back. */
function throughTunnel(host, bytes) {
  return new Promise((resolve, reject) => {
    const tunnel = connect(Number(new URL(dev.azureEnv.HTTPS_PROXY).port), '127.0.0.1');
    tunnel.on('error', reject);
    tunnel.write(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`);
    tunnel.once('data', (response) => {
      if (!String(response).startsWith('HTTP/1.1 200')) return reject(new Error(String(response)));
      const secure = connectTls({ socket: tunnel, servername: host, ca: readFileSync(dev.env.LATCHKEY_CA_FILE) }, () => secure.write(bytes));
      let text = '';
      secure.on('error', reject);
      secure.on('data', (data) => (text += data));
      secure.on('close', () => resolve(text));
    });
  });
}

test('the emulator takes absolute targets behind its proxy, and their host', async () => {
  const login = 'login.microsoftonline.com';
  const path = `/${dev.env.AZURE_TENANT_ID}/v2.0/.well-known/openid-configuration`;
  const ask = (method, target, host) =>
    throughTunnel(login, `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const plain = await ask('GET', path, login);
  assert.match(plain, /^HTTP\/1\.1 200/);
  const absolute = await ask('GET', `https://${login}${path}`, 'other.example');
  const bodyOf = (text) => text.slice(text.indexOf('\r\n\r\n') + 4);
  assert.match(absolute, /^HTTP\/1\.1 200/);
  assert.equal(bodyOf(absolute), bodyOf(plain));
  // The host of the request target decides: this one is a vault's.
  const vault = await ask('GET', `${dev.env.AZURE_VAULT_URI}keys?api-version=7.4`, login);
  assert.match(vault, /^HTTP\/1\.1 401/);
  assert.match(vault, /www-authenticate: Bearer .*vault\.azure\.net/i);
  const head = await ask('HEAD', path, login);
  assert.match(head, /^HTTP\/1\.1 200/);
  assert.equal(bodyOf(head), '');
  assert.equal(lengthOf(head), Buffer.byteLength(bodyOf(plain)));
});
