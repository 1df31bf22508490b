// Two requests change the same thing at once: one wins, the other is told, and no state in between remains.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Dev, audit } from '../support/dev.mjs';

// The server renews no lease and checks no key within these tests: it calls the vault for nothing but what they do.
const ages = ['keyring.soft=1h', 'keyring.hard=2h', 'health.interval=0s'];
const dev = new Dev({ args: ages.flatMap((setting) => ['--set', setting]) });
before(() => dev.start());
after(() => dev.stop());

const kKeys = '/v1/organizations/external_keys';
const kWorkspaces = '/v1/organizations/workspaces';

async function created(path, body) {
  const response = await dev.request('POST', path, { body });
  assert.equal(response.status, 200, response.bytes);
  return response.json;
}
const key = () => created(kKeys, { provider_config: dev.azureKeyBody() });
const workspace = (name, more = {}) => created(kWorkspaces, { name, ...more });
const attach = (id, keyId) => dev.request('POST', `${kWorkspaces}/${id}`, { body: { external_key_id: keyId } });
/** Resolves with both responses; the second request begins so many milliseconds after the first. The assertions hold for any order. */
const during = (first, delay, second) => Promise.all([first(), sleep(delay).then(second)]);

test('two keys to one workspace: one is attached, and stays', async () => {
  for (let round = 0; round < 5; round++) {
    const { id } = await workspace(`two ${round}`);
    const keys = [await key(), await key()];
    const responses = await Promise.all(keys.map((k) => attach(id, k.id)));
    const winner = responses.findIndex((response) => response.status === 200);
    assert.notEqual(winner, -1, responses[0].bytes);
    const loser = responses[1 - winner];
    assert.ok([400, 409].includes(loser.status), loser.bytes);
    assert.ok(loser.json.error.message.includes(keys[winner].id), loser.json.error.message);
    const shown = await dev.request('GET', `${kWorkspaces}/${id}`);
    assert.equal(shown.json.external_key_id, keys[winner].id);
    const attachment = async (k) => (await dev.request('GET', `${kKeys}/${k.id}`)).json.attachment.type;
    assert.equal(await attachment(keys[1 - winner]), 'unattached');
    assert.equal(await attachment(keys[winner]), 'attached');
  }
});

test('the same key many times at once is one attachment', async () => {
  const { id } = await workspace('same');
  const { id: keyId } = await key();
  const responses = await Promise.all(Array.from({ length: 8 }, () => attach(id, keyId)));
  for (const response of responses) assert.equal(response.status, 200, response.bytes);
  const activities = await dev.request('GET', '/v1/compliance/activities?activity_types[]=platform_workspace_updated&limit=5000');
  assert.equal(activities.json.data.filter((activity) => activity.workspace_id === id).length, 1);
});

test('a delete racing an attach: never attached and deleted', async () => {
  for (let round = 0; round < 10; round++) {
    const { id } = await workspace(`race ${round}`);
    const { id: keyId } = await key();
    // The validation takes some milliseconds: the delete comes before, during and after it.
    const [attached, deleted] = await during(() => attach(id, keyId), round * 3, () => dev.request('DELETE', `${kKeys}/${keyId}`));
    assert.notEqual(attached.status === 200, deleted.status === 200, `${attached.bytes} ${deleted.bytes}`);
    const shown = (await dev.request('GET', `${kWorkspaces}/${id}`)).json.external_key_id;
    const still = await dev.request('GET', `${kKeys}/${keyId}`);
    if (attached.status === 200) {
      assert.equal(deleted.status, 400, deleted.bytes);
      assert.ok(deleted.json.error.message.includes(id), deleted.json.error.message);
      assert.equal(shown, keyId);
      assert.equal(still.status, 200);
    } else {
      assert.ok([404, 409].includes(attached.status), attached.bytes);
      assert.equal(shown, null);
      assert.equal(still.status, 404);
    }
  }
});

test('a change of the key while it is being attached is not attached unseen', async () => {
  for (let round = 0; round < 10; round++) {
    const { id } = await workspace(`change ${round}`);
    const { id: keyId } = await key();
    const config = dev.azureKeyBody('another-key');
    const [attached, changed] = await during(() => attach(id, keyId), round * 3,
      () => dev.request('POST', `${kKeys}/${keyId}`, { body: { provider_config: config } }));
    const shown = (await dev.request('GET', `${kKeys}/${keyId}`)).json;
    if (attached.status === 200) {
      assert.equal(changed.status, 400, 'attached: what was validated cannot be changed any more');
      assert.equal(shown.provider_config.key_name, dev.env.AZURE_KEY_NAME);
    } else {
      assert.equal(changed.status, 200, changed.bytes);
      assert.ok(['external_key_changed', 'external_key_validation_failed'].includes(attached.json.error.details.error_code));
      assert.equal(shown.attachment.type, 'unattached');
      assert.equal((await dev.request('GET', `${kWorkspaces}/${id}`)).json.external_key_id, null);
    }
  }
});

test('a workspace that is archived while it is being attached is one or both, and says which', async () => {
  for (let round = 0; round < 8; round++) {
    const { id } = await workspace(`archive ${round}`);
    const { id: keyId } = await key();
    const [attached, archived] = await during(() => attach(id, keyId), round * 3, () => dev.request('POST', `${kWorkspaces}/${id}/archive`));
    assert.equal(archived.status, 200, archived.bytes);
    if (attached.status !== 200) assert.ok([400, 409].includes(attached.status), attached.bytes);
    const shown = (await dev.request('GET', `${kWorkspaces}/${id}`)).json;
    assert.notEqual(shown.archived_at, null);
    assert.equal(shown.external_key_id, attached.status === 200 ? keyId : null);
  }
});

test('twenty first encrypts at once make one data key and ask the vault once', async () => {
  const { id } = await workspace('first', { external_key_id: (await key()).id });
  const before = await audit(dev);
  const request = (verb, body) => dev.request('POST', `/v1/workspaces/${id}/${verb}`, { key: dev.env.LATCHKEY_SERVICE_KEY, body });
  const sealed = await Promise.all(Array.from({ length: 20 }, (_, i) => request('encrypt', Buffer.from(`record ${i}`))));
  for (const response of sealed) assert.equal(response.status, 200, response.bytes);
  assert.equal(new Set(sealed.map((response) => response.headers.get('latchkey-data-key-id'))).size, 1);
  const opened = await Promise.all(sealed.map((response) => request('decrypt', response.bytes)));
  opened.forEach((response, i) => assert.equal(response.bytes.toString(), `record ${i}`));

  const caused = (await audit(dev)).slice(before.length);
  assert.deepEqual(caused.map((line) => line.operationName), ['KeyWrap', 'KeyUnwrap']);
  for (const line of caused) {
    assert.equal(line.properties.httpStatusCode, 200);
    assert.equal(line.identity.claim.appid, dev.env.LATCHKEY_APP_CLIENT_ID);
  }
});
