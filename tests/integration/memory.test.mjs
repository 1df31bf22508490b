// Reads the memory of a `latchkey serve` from outside, after everything for which the server may have held a secret.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { binary, serving } from '../support/child.mjs';
import { Customer } from '../support/customer.mjs';
import { Dev, eventually } from '../support/dev.mjs';
import { control } from '../support/emulator.mjs';
import { formOf, formsOf, search, secretTexts, whyNot } from '../support/memory.mjs';
import { orFail } from '../support/possible.mjs';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-memory-'));
// Runs the emulator; the tests search the memory of other servers, on a database of their own.
const dev = new Dev({ folder, args: ['--enable-control', '--set', 'health.interval=0s'] });
const customer = new Customer(dev);
let externalKey;

// How the tokens and assertions for Entra and the vault begin, in our requests and in Entra's responses.
const tokens = ['Bearer eyJ', '"access_token":"eyJ', 'client_assertion=eyJ'].map((text) => formOf(`a token (${text})`, text));

// A client has the response before the server is done with the request. This is far beyond what that takes on a busy machine.
const kTimeout = 60_000;

// These two stay when a data key must go: the server keeps them, raw, in its arena for secrets.
const kAccessToken = 'the access token';
const kRootKey = 'the root key';

/** Resolves once none of `forms` is in the server's memory; with `keeps`, the arena for secrets may have them. */
async function isGone(server, forms, { keeps = false } = {}) {
  const end = Date.now() + kTimeout;
  for (;;) {
    const found = search(server.process.pid, forms);
    const mayStay = ({ locked, form }) => locked && form.endsWith(', raw') && (keeps || form.startsWith(kAccessToken) || form.startsWith(kRootKey));
    const left = found.filter((each) => !mayStay(each));
    if (left.length === 0) return found.length;
    if (Date.now() > end) assert.fail(`${left.length} left, ${JSON.stringify(left.slice(0, 12), null, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** One connection that the server keeps open: the search would find what the server keeps with it. */
class Connection {
  constructor(url) {
    this.url = url;
    this.protocol = url.startsWith('https:') ? https : http;
    this.agent = new this.protocol.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  }

  /** Whether the connection is still open and idle. */
  get isKept() {
    return Object.values(this.agent.freeSockets).flat().some((socket) => !socket.destroyed);
  }

  /**
   * Sends `body`: a Buffer raw, in two pieces where `chunked`; text as it is; anything else as JSON. `breaks`: sends half of it and
   * breaks off. `stranger`: sends a wrong key; the server may respond and close before it has everything.
   */
  call(path, body, { key = dev.env.LATCHKEY_SERVICE_KEY, method = 'POST', chunked = false, breaks = false, stranger = false } = {}) {
    const raw = Buffer.isBuffer(body);
    const bytes = raw ? body : Buffer.from(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body));
    const headers = { 'x-api-key': stranger ? 'nobody' : key, 'content-type': raw ? 'application/octet-stream' : 'application/json' };
    if (!chunked) headers['content-length'] = bytes.length;
    return new Promise((resolve, reject) => {
      const request = this.protocol.request(this.url + path, { method, headers, agent: this.agent }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => {
          const received = Buffer.concat(parts);
          const isJson = /json/.test(response.headers['content-type']);
          resolve({ status: response.statusCode, bytes: received, json: isJson ? JSON.parse(received) : undefined });
        });
      });
      request.on('error', (error) => (breaks || stranger ? resolve(undefined) : reject(error)));
      if (!breaks && !chunked) return request.end(bytes);
      const half = bytes.length >> 1;
      request.write(bytes.subarray(0, half), () => (breaks ? request.destroy() : request.end(bytes.subarray(half))));
    });
  }

  /** A request that has sent `half` of its body; end(rest) sends the rest, and `status` is that of the response. */
  hold(path, half) {
    const headers = { 'x-api-key': dev.env.LATCHKEY_SERVICE_KEY, 'content-type': 'application/octet-stream', 'content-length': 2 * half.length };
    const request = this.protocol.request(this.url + path, { method: 'POST', headers, agent: this.agent });
    const status = new Promise((resolve, reject) => {
      request.on('response', (response) => response.resume().on('end', () => resolve(response.statusCode))).on('error', reject);
    });
    request.write(half);
    return { end: (rest) => request.end(rest), status };
  }

  close() {
    this.agent.destroy();
  }
}

const settings = () => ({
  'health.interval': '0s',
  'store.database': join(folder, 'latchkey.db'),
  'root_key.file': join(folder, 'root.key'),
  'azure.client_id': dev.env.LATCHKEY_APP_CLIENT_ID,
  'azure.certificate_file': join(folder, 'app-certificate.pem'),
  'azure.private_key_file': join(folder, 'app-private-key.pem'),
  'outbound.proxy': dev.azureEnv.HTTPS_PROXY,
  'outbound.ca_file': dev.azureEnv.SSL_CERT_FILE,
});
const tls = () => ({ 'server.tls_certificate_file': join(folder, 'app-certificate.pem'), 'server.tls_private_key_file': join(folder, 'app-private-key.pem') });

/** A server of its own, a connection to it, and a workspace under the customer's key that nobody else has used. */
async function started(more = {}) {
  const server = await serving({ ...settings(), ...more });
  const connection = new Connection(server.url);
  const made = await connection.call('/v1/organizations/workspaces', { name: 'Wiped', external_key_id: externalKey }, { key: dev.env.LATCHKEY_ADMIN_KEY });
  assert.equal(made.status, 200, made.bytes);
  const at = (verb) => `/v1/workspaces/${made.json.id}/${verb}`;
  const stop = async () => {
    connection.close();
    await server.kill('SIGTERM');
  };
  return { server, connection, at, call: (verb, body, options) => connection.call(at(verb), body, options), stop };
}

/** The access tokens in the server's memory that the vault takes. */
async function accessTokens(server) {
  const texts = secretTexts(server.process.pid, String.raw`eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+`);
  assert.ok(texts.length > 0, 'the search finds the access token where it is kept');
  const asked = async (token) => (await customer.curl([`${dev.env.AZURE_VAULT_URI}keys?api-version=7.4`, '-H', `authorization: Bearer ${token}`])).status;
  for (const text of texts) {
    assert.notEqual(await asked(text), 401, 'this is the token that was issued, to the last byte');
    assert.equal(await asked(text.slice(0, -8)), 401);
  }
  return texts.flatMap((text) => formsOf(kAccessToken, Buffer.from(text)));
}

/** The private key of TLS and of the sign-in, as its file has it, and what it encodes. */
function privateKeyForms() {
  const lines = readFileSync(join(folder, 'app-private-key.pem'), 'latin1').split('\n').filter((line) => line.length === 64);
  assert.ok(lines.length > 20, 'so many lines has a PEM of 3072 bits');
  const texts = lines.map((line, number) => formOf(`the private key's line ${number}`, line));
  // The modulus, which the certificate has too, ends in the ninth line.
  const decoded = lines.slice(10).map((line) => formOf("the private key's DER", Buffer.from(line, 'base64').toString('latin1')));
  return [...texts, ...decoded];
}

let impossible;
before(async () => {
  await dev.start();
  const made = await dev.request('POST', '/v1/organizations/external_keys', { body: { provider_config: dev.azureKeyBody() } });
  externalKey = made.json.id;
  const sanitized = readFileSync(binary).includes('__asan_init') && 'built with AddressSanitizer, which keeps what is freed';
  impossible = sanitized || orFail(whyNot(dev.process.pid));
});
after(async () => {
  await dev.stop();
  rmSync(folder, { recursive: true, force: true });
});

const good = (response) => {
  assert.equal(response.status, 200, response.bytes);
  return response;
};

/** Makes every kind of request with `marker` in it, the plaintext to encrypt and decrypt. */
async function everyRequest({ call }, marker) {
  const padded = (size) => Buffer.concat([marker, Buffer.alloc(size, 7), marker, Buffer.alloc(size, 8), marker]);
  for (const plaintext of [marker, padded(700), padded(5_000), padded(40_000), padded(150_000)]) {
    const text = plaintext.toString('base64');
    const sealed = good(await call('encrypt', { plaintext: text })).json.ciphertext;
    assert.equal(good(await call('decrypt', { ciphertext: sealed })).json.plaintext, text);
    const record = good(await call('encrypt', plaintext)).bytes;
    assert.deepEqual(good(await call('decrypt', record)).bytes, plaintext);
    good(await call('encrypt', { plaintext: text, context: { of: 'memory' } }, { chunked: true }));
    assert.deepEqual(good(await call('decrypt', record, { chunked: true })).bytes, plaintext);
    const items = [{ plaintext: text }, { plaintext: text }, { plaintext: '!' }];
    const [first, second] = good(await call('encrypt_batch', { items })).json.results;
    const back = good(await call('decrypt_batch', { items: [first, second, { ciphertext: 'AAAA' }].map(({ ciphertext }) => ({ ciphertext })) }));
    assert.equal(back.json.results[1].plaintext, text);
    // The server reads what it refuses, too.
    const escaped = `{"plaintext": "\\u0041${text.slice(4)}", "more": 1}`;
    for (const body of [{ plaintext: text, more: 1 }, `{"plaintext": "${text}"`, `{"plaintext": "${text}!"}`, escaped, { context: { text }, plaintext: 1 }]) {
      assert.equal((await call('encrypt', body)).status, 400);
    }
    const unknown = await call('encrypt', plaintext, { stranger: true });
    assert.ok(unknown === undefined || unknown.status === 401);
    assert.ok((await call('decrypt', Buffer.concat([record.subarray(0, 40), plaintext]))).status >= 400);
    await call('encrypt', plaintext, { breaks: true });
    await call('encrypt', { plaintext: text }, { breaks: true });
  }
}

// The search finds what a server holds for a moment: else all that follows would pass because it sees nothing.
for (const [name, more] of [['plain HTTP', () => ({})], ['TLS', tls]]) {
  test(`over ${name}: the search finds every form of a secret in a request that is under way, and none once it has ended`, async (context) => {
    if (impossible) return context.skip(impossible);
    const one = await started(more());
    try {
      const secret = randomBytes(36);
      const forms = formsOf('the planted secret', secret);
      const half = Buffer.concat(forms.map(({ bytes }) => Buffer.concat([bytes, Buffer.alloc(64, 7)])));
      const held = one.connection.hold(one.at('encrypt'), half);
      const missing = () => {
        const found = new Set(search(one.server.process.pid, forms).map(({ form }) => form));
        return forms.filter(({ form }) => !found.has(form)).map(({ form }) => form);
      };
      await eventually(() => missing().length === 0);
      held.end(half);
      assert.equal(await held.status, 200);
      await one.call('data_keys', undefined, { key: dev.env.LATCHKEY_ADMIN_KEY });
      await isGone(one.server, forms);
    } finally {
      await one.stop();
    }
  });
}

for (const [name, more] of [['plain HTTP', () => ({})], ['TLS', tls]]) {
  test(`over ${name}: of plaintexts, leased keys and API keys nothing stays; of a data key, what the lease is for`, async (context) => {
    if (impossible) return context.skip(impossible);
    const one = await started({ ...more(), 'keyring.soft': '1s', 'keyring.hard': '1h' });
    const { server, connection, call } = one;
    try {
      const marker = randomBytes(36);
      await everyRequest(one, marker);
      const { data_key_id: id, plaintext_key: leased } = good(await call('data_keys')).json;
      good(await call(`data_keys/${id}/unwrap`));
      // The server refuses the last request by its head; after it, nothing else comes into the same memory.
      assert.equal((await call('data_keys', undefined, { key: dev.env.LATCHKEY_ADMIN_KEY })).status, 403);
      const dataKey = formsOf('the data key', Buffer.from(leased, 'base64'));
      const apiKeys = ['LATCHKEY_SERVICE_KEY', 'LATCHKEY_ADMIN_KEY'].flatMap((each) => formsOf(each, Buffer.from(dev.env[each])));
      const rootKey = formsOf(kRootKey, readFileSync(join(folder, 'root.key')));
      const passed = [...formsOf('the plaintext', marker), ...apiKeys, ...rootKey, ...privateKeyForms(), ...(await accessTokens(server))];
      assert.ok((await isGone(server, [...dataKey, ...passed, ...tokens], { keeps: true })) > 0, 'the search finds the data key while it is on lease');
      assert.ok(connection.isKept, 'so what the connection holds was searched, too');

      const asked = () => call('encrypt', { plaintext: marker.toString('base64') });
      const settled = (wanted) => eventually(async () => (await asked()).status === wanted);
      await customer.updateKey(dev.env.AZURE_KEY_NAME, { attributes: { enabled: false } });
      await settled(400);
      await isGone(server, [...dataKey, ...passed, ...tokens]);

      await customer.updateKey(dev.env.AZURE_KEY_NAME, { attributes: { enabled: true } });
      await settled(200);
      good(await call('data_keys'));
      const key = { key: dev.env.LATCHKEY_ADMIN_KEY };
      good(await connection.call(`/v1/organizations/external_keys/${externalKey}/suspend`, { reason: 'memory' }, key));
      assert.equal((await asked()).status, 400);
      await isGone(server, [...dataKey, ...passed, ...tokens]);
      good(await connection.call(`/v1/organizations/external_keys/${externalKey}/resume`, undefined, key));
    } finally {
      await one.stop();
    }
  });
}

test('the database holds no plaintext, no data key, no token and no API key', async (context) => {
  if (impossible) return context.skip(impossible);
  const one = await started();
  try {
    const marker = randomBytes(36);
    good(await one.call('encrypt', marker));
    const { plaintext_key: leased } = good(await one.call('data_keys')).json;
    const apiKeys = ['LATCHKEY_SERVICE_KEY', 'LATCHKEY_ADMIN_KEY'].map((each) => Buffer.from(dev.env[each]));
    const forms = [
      ...formsOf('the plaintext', marker), ...formsOf('the data key', Buffer.from(leased, 'base64')),
      ...formsOf(kRootKey, readFileSync(join(folder, 'root.key'))), ...(await accessTokens(one.server)),
      ...apiKeys.flatMap((each) => formsOf('the API key', each)),
    ];
    const files = readdirSync(folder).filter((name) => name.startsWith('latchkey.db'));
    const bytes = Buffer.concat(files.map((name) => readFileSync(join(folder, name))));
    for (const key of apiKeys) assert.ok(bytes.includes(createHash('sha256').update(key).digest()), 'what is there is found');
    assert.deepEqual(forms.filter((each) => bytes.includes(each.bytes)).map(({ form }) => form), []);
  } finally {
    await one.stop();
  }
});

test('a server writes no core dump', () => {
  assert.match(readFileSync(`/proc/${dev.process.pid}/limits`, 'utf8'), /^Max core file size +0 +0 /m);
});

test('a data key is gone at the hard age, where its vault cannot be reached', async (context) => {
  if (impossible) return context.skip(impossible);
  const one = await started({ 'keyring.soft': '1s', 'keyring.hard': '3s' });
  try {
    const { plaintext_key: leased } = good(await one.call('data_keys')).json;
    assert.equal((await control(dev.env, 'POST', 'faults', { kind: 'error', status: 503, operation: 'KeyUnwrap' })).status, 201);
    await isGone(one.server, [...formsOf('the data key', Buffer.from(leased, 'base64')), ...tokens]);
    await eventually(async () => (await one.call('encrypt', { plaintext: 'aGVsbG8=' })).status === 503);
    await isGone(one.server, [...formsOf('the data key', Buffer.from(leased, 'base64')), ...tokens]);
  } finally {
    await control(dev.env, 'DELETE', 'faults');
    await one.stop();
  }
});
