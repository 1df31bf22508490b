// The activity feed names the unwraps that allowed reads and writes under leases: the customer joins our log with the vault's.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Dev, audit, eventually } from '../support/dev.mjs';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-usage-'));
const settings = ['keyring.soft=1s', 'keyring.hard=1s', 'health.interval=0s'];
const dev = new Dev({ folder, args: settings.flatMap((setting) => ['--set', setting]) });
let workspace;

const data = (id, verb, body) => dev.request('POST', `/v1/workspaces/${id}/${verb}`, { key: dev.env.LATCHKEY_SERVICE_KEY, body });
const unwraps = async () => (await audit(dev)).filter((line) => line.operationName === 'KeyUnwrap').map((line) => line.correlationId);

before(async () => {
  await dev.start();
  const key = await dev.request('POST', '/v1/organizations/external_keys', { body: { provider_config: dev.azureKeyBody() } });
  assert.equal(key.status, 200, key.bytes);
  const made = await dev.request('POST', '/v1/organizations/workspaces', { body: { name: 'Locked', external_key_id: key.json.id } });
  assert.equal(made.status, 200, made.bytes);
  workspace = made.json.id;
});
after(async () => {
  await dev.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('after kill -9 right behind a response the feed says which data key was in use, by which unwrap', async () => {
  const sealed = await data(workspace, 'encrypt', Buffer.from('hello'));
  assert.equal(sealed.status, 200, sealed.bytes);
  await dev.kill('SIGKILL');
  await dev.start();
  const logged = await unwraps();
  const feed = await dev.request('GET', '/v1/compliance/activities?activity_types[]=data_keys_use_began&limit=100');
  const began = feed.json.data.filter((one) => one.workspace_id === workspace);
  assert.equal(began.length, 1);
  assert.equal(began[0].data_key_id, sealed.headers.get('latchkey-data-key-id'));
  assert.equal(began[0].kms_request_ids.length, 1);
  assert.ok(logged.includes(began[0].kms_request_ids[0]), began[0].kms_request_ids[0]);
});

test('each use names the unwrap in the log of the vault', async () => {
  const before = await unwraps();
  const sealed = await data(workspace, 'encrypt', Buffer.from('hello'));
  assert.equal(sealed.status, 200, sealed.bytes);
  const first = (await unwraps())[before.length];
  // Decrypts until the lease has been renewed, and renewed once more.
  let decrypts = 0;
  await eventually(async () => {
    const opened = await data(workspace, 'decrypt', sealed.bytes);
    assert.equal(opened.status, 200, opened.bytes);
    decrypts += 1;
    // The second renewal begins once the first is in use, so the last decrypt below uses the first one at least.
    return (await unwraps()).length > before.length + 2;
  });
  assert.equal((await data(workspace, 'decrypt', sealed.bytes)).status, 200);
  decrypts += 1;
  assert.equal((await data(dev.env.LATCHKEY_WORKSPACE_ID, 'encrypt', Buffer.from('hello'))).status, 200);
  const logged = (await unwraps()).slice(before.length);

  // At its end the server writes what it has counted.
  assert.deepEqual(await dev.kill('SIGTERM'), { code: 0, signal: null });
  await dev.start();
  const feed = await dev.request('GET', '/v1/compliance/activities?activity_types[]=data_keys_used&limit=100');
  assert.equal(feed.status, 200, feed.bytes);
  const ours = feed.json.data.filter((one) => one.workspace_id === workspace);
  const sum = (name) => ours.reduce((total, one) => total + one[name], 0);
  assert.equal(sum('encrypts'), 1);
  assert.equal(sum('decrypts'), decrypts);
  const named = new Set(ours.flatMap((one) => one.kms_request_ids));
  for (const id of named) assert.ok(logged.includes(id), id);
  assert.ok(named.has(first), 'the encrypt rode on the first');
  assert.ok(named.size >= 2, 'the last decrypt rode on another');

  const platforms = feed.json.data.find((one) => one.workspace_id === dev.env.LATCHKEY_WORKSPACE_ID);
  assert.equal(platforms.external_key_id, null);
  assert.deepEqual(platforms.kms_request_ids, []);
});
