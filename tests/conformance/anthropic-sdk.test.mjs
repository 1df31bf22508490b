// Runs the contract's published client, unchanged but for its base URL.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import Anthropic, * as sdk from '@anthropic-ai/sdk';

import { Dev, eventually } from '../support/dev.mjs';
import { control } from '../support/emulator.mjs';

const dev = new Dev({ args: ['--enable-control'] });
let client;

before(async () => {
  await dev.start();
  client = new Anthropic({ apiKey: dev.env.LATCHKEY_ADMIN_KEY, baseURL: dev.env.LATCHKEY_URL, maxRetries: 0 });
});
after(() => dev.stop());

const azure = (name) => dev.azureKeyBody(name);

async function thrown(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail('nothing was thrown');
}

test('the organisation', async () => {
  const me = await client.get('/v1/organizations/me');
  assert.equal(me.type, 'organization');
  assert.equal(me.id, dev.env.LATCHKEY_ORGANIZATION_ID);
});

test('an external key lives through create, retrieve, update, validate and delete', async () => {
  const keys = client.organization.externalKeys;
  const created = await keys.create({ display_name: 'first', geo: 'us', provider_config: azure() });
  assert.match(created.id, /^ekey_01[1-9A-HJ-NP-Za-km-z]{22}$/);
  assert.equal(created.type, 'external_key');
  assert.deepEqual(created.attachment, { type: 'unattached' });
  assert.equal(created.user_profile_id, null);
  assert.equal(created.provider_config.vault_uri, dev.env.AZURE_VAULT_URI);

  assert.deepEqual(await keys.retrieve(created.id), created);
  const updated = await keys.update(created.id, { display_name: null });
  assert.equal(updated.display_name, null);
  assert.ok(updated.updated_at > created.updated_at);

  assert.deepEqual(await keys.validate(created.id), { type: 'external_key_validation', status: 'success', error: null });
  assert.deepEqual(await keys.delete(created.id), { id: created.id, type: 'external_key_deleted' });
  assert.ok((await thrown(keys.retrieve(created.id))) instanceof sdk.NotFoundError);
});

test('lists page by themselves, newest first', async () => {
  const keys = client.organization.externalKeys;
  const ids = [];
  for (let i = 0; i < 5; i++) ids.unshift((await keys.create({ display_name: `k${i}`, provider_config: azure() })).id);
  const listed = [];
  for await (const key of keys.list({ limit: 2 })) listed.push(key.id);
  assert.deepEqual(listed.slice(0, 5), ids);
  let deleted = 0;
  for await (const key of keys.list({ limit: 1 })) {
    if (!ids.includes(key.id)) continue;
    await keys.delete(key.id);
    deleted++;
  }
  assert.equal(deleted, ids.length, 'a page goes on after a key that was deleted meanwhile');

  const workspaces = client.organization.workspaces;
  const made = [];
  for (let i = 0; i < 5; i++) made.push((await workspaces.create({ name: `w${i}` })).id);
  const seen = [];
  for await (const workspace of workspaces.list({ limit: 2 })) seen.push(workspace.id);
  for (const id of made) assert.ok(seen.includes(id));
  assert.equal(new Set(seen).size, seen.length);
  const some = await workspaces.list({ ids: made.slice(0, 2) });
  assert.deepEqual(some.data.map((workspace) => workspace.id).sort(), made.slice(0, 2).sort());
});

test('a validation that fails is a response of its own, and names the cure', async () => {
  const keys = client.organization.externalKeys;
  const missing = await keys.create({ provider_config: azure('no-such-key') });
  const outcome = await keys.validate(missing.id);
  assert.equal(outcome.status, 'failure');
  assert.match(outcome.error, /no-such-key/);
});

