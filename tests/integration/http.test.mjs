// Bytes that no client library would send, and bodies of the wrong size: answered, by the book, and survived.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';

import { Dev } from '../support/dev.mjs';

const dev = new Dev();
before(() => dev.start());
after(() => dev.stop());

const kKeys = '/v1/organizations/external_keys';
const kNotHttp = 'The request is not valid HTTP/1.1.';
const kMiB = 1024 * 1024;

/** Sends the bytes as they are; gives what came back until the server hung up, or the deadline. */
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

function assertError(answer, status, type, message) {
  assert.equal(answer.status, status, answer.text ?? answer.bytes.toString());
  const json = answer.json ?? JSON.parse(answer.body);
  assert.equal(json.type, 'error');
  assert.equal(json.error.type, type);
  if (message instanceof RegExp) assert.match(json.error.message, message);
  else assert.equal(json.error.message, message);
  const id = answer.headers?.get('request-id') ?? /request-id: (\S+)/i.exec(answer.text)[1];
  assert.equal(json.request_id, id);
}

test('what is not HTTP is 400, and the connection ends', async () => {
  const post = `POST ${kKeys} HTTP/1.1\r\nHost: a\r\n`;
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
    const answer = await send(bytes);
    assertError(answer, 400, 'invalid_request_error', kNotHttp);
    assert.match(answer.head, /connection: close/);
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
  // 92 bytes of each record are not plaintext, so that it can be sent back.
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
  assert.match(method.headers.get('allow'), /POST/);
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
    socket.write(`POST ${kKeys} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{"displ`);
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
