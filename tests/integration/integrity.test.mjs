// Somebody writes the database file, and running servers notice it by the root key's seals.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Dev, binary, eventually } from '../support/dev.mjs';

const dev = new Dev();
let mine;
let theirs;

const database = () => join(dev.folder, 'latchkey.db');
const rootKey = () => join(dev.folder, 'root.key');
const tamper = (sql) => {
  const done = spawnSync('sqlite3', ['-cmd', '.timeout 10000', database(), sql], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout.trim();
};
const command = (...args) => spawnSync(binary, [...args, '--database', database(), '--root-key', rootKey(), '-o', 'json'], { encoding: 'utf8' });
const run = (...args) => {
  const done = command(...args);
  assert.equal(done.status, 0, done.stderr);
  return JSON.parse(done.stdout);
};
const call = (key, path, body) => fetch(`${dev.env.LATCHKEY_URL}${path}`, {
  method: body === undefined ? 'GET' : 'POST',
  headers: { 'x-api-key': key, 'content-type': 'application/json' },
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
});
const encrypt = (organization) => call(organization.service, `/v1/workspaces/${organization.workspace}/encrypt`, { plaintext: 'c2VjcmV0' });
const decrypt = (key, organization, ciphertext) => call(key, `/v1/workspaces/${organization.workspace}/decrypt`, { ciphertext });
const refusedRows = async () => {
  const token = readFileSync(dev.env.LATCHKEY_METRICS_TOKEN_FILE, 'utf8').trim();
  const page = await (await fetch(`${dev.env.LATCHKEY_URL}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text();
  return [...page.matchAll(/^latchkey_refused_rows_total\{table="(\w+)"\} (\d+)$/gm)].filter(([, , count]) => count !== '0').map(([, table]) => table);
};

// The status is 503 where the row holds a workspace's settings, and 500 elsewhere; there is no data, either way.
const refused = async (ciphertext) => {
  for (const response of [await decrypt(theirs.service, theirs, ciphertext), await encrypt(theirs)]) {
    const text = await response.text();
    assert.ok([500, 503].includes(response.status) && !/plaintext|ciphertext"/.test(text), text);
  }
};

const organization = (name) => {
  const made = run('org', 'create', name);
  const service = run('org', 'keys', 'create', '--role', 'service', '--organization', made.organization_id);
  const auditor = run('org', 'keys', 'create', '--role', 'compliance', '--organization', made.organization_id);
  return {
    id: made.organization_id, hex: made.organization_id.replaceAll('-', ''), admin: made.key, service: service.key,
    serviceId: service.id, auditor: auditor.key, workspace: made.default_workspace_id,
  };
};

before(async () => {
  await dev.start();
  mine = organization('Mine');
  theirs = organization('Theirs');
  // The other organisation's workspace has an external key of its own.
  const key = await (await call(theirs.admin, '/v1/organizations/external_keys', { provider_config: dev.azureKeyBody() })).json();
  theirs.workspace = (await (await call(theirs.admin, '/v1/organizations/workspaces', { name: 'Locked', external_key_id: key.id })).json()).id;
});
after(() => dev.stop());

test('an API key that was moved to another organisation opens nothing, and is told of', async () => {
  const { ciphertext } = await (await encrypt(theirs)).json();
  assert.equal((await decrypt(mine.service, theirs, ciphertext)).status, 404);
  tamper(`UPDATE api_keys SET organization = x'${theirs.hex}' WHERE id = '${mine.serviceId}'`);
  // Until the server looks the key up again, it is the key that it was: it opens nothing there.
  await eventually(async () => {
    const response = await decrypt(mine.service, theirs, ciphertext);
    assert.ok([404, 500].includes(response.status));
    assert.ok(!(await response.text()).includes('c2VjcmV0'));
    return response.status === 500;
  });
  assert.deepEqual(await refusedRows(), ['api_keys']);
  await eventually(async () => {
    const feed = await (await call(theirs.auditor, '/v1/compliance/activities?activity_types[]=org_stored_row_refused')).json();
    return feed.data?.some((activity) => activity.table === 'api_keys' && activity.row_id === mine.serviceId);
  });
  tamper(`UPDATE api_keys SET organization = x'${mine.hex}' WHERE id = '${mine.serviceId}'`);
  assert.equal((await encrypt(mine)).status, 200, 'the row is what it was');
});

test('a workspace that was changed gives no data', async () => {
  const { ciphertext } = await (await encrypt(theirs)).json();
  tamper(`UPDATE workspaces SET name = name || 'x' WHERE id = '${theirs.workspace}'`);
  // Until the server looks the workspace up again, it is the workspace that it was.
  await eventually(async () => (await decrypt(theirs.service, theirs, ciphertext)).status !== 200);
  await refused(ciphertext);
  tamper(`UPDATE workspaces SET name = substr(name, 1, length(name) - 1) WHERE id = '${theirs.workspace}'`);
  assert.equal((await decrypt(theirs.service, theirs, ciphertext)).status, 200);
});

test('a lease policy that somebody wrote gives nobody a longer lease, after a restart neither', async () => {
  const { ciphertext } = await (await encrypt(theirs)).json();
  await dev.kill('SIGTERM');
  tamper(`INSERT INTO lease_policies (organization, soft_ms, hard_ms) VALUES (x'${theirs.hex}', 86400000, 86400000)`);
  await dev.start();
  await refused(ciphertext);
  tamper(`DELETE FROM lease_policies WHERE organization = x'${theirs.hex}'`);
  assert.equal((await decrypt(theirs.service, theirs, ciphertext)).status, 200);
});

test('a data key of somebody else in the place of the active one encrypts nothing, after a restart too', async () => {
  const { ciphertext } = await (await encrypt(theirs)).json();
  await dev.kill('SIGTERM');
  tamper(`UPDATE data_keys SET state = 'retired' WHERE organization = x'${theirs.hex}';
    INSERT INTO data_keys (id, organization, compartment, external_key_id, key_version, wrapped, state, created_at, key_check, seal)
    SELECT randomblob(16), organization, compartment, external_key_id, key_version, wrapped, 'active', created_at, NULL, seal
    FROM data_keys WHERE organization = x'${theirs.hex}' LIMIT 1`);
  await dev.start();
  await refused(ciphertext);
  const checked = command('root-key', 'check');
  assert.equal(checked.status, 1);
  assert.equal(JSON.parse(checked.stdout).refused, 2);
  tamper(`DROP TRIGGER data_keys_are_not_deleted; DELETE FROM data_keys WHERE seal IS NULL OR (state = 'active' AND organization = x'${theirs.hex}');
    UPDATE data_keys SET state = 'active' WHERE organization = x'${theirs.hex}'`);
  assert.equal((await decrypt(theirs.service, theirs, ciphertext)).status, 200);
  assert.equal(run('root-key', 'check').refused, 0);
});

test('the root key is replaced while a server reads and writes for many, and the old one can go', async () => {
  const old = join(dev.folder, 'old.key');
  copyFileSync(rootKey(), old);
  const { ciphertext } = await (await encrypt(theirs)).json();
  // Both organisations work at once, under the platform's key and under a customer's, in old workspaces and in new ones.
  let ended = false;
  let uses = 0;
  const fresh = [];
  const failures = [];
  const expect = async (response) => {
    const { status } = await response;
    if (status !== 200) failures.push(status);
    ++uses;
  };
  const traffic = [
    () => encrypt(mine),
    () => encrypt(theirs),
    () => decrypt(theirs.service, theirs, ciphertext),
    () => decrypt(theirs.service, theirs, ciphertext),
    () => call(theirs.auditor, '/v1/compliance/activities'),
    async () => {
      // The first use of a new workspace makes a data key; the number of an organisation's workspaces is bounded.
      if (fresh.length < 20) fresh.push((await (await call(mine.admin, '/v1/organizations/workspaces', { name: 'Meanwhile' })).json()).id);
      return call(mine.service, `/v1/workspaces/${fresh[uses % fresh.length]}/encrypt`, { plaintext: 'eA==' });
    },
  ].map(async (ask) => {
    while (!ended) await expect(ask());
  });
  await eventually(() => uses > 100);
  const rotation = await new Promise((resolve) => {
    let out = '';
    const child = spawn(binary, ['root-key', 'rotate', '--database', database(), '--root-key', rootKey(), '-o', 'json']);
    child.stdout.on('data', (chunk) => (out += chunk));
    child.on('close', (code) => resolve({ code, out }));
  });
  assert.equal(rotation.code, 0);
  const rotated = JSON.parse(rotation.out);
  assert.equal(rotated.versions.length, 2);
  assert.equal(rotated.left, 0);
  assert.ok(rotated.data_keys >= 1 && rotated.rows > 0, rotation.out);
  const before = uses;
  await eventually(() => uses > before + 100);
  // A running server makes new data keys under the new root key.
  const workspace = await (await call(mine.admin, '/v1/organizations/workspaces', { name: 'After' })).json();
  assert.equal((await call(mine.service, `/v1/workspaces/${workspace.id}/encrypt`, { plaintext: 'eA==' })).status, 200);
  assert.equal(run('root-key', 'prune').versions.length, 1);
  // The prune has also moved what a server wrapped by the older root key at the last moment.
  assert.equal(tamper(`SELECT count(*) FROM data_keys WHERE external_key_id IS NULL AND key_version <> '${rotated.versions[0]}'`), '0');
  assert.equal(statSync(rootKey()).size, 32);
  ended = true;
  await Promise.all(traffic);
  assert.deepEqual(failures, []);

  await dev.kill('SIGTERM');
  renameSync(rootKey(), join(dev.folder, 'new.key'));
  const missing = command('org', 'list');
  assert.equal(missing.status, 1);
  assert.match(missing.stdout + missing.stderr, /is not there, and the database was written under one/);
  renameSync(old, rootKey());
  const foreign = command('org', 'list');
  assert.match(foreign.stdout + foreign.stderr, /is sealed under the root key local:[0-9a-f]{16}, and the root key file has local:/);
  rmSync(rootKey());
  renameSync(join(dev.folder, 'new.key'), rootKey());
  await dev.start();
  assert.equal((await decrypt(theirs.service, theirs, ciphertext)).status, 200);
});
