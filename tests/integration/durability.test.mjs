// The server loses nothing that it has acknowledged: over an orderly end, over kill -9, over kill -9 while it makes data keys.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Dev, audit, eventually } from '../support/dev.mjs';
import { control } from '../support/emulator.mjs';

const kSteady = [
  'LATCHKEY_ADMIN_KEY', 'LATCHKEY_ORGANIZATION_ID', 'LATCHKEY_WORKSPACE_ID', 'LATCHKEY_WORKSPACE_KEY', 'LATCHKEY_SERVICE_KEY',
  'AZURE_TENANT_ID', 'AZURE_SUBSCRIPTION_ID', 'AZURE_CLIENT_ID', 'AZURE_CLIENT_SECRET', 'AZURE_VAULT_URI', 'AZURE_KEY_NAME',
];
const steady = (env) => Object.fromEntries(kSteady.map((name) => [name, env[name]]));

const folder = mkdtempSync(join(tmpdir(), 'latchkey-durable-'));
// So long that the server asks the vault for nothing but what the tests do, however long they take.
const ages = ['keyring.soft=1h', 'keyring.hard=2h', 'health.interval=0s'];
const dev = new Dev({ folder, fresh: true, args: ages.flatMap((setting) => ['--set', setting]) });
let keyId;

async function registeredKey() {
  const made = await dev.request('POST', '/v1/organizations/external_keys', { body: { provider_config: dev.azureKeyBody() } });
  assert.equal(made.status, 200, made.bytes);
  return made.json.id;
}

async function attachedWorkspace(name) {
  const body = { name, external_key_id: keyId };
  const made = await dev.request('POST', '/v1/organizations/workspaces', { body });
  assert.equal(made.status, 200, made.bytes);
  return made.json.id;
}

const data = (id, verb, body) => dev.request('POST', `/v1/workspaces/${id}/${verb}`, { key: dev.env.LATCHKEY_SERVICE_KEY, body });

