// Two servers on one database: what one of them learns of a key holds at the other, too.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { serving } from '../support/child.mjs';
import { Customer } from '../support/customer.mjs';
import { Dev, eventually } from '../support/dev.mjs';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-nodes-'));
// So long that no lease ends by itself within this test.
const ages = { 'keyring.soft': '1h', 'keyring.hard': '2h', 'health.interval': '0s' };
const one = new Dev({ folder, args: Object.entries(ages).flatMap(([name, value]) => ['--set', `${name}=${value}`]) });
const customer = new Customer(one);
let two;
let other;
let key;
let workspace;

// `latchkey serve` with the settings of `latchkey dev`.
const serve = () => serving({
  ...ages,
  'store.database': join(folder, 'latchkey.db'),
  'root_key.file': join(folder, 'root.key'),
  'azure.client_id': one.env.LATCHKEY_APP_CLIENT_ID,
  'azure.certificate_file': join(folder, 'app-certificate.pem'),
  'azure.private_key_file': join(folder, 'app-private-key.pem'),
  'outbound.proxy': one.azureEnv.HTTPS_PROXY,
  'outbound.ca_file': one.azureEnv.SSL_CERT_FILE,
  'metrics.token_file': one.env.LATCHKEY_METRICS_TOKEN_FILE,
});

const at = (url, path, body) => fetch(url + path, {
  method: 'POST', headers: { 'x-api-key': one.env.LATCHKEY_SERVICE_KEY, 'content-type': 'application/json' }, body: JSON.stringify(body),
});
const encrypt = (url) => at(url, `/v1/workspaces/${workspace}/encrypt`, { plaintext: 'aGVsbG8=' });
const leases = async (url) => {
  const token = readFileSync(one.env.LATCHKEY_METRICS_TOKEN_FILE, 'utf8').trim();
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  return Number(/^latchkey_leases (\d+)$/m.exec(await response.text())[1]);
};

before(async () => {
  await one.start();
  const made = await one.request('POST', '/v1/organizations/external_keys', { body: { provider_config: one.azureKeyBody() } });
  key = made.json.id;
  const home = await one.request('POST', '/v1/organizations/workspaces', { body: { name: 'Locked', external_key_id: key } });
  assert.equal(home.status, 200, home.bytes);
  workspace = home.json.id;
  two = await serve();
  other = two.url;
});
after(async () => {
  await two?.kill();
  await one.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('both use one data key, each with a lease of its own', async () => {
  const [first, second] = await Promise.all([encrypt(one.env.LATCHKEY_URL), encrypt(other)]);
  assert.equal(first.status, 200);
  assert.equal(second.status, 200);
  assert.equal((await first.json()).data_key_id, (await second.json()).data_key_id);
  assert.equal(await leases(other), 1);
});

const setEnabled = (enabled) => customer.call('PATCH', 'https://vault.azure.net', customer.keyUrl(one.env.AZURE_KEY_NAME), { attributes: { enabled } });

test('a key that one finds to refuse is wiped at the other, which serves again once the one does', async () => {
  assert.equal(await leases(other), 1);
  await setEnabled(false);
  assert.equal((await encrypt(other)).status, 200, 'within soft, an hour here');
  // A validation that runs out of time finds no refusal; try again.
  await eventually(() => {
    const { code, out } = one.cli(['keys', 'validate', key]);
    assert.equal(code, 1);
    return out.includes('the reason: key_disabled ');
  });
  await eventually(async () => (await leases(other)) === 0);
  const refused = await encrypt(other);
  assert.equal(refused.status, 400);
  assert.equal((await refused.json()).error.details.error_code, 'cmek_key_disabled');
  await setEnabled(true);
  await eventually(() => one.cli(['keys', 'validate', key]).code === 0);
  await eventually(async () => (await encrypt(other)).status === 200);
});

// Comes after the test of the refusal: the other server hears of the resumption as well, which wipes its lease once more.
test('a key that is suspended at one is wiped at the other', async () => {
  assert.equal(one.cli(['keys', 'suspend', key, '--yes']).code, 0);
  await eventually(async () => (await leases(other)) === 0);
  assert.equal((await encrypt(other)).status, 400);
  assert.equal(one.cli(['keys', 'resume', key]).code, 0);
  await eventually(async () => (await encrypt(other)).status === 200);
});

test('data keys that are shredded at one are wiped at the other', async () => {
  const { ciphertext } = await (await encrypt(other)).json();
  assert.equal(one.cli(['workspaces', 'archive', workspace, '--yes']).code, 0);
  assert.equal((await at(other, `/v1/workspaces/${workspace}/decrypt`, { ciphertext })).status, 200);
  const shredded = one.cli(['workspaces', 'shred', workspace, '--confirm-name', 'Locked']);
  assert.equal(shredded.code, 0, shredded.err);
  await eventually(async () => (await leases(other)) === 0);
  const gone = await at(other, `/v1/workspaces/${workspace}/decrypt`, { ciphertext });
  assert.equal((await gone.json()).error.details.error_code, 'data_key_destroyed');
});

// A server remembers rows (API keys, workspaces) for 10 s, unless it is told that they have changed.
const told = async (probe) => {
  const since = Date.now();
  await eventually(probe);
  assert.ok(Date.now() - since < 8_000, 'before it would have looked by itself');
};

const made = async (name) => (await one.request('POST', '/v1/organizations/workspaces', { body: { name } })).json.id;

test('an API key that a command beside both revokes ends at both', async () => {
  const keys = (...args) => {
    const done = one.cli(['org', 'keys', ...args, '--database', join(folder, 'latchkey.db'), '--root-key', join(folder, 'root.key'), '-o', 'json']);
    assert.equal(done.code, 0, done.err);
    return JSON.parse(done.out);
  };
  const { id, key: secret } = keys('create', '--role', 'service');
  const home = await made('Of a key');
  const status = async (url) => (await fetch(`${url}/v1/workspaces/${home}/encrypt`, {
    method: 'POST', headers: { 'x-api-key': secret, 'content-type': 'application/json' }, body: '{"plaintext":"aGVsbG8="}',
  })).status;
  const urls = [one.env.LATCHKEY_URL, other];
  for (const url of [...urls, ...urls]) assert.equal(await status(url), 200);
  keys('revoke', id);
  for (const url of urls) await told(async () => (await status(url)) === 401);
});

test('a workspace that is archived at one takes nothing new at the other', async () => {
  const home = await made('Soon archived');
  const ask = (url) => at(url, `/v1/workspaces/${home}/encrypt`, { plaintext: 'aGVsbG8=' });
  for (const url of [one.env.LATCHKEY_URL, other, other]) assert.equal((await ask(url)).status, 200);
  assert.equal(one.cli(['workspaces', 'archive', home, '--yes']).code, 0);
  assert.equal((await ask(one.env.LATCHKEY_URL)).status, 400, 'in the same instant where it was done');
  await told(async () => (await ask(other)).status === 400);
});
