// Two hands on the same key or workspace: exactly one outcome, and it is the one that both were told.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Dev } from '../support/dev.mjs';

const dev = new Dev();
before(() => dev.start());
after(() => dev.stop());

const kRounds = 8;
const kKeys = '/v1/organizations/external_keys';
const kWorkspaces = '/v1/organizations/workspaces';

async function made(path, body) {
  const answer = await dev.request('POST', path, { body });
  assert.equal(answer.status, 200, answer.bytes.toString());
  return answer.json;
}
const newKey = () => made(kKeys, { provider_config: dev.azureKeyBody() });
const newWorkspace = (round) => made(kWorkspaces, { name: `race ${round}` });
const attach = (workspace, key) =>
  dev.request('POST', `${kWorkspaces}/${workspace.id}`, { body: { external_key_id: key.id } });
const now = async (path) => (await dev.request('GET', path)).json;

function assertRefused(answer, allowed) {
  assert.equal(answer.json?.type, 'error', answer.bytes.toString());
  assert.ok(allowed.includes(`${answer.status} ${answer.json.error.type}`), answer.bytes.toString());
}

test('of two keys attached at once, one stays', async () => {
  for (let round = 0; round < kRounds; round++) {
    const [workspace, ...keys] = await Promise.all([newWorkspace(round), newKey(), newKey()]);
    const answers = await Promise.all(keys.map((key) => attach(workspace, key)));
    const winners = answers.flatMap((answer, i) => (answer.status === 200 ? [i] : []));
    assert.equal(winners.length, 1, answers.map((answer) => answer.bytes.toString()).join('\n'));
    const [winner, loser] = winners[0] === 0 ? keys : [keys[1], keys[0]];
    assertRefused(answers[1 - winners[0]], ['400 invalid_request_error', '409 conflict_error']);
    assert.equal((await now(`${kWorkspaces}/${workspace.id}`)).external_key_id, winner.id);
    assert.equal((await now(`${kKeys}/${winner.id}`)).attachment.type, 'attached');
    assert.equal((await now(`${kKeys}/${loser.id}`)).attachment.type, 'unattached');
  }
});

test('the same key attached many times at once is attached once', async () => {
  const [workspace, key] = await Promise.all([newWorkspace('same'), newKey()]);
  const answers = await Promise.all(Array.from({ length: 8 }, () => attach(workspace, key)));
  for (const answer of answers) assert.equal(answer.status, 200, answer.bytes.toString());
  const { data } = await now('/v1/compliance/activities?activity_types[]=platform_workspace_updated&limit=100');
  assert.equal(data.filter((activity) => activity.workspace_id === workspace.id).length, 1);
});

test('a key is deleted or attached, never both', async () => {
  for (let round = 0; round < kRounds; round++) {
    const [workspace, key] = await Promise.all([newWorkspace(round), newKey()]);
    // The delete is sent while the attach validates, a little later each round.
    const attaching = attach(workspace, key);
    await new Promise((resolve) => setTimeout(resolve, round * 3));
    const [attached, deleted] = await Promise.all([attaching, dev.request('DELETE', `${kKeys}/${key.id}`)]);
    const stored = await now(`${kWorkspaces}/${workspace.id}`);
    const lookup = await dev.request('GET', `${kKeys}/${key.id}`);
    if (attached.status === 200) {
      assertRefused(deleted, ['400 invalid_request_error', '409 conflict_error']);
      assert.equal(stored.external_key_id, key.id);
      assert.equal(lookup.json.attachment.type, 'attached');
    } else {
      assert.equal(deleted.status, 200, deleted.bytes.toString());
      assertRefused(attached, ['400 invalid_request_error', '404 not_found_error', '409 conflict_error']);
      assert.equal(stored.external_key_id, null);
      assert.equal(lookup.status, 404);
    }
  }
});

test('a key that is changed while it is validated is not attached as it was', async () => {
  for (let round = 0; round < kRounds; round++) {
    const [workspace, key] = await Promise.all([newWorkspace(round), newKey()]);
    const attaching = attach(workspace, key);
    await new Promise((resolve) => setTimeout(resolve, round * 3));
    const changing = dev.request('POST', `${kKeys}/${key.id}`, { body: { provider_config: dev.azureKeyBody('other-key') } });
    const [attached, changed] = await Promise.all([attaching, changing]);
    const stored = await now(`${kWorkspaces}/${workspace.id}`);
    const config = (await now(`${kKeys}/${key.id}`)).provider_config.key_name;
    if (attached.status === 200) {
      assertRefused(changed, ['400 invalid_request_error', '409 conflict_error']);
      assert.deepEqual([stored.external_key_id, config], [key.id, dev.env.AZURE_KEY_NAME]);
    } else {
      assertRefused(attached, ['400 invalid_request_error', '409 conflict_error']);
      assert.equal(changed.status, 200, changed.bytes.toString());
      assert.deepEqual([stored.external_key_id, config], [null, 'other-key']);
    }
  }
});

test('a workspace is archived or attached, and says which', async () => {
  for (let round = 0; round < kRounds; round++) {
    const [workspace, key] = await Promise.all([newWorkspace(round), newKey()]);
    const attaching = attach(workspace, key);
    await new Promise((resolve) => setTimeout(resolve, round * 3));
    const [attached, archived] = await Promise.all([
      attaching,
      dev.request('POST', `${kWorkspaces}/${workspace.id}/archive`),
    ]);
    assert.equal(archived.status, 200, archived.bytes.toString());
    const stored = await now(`${kWorkspaces}/${workspace.id}`);
    assert.notEqual(stored.archived_at, null);
    assert.equal(stored.external_key_id, attached.status === 200 ? key.id : null);
    if (attached.status !== 200) assertRefused(attached, ['400 invalid_request_error', '409 conflict_error']);
  }
});