test('attaching is once and for good, and validated', async () => {
  const { externalKeys, workspaces } = client.organization;
  const workspace = await workspaces.create({ name: 'attached', tags: { env: 'test' } });
  assert.equal(workspace.external_key_id, null);
  assert.match(workspace.compartment_id, /^[0-9a-f]{8}-[0-9a-f]{4}-4/);

  const bad = await externalKeys.create({ provider_config: azure('no-such-key') });
  const refused = await thrown(workspaces.update(workspace.id, { external_key_id: bad.id }));
  assert.equal(refused.status, 400);
  assert.equal(refused.constructor.name, 'ExternalKeyValidationFailedError');
  assert.equal((await workspaces.retrieve(workspace.id)).external_key_id, null);

  const key = await externalKeys.create({ provider_config: azure() });
  const attached = await workspaces.update(workspace.id, { external_key_id: key.id });
  assert.equal(attached.external_key_id, key.id);
  assert.deepEqual((await externalKeys.retrieve(key.id)).attachment, { type: 'attached' });
  assert.equal((await workspaces.update(workspace.id, { external_key_id: key.id })).external_key_id, key.id);

  const other = await externalKeys.create({ provider_config: azure() });
  const replaced = await thrown(workspaces.update(workspace.id, { external_key_id: other.id }));
  assert.ok(replaced instanceof sdk.BadRequestError);
  for (const attempt of [() => externalKeys.delete(key.id), () => externalKeys.update(key.id, { provider_config: azure('other') })]) {
    const error = await thrown(attempt());
    assert.ok(error instanceof sdk.BadRequestError);
    assert.ok(error.apiMessage.includes(workspace.id) || error.apiMessage.includes(workspace.name), error.apiMessage);
  }
  assert.equal((await externalKeys.update(key.id, { display_name: 'renamed' })).display_name, 'renamed');

  const archived = await workspaces.archive(workspace.id);
  assert.ok(archived.archived_at);
  assert.deepEqual((await externalKeys.retrieve(key.id)).attachment, { type: 'attached' });
  assert.ok((await thrown(externalKeys.delete(key.id))) instanceof sdk.BadRequestError);
});

test('a key that changes while it is being attached is not attached, and says so', async () => {
  const { externalKeys, workspaces } = client.organization;
  const key = await externalKeys.create({ display_name: 'changing', provider_config: azure() });
  const workspace = await workspaces.create({ name: 'changing' });
  await control(dev.env, 'POST', 'faults', { kind: 'latency', ms: 1500, operation: 'KeyUnwrap' });
  try {
    const attaching = thrown(workspaces.update(workspace.id, { external_key_id: key.id }));
    await eventually(async () => (await control(dev.env, 'GET', 'faults')).json.faults[0].hits > 0);
    await externalKeys.update(key.id, { provider_config: azure('another') });
    const error = await attaching;
    assert.equal(error.constructor.name, 'ExternalKeyChangedError');
    assert.equal(error.status, 409);
  } finally {
    await control(dev.env, 'DELETE', 'faults');
  }
  assert.equal((await workspaces.retrieve(workspace.id)).external_key_id, null);
});

test('errors are the typed ones, with the request id', async () => {
  const keys = client.organization.externalKeys;
  const stranger = new Anthropic({ apiKey: 'sk-unknown', baseURL: dev.env.LATCHKEY_URL, maxRetries: 0 });
  const unknown = await thrown(stranger.organization.externalKeys.list());
  assert.ok(unknown instanceof sdk.AuthenticationError);
  assert.equal(unknown.type, 'authentication_error');
  assert.match(unknown.requestID, /^req_/);
  assert.equal(unknown.error.request_id, unknown.requestID);

  const worker = new Anthropic({ apiKey: dev.env.LATCHKEY_WORKSPACE_KEY, baseURL: dev.env.LATCHKEY_URL, maxRetries: 0 });
  assert.ok((await thrown(worker.organization.externalKeys.list())) instanceof sdk.PermissionDeniedError);

  const extra = await thrown(keys.create({ provider_config: azure(), colour: 'red' }));
  assert.ok(extra instanceof sdk.BadRequestError);
  assert.equal(extra.apiMessage, 'colour: Extra inputs are not permitted');
  assert.ok((await thrown(keys.create({ provider_config: { type: 'gcp', key_name: 'x' } }))) instanceof sdk.BadRequestError);
  assert.ok((await thrown(keys.retrieve('ekey_01SDCCSbTxrXDpWc1phhtcfK'))) instanceof sdk.NotFoundError);
  assert.ok((await thrown(keys.list({ limit: 101 }))) instanceof sdk.BadRequestError);
});
