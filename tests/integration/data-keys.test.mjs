// The life of data keys with a vault: the customer rotates its key, the server rewraps, the customer disables the old version;
// and at the end an admin shreds.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Customer } from '../support/customer.mjs';
import { Dev, audit, eventually } from '../support/dev.mjs';

const kKeys = '/v1/organizations/external_keys';
const kWorkspaces = '/v1/organizations/workspaces';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-data-keys-'));
const dev = new Dev({ folder, args: ['--set', 'keyring.soft=1s'] });
const customer = new Customer(dev);
let keyId;

before(async () => {
  await dev.start();
  const made = await dev.request('POST', kKeys, { body: { provider_config: dev.azureKeyBody() } });
  assert.equal(made.status, 200, made.bytes);
  keyId = made.json.id;
});
after(async () => {
  await dev.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function workspace(name) {
  const made = await dev.request('POST', kWorkspaces, { body: { name, external_key_id: keyId } });
  assert.equal(made.status, 200, made.bytes);
  return made.json.id;
}

const data = (id, verb, body) => dev.request('POST', `/v1/workspaces/${id}/${verb}`, { key: dev.env.LATCHKEY_SERVICE_KEY, body });

async function sealed(id, text) {
  const response = await data(id, 'encrypt', Buffer.from(text));
  assert.equal(response.status, 200, response.bytes);
  return { id, text, bytes: response.bytes };
}

async function assertOpens(record) {
  const response = await data(record.id, 'decrypt', record.bytes);
  assert.equal(response.status, 200, response.bytes);
  assert.equal(response.bytes.toString(), record.text);
}

async function dataKeys(id) {
  const response = await dev.request('GET', `${kWorkspaces}/${id}/data_keys`);
  assert.equal(response.status, 200, response.bytes);
  return response.json.data;
}

// Makes a new version of the key, and returns its id.
async function rotated() {
  const made = await customer.call('POST', 'https://vault.azure.net', customer.keyUrl(dev.env.AZURE_KEY_NAME, '/rotate'), {});
  return made.key.kid;
}

async function disable(kid) {
  const version = kid.split('/').at(-1);
  await customer.updateKey(`${dev.env.AZURE_KEY_NAME}/${version}`, { attributes: { enabled: false } });
}

test('data from before a rotation decrypts with the old version disabled', { timeout: 900_000 }, async () => {
  const records = [];
  for (const name of ['one', 'two', 'three']) records.push(await sealed(await workspace(name), `secret ${name}`));
  const [{ key_version: old }] = await dataKeys(records[0].id);
  const newest = await rotated();
  assert.notEqual(newest, old);

  // The server wraps new data keys under the new version; old ones wait to be rewrapped.
  const fresh = await sealed(await workspace('fresh'), 'secret fresh');
  assert.equal((await dataKeys(fresh.id))[0].key_version, newest);
  assert.equal((await dataKeys(records[0].id))[0].key_version, old);

  const before = (await audit(dev)).length;
  const done = dev.cli(['keys', 'rewrap', '--key', keyId, '-o', 'json']);
  assert.equal(done.code, 0, done.err);
  const progress = JSON.parse(done.out);
  assert.equal(progress.status, 'completed');
  assert.equal(progress.target_version, newest);
  assert.deepEqual(progress.data_keys, { total: 4, done: 4, remaining: 0 });
  const calls = (await audit(dev)).slice(before).map((line) => line.operationName ?? line.OperationName);
  assert.equal(calls.filter((name) => name === 'KeyWrap').length, 3);

  await disable(old);
  for (const { id } of records) {
    const [key] = await dataKeys(id);
    assert.equal(key.key_version, newest);
    assert.ok(key.rewrapped_at);
  }
  // The data opens under leases from before, after renewals, and after a cold start. The server renews all four leases every second:
  // once it has renewed one of them three times, it has renewed each of them.
  const unwraps = async () => (await audit(dev)).filter((line) => line.operationName === 'KeyUnwrap').length;
  const soFar = await unwraps();
  await eventually(async () => {
    for (const record of [...records, fresh]) await assertOpens(record);
    return (await unwraps()) > soFar + 2 * 4;
  });
  for (const record of [...records, fresh]) await assertOpens(record);
  await dev.kill();
  await dev.start();
  for (const record of [...records, fresh]) await assertOpens(record);

  const types = (await dev.request('GET', '/v1/compliance/activities?limit=1000')).json.data.map((each) => each.type);
  for (const type of ['org_external_key_rewrap_started', 'org_external_key_rewrap_completed']) {
    assert.equal(types.filter((each) => each === type).length, 1, type);
  }
});

test('a rewrap goes on after kill -9', { timeout: 900_000 }, async () => {
  const records = [];
  for (let i = 0; i < 6; i++) records.push(await sealed(await workspace(`killed ${i}`), `secret ${i}`));
  const newest = await rotated();
  const begun = dev.cli(['keys', 'rewrap', keyId, '--no-wait', '-o', 'json']);
  assert.equal(begun.code, 0, begun.err);
  assert.equal(JSON.parse(begun.out).status, 'running');
  await dev.kill();
  await dev.start();
  const progress = await eventually(async () => {
    const response = await dev.request('GET', `${kKeys}/${keyId}/rewrap`);
    return response.json.status === 'running' ? undefined : response.json;
  });
  assert.equal(progress.status, 'completed');
  assert.equal(progress.data_keys.remaining, 0);
  for (const record of records) {
    assert.equal((await dataKeys(record.id))[0].key_version, newest);
    await assertOpens(record);
  }
});

test('pausing, and what the command line refuses', async () => {
  const paused = dev.cli(['keys', 'rewrap', keyId, '--pause']);
  assert.equal(paused.code, 0, paused.err);
  assert.match(paused.out, /status +completed/);
  assert.equal(dev.cli(['keys', 'rewrap', keyId, '--pause', '--status']).code, 2);
  assert.equal(dev.cli(['keys', 'rewrap', 'ekey_01SDCCSbTxrXDpWc1phhtcfK']).code, 1);
  assert.equal(dev.cli(['keys', 'rewrap']).code, 2);
});

test('shredding leaves nothing to be unwrapped', { timeout: 900_000 }, async () => {
  const kept = await sealed(await workspace('Kept'), 'kept');
  const record = await sealed(await workspace('Contoso'), 'shredded');
  const shred = (...args) => dev.cli(['workspaces', 'shred', record.id, ...args]);

  const live = shred('--confirm-name', 'Contoso');
  assert.equal(live.code, 1);
  assert.match(live.err, /is in use\. Archive it first/);
  assert.equal(dev.cli(['workspaces', 'archive', record.id, '--yes']).code, 0);
  await assertOpens(record);
  assert.equal((await data(record.id, 'encrypt', Buffer.from('x'))).status, 400);

  for (const args of [[], ['--yes']]) {
    const unsure = shred(...args);
    assert.equal(unsure.code, 2);
    assert.match(unsure.err, /--confirm-name/);
  }
  const wrong = shred('--confirm-name', 'Kept');
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /not the name/);
  await assertOpens(record);

  const database = join(folder, 'latchkey.db');
  const [key] = await dataKeys(record.id);
  const wrapped = execFileSync('sqlite3', ['-readonly', database,
    `SELECT hex(wrapped) FROM data_keys d JOIN workspaces w USING (compartment) WHERE w.id = '${record.id}'`], { encoding: 'utf8' });
  const bytes = Buffer.from(wrapped.trim(), 'hex');
  assert.equal(bytes.length, 384);
  const files = () => readdirSync(folder).filter((name) => name.startsWith('latchkey.db'));
  const found = () => files().filter((name) => readFileSync(join(folder, name)).includes(bytes.subarray(-32)));
  assert.ok(found().length > 0, 'is this test able to fail?');

  const done = shred('--confirm-name', 'Contoso');
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, /1 data keys are destroyed\.\nUnreadable from now on: 1 records \(8 B\)/);
  assert.deepEqual(found(), []);
  const gone = await data(record.id, 'decrypt', record.bytes);
  assert.equal(gone.status, 400);
  assert.equal(gone.json.error.details.error_code, 'data_key_destroyed');
  await assertOpens(kept);

  const listed = dev.cli(['data-keys', 'list', '--workspace', record.id]);
  assert.equal(listed.code, 0, listed.err);
  assert.match(listed.out, new RegExp(`${key.id} +destroyed +${keyId}`));
  await dev.kill();
  assert.deepEqual(found(), []);
  await dev.start();
  assert.equal((await data(record.id, 'decrypt', record.bytes)).json.error.details.error_code, 'data_key_destroyed');
  await assertOpens(kept);
});