describe('what was acknowledged stays', () => {
  before(async () => {
    await dev.start();
    keyId = await registeredKey();
  });
  after(async () => {
    await dev.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const signal of ['SIGTERM', 'SIGKILL']) {
    test(`over ${signal}`, async () => {
      const workspace = await attachedWorkspace(signal);
      const sealed = [];
      for (const id of [workspace, dev.env.LATCHKEY_WORKSPACE_ID]) {
        const response = await data(id, 'encrypt', Buffer.from(`${signal} ${id}`));
        assert.equal(response.status, 200, response.bytes);
        sealed.push({ id, bytes: response.bytes, dataKey: response.headers.get('latchkey-data-key-id') });
      }
      const was = steady(dev.env);
      const ended = await dev.kill(signal);
      assert.deepEqual(ended, signal === 'SIGTERM' ? { code: 0, signal: null } : { code: null, signal });
      await dev.start();
      assert.deepEqual(steady(dev.env), was);
      const shown = await dev.request('GET', `/v1/organizations/workspaces/${workspace}`);
      assert.equal(shown.json.external_key_id, keyId);
      if (signal === 'SIGTERM') {
        const used = await dev.request('GET', '/v1/compliance/activities?activity_types[]=data_keys_used');
        const ours = used.json.data.find((one) => one.workspace_id === workspace);
        assert.equal(ours.encrypts, 1);
        assert.equal(ours.data_key_id, sealed[0].dataKey);
        assert.equal(ours.actor.type, 'system_actor');
        const unwraps = (await audit(dev)).filter((line) => line.operationName === 'KeyUnwrap').map((line) => line.correlationId);
        assert.equal(ours.kms_request_ids.length, 1);
        assert.ok(unwraps.includes(ours.kms_request_ids[0]), 'which the customer finds in its own log');
      }
      const asked = (await audit(dev)).filter((line) => line.operationName === 'KeyUnwrap').length;
      for (const { id, bytes, dataKey } of sealed) {
        const response = await data(id, 'decrypt', bytes);
        assert.equal(response.status, 200, response.bytes);
        assert.equal(response.bytes.toString(), `${signal} ${id}`);
        assert.equal(response.headers.get('latchkey-data-key-id'), dataKey);
      }
      const unwraps = (await audit(dev)).filter((line) => line.operationName === 'KeyUnwrap').length;
      assert.equal(unwraps, asked + 1, 'the vault opened the data key again');
    });
  }

  // Each round makes data keys in workspaces that have none yet, and kills the server in the middle of that.
  test('over kill -9 in the middle of making data keys', { timeout: 900_000 }, async () => {
    const acknowledged = [];
    for (const killAfter of [1, 3, 6, 12]) {
      const workspaces = [];
      for (let i = 0; i < 6; i++) workspaces.push(await attachedWorkspace(`storm ${killAfter} ${i}`));
      let responses = 0;
      const requests = [0, 1, 2].flatMap((i) => workspaces.map(async (id) => {
        const text = `${id} ${i}`;
        const response = await data(id, 'encrypt', Buffer.from(text)).catch(() => undefined);
        if (response?.status === 200) acknowledged.push({ id, text, bytes: response.bytes });
        if (++responses === killAfter) dev.process.kill('SIGKILL');
      }));
      await Promise.all(requests);
      assert.deepEqual(await dev.child.ended, { code: null, signal: 'SIGKILL' });
      await dev.start();
    }
    assert.ok(acknowledged.length > 0, 'no round got a response before it was killed');
    for (const { id, text, bytes } of acknowledged) {
      const response = await data(id, 'decrypt', bytes);
      assert.equal(response.status, 200, response.bytes);
      assert.equal(response.bytes.toString(), text);
    }
  });

  test('a workspace whose first request was killed works afterwards', async () => {
    const id = await attachedWorkspace('killed at first');
    const request = data(id, 'encrypt', Buffer.from('x')).catch(() => undefined);
    await new Promise(setImmediate);
    await dev.kill('SIGKILL');
    await request;
    await dev.start();
    const sealed = await data(id, 'encrypt', Buffer.from('again'));
    assert.equal(sealed.status, 200, sealed.bytes);
    assert.equal((await data(id, 'decrypt', sealed.bytes)).bytes.toString(), 'again');
  });

  test('a second one on the same folder is refused, and the first goes on', async () => {
    const second = new Dev({ folder });
    await assert.rejects(second.start(), /ended with 1: .*another process is using .*stop it, or choose another --data-dir/s);
    assert.equal((await dev.request('GET', '/v1/organizations/me')).status, 200);
  });

  test('without its dev.env it makes new keys for the same organisation', async () => {
    const was = steady(dev.env);
    await dev.kill('SIGTERM');
    rmSync(join(folder, 'dev.env'));
    await dev.start();
    assert.equal(dev.env.LATCHKEY_ORGANIZATION_ID, was.LATCHKEY_ORGANIZATION_ID);
    assert.equal(dev.env.AZURE_CLIENT_SECRET, was.AZURE_CLIENT_SECRET);
    assert.notEqual(dev.env.LATCHKEY_ADMIN_KEY, was.LATCHKEY_ADMIN_KEY);
    assert.equal((await dev.request('GET', '/v1/organizations/me')).status, 200);
    const sealed = await dev.request('POST', `/v1/workspaces/${dev.env.LATCHKEY_WORKSPACE_ID}/encrypt`,
      { key: dev.env.LATCHKEY_WORKSPACE_KEY, body: Buffer.from('x') });
    assert.equal(sealed.status, 200);
    // Nobody has said that the old key is stolen: it works until somebody revokes it.
    assert.equal((await dev.request('GET', '/v1/organizations/me', { key: was.LATCHKEY_ADMIN_KEY })).status, 200);
  });
});

test('killed between the wrap and the response: nobody got one, and the next key is good', async () => {
  const dev = new Dev({ args: ['--enable-control'] });
  await dev.start();
  try {
    const key = await dev.request('POST', '/v1/organizations/external_keys', { body: { provider_config: dev.azureKeyBody() } });
    const body = { name: 'killed', external_key_id: key.json.id };
    const { id } = (await dev.request('POST', '/v1/organizations/workspaces', { body })).json;
    const wraps = async () => (await audit(dev)).filter((line) => line.operationName === 'KeyWrap').length;
    const before = await wraps();
    // The server has wrapped the new data key, and waits for ever for the unwrap that proves it.
    await control(dev.env, 'POST', 'faults', { kind: 'latency', ms: 600_000, operation: 'KeyUnwrap' });
    const encrypt = () => dev.request('POST', `/v1/workspaces/${id}/encrypt`, {
      key: dev.env.LATCHKEY_SERVICE_KEY, body: { plaintext: 'aGVsbG8=' },
    });
    const responded = encrypt().then(() => true, () => false);
    await eventually(async () => (await wraps()) > before);
    await dev.kill('SIGKILL');
    assert.equal(await responded, false);
    await dev.start();
    const sealed = await encrypt();
    assert.equal(sealed.status, 200, sealed.bytes);
    const opened = await dev.request('POST', `/v1/workspaces/${id}/decrypt`, {
      key: dev.env.LATCHKEY_SERVICE_KEY, body: { ciphertext: sealed.json.ciphertext },
    });
    assert.equal(opened.json.plaintext, 'aGVsbG8=');
    assert.equal(await wraps(), before + 2, 'the key that was never proven is not used');
  } finally {
    await dev.stop();
  }
});
