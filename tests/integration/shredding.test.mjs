// The server searches the database's files for what was shredded until a search succeeds, whatever was in its way.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';

import { Dev, eventually } from '../support/dev.mjs';
import { rawDatabase } from '../support/planted.mjs';

const dev = new Dev();
const { database, sqlite, wrappedOf, plant, copies } = rawDatabase(dev);

before(() => dev.start());
after(() => dev.stop());

// Makes an archived workspace, and leaves copies of its wrapped data key where SQLite overwrites nothing.
async function archived(name) {
  const workspace = (await dev.request('POST', '/v1/organizations/workspaces', { body: { name } })).json.id;
  const encrypted = await dev.request('POST', `/v1/workspaces/${workspace}/encrypt`, { key: dev.env.LATCHKEY_SERVICE_KEY, body: { plaintext: 'eA==' } });
  assert.equal(encrypted.status, 200, encrypted.bytes);
  const wrapped = wrappedOf(workspace);
  assert.equal(dev.cli(['workspaces', 'archive', workspace, '--yes']).code, 0);
  plant(wrapped);
  assert.ok(copies(wrapped) >= 2, 'this test must be able to fail');
  return { workspace, wrapped, shred: () => dev.cli(['workspaces', 'shred', workspace, '--confirm-name', name]) };
}

// Reads the database, as a backup does, until the test tells it to end.
async function reader() {
  const child = spawn('sqlite3', ['-bail', '-cmd', '.timeout 10000', database()]);
  let complaint = '';
  child.stderr.on('data', (data) => (complaint += data));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const reading = new Promise((resolve) => child.stdout.once('data', () => resolve(true)));
  child.stdin.write('BEGIN; SELECT count(*) FROM data_keys;\n');
  assert.equal(await Promise.race([reading, ended]), true, complaint);
  return async () => {
    child.stdin.end('COMMIT;\n');
    assert.equal(await ended, 0, complaint);
  };
}

test('sent again after somebody was in the way, it is searched for all the same', async () => {
  const { wrapped, shred } = await archived('Read meanwhile');
  const end = await reader();
  const kept = shred();
  assert.equal(kept.code, 1);
  assert.match(kept.err, /Send the request again/);
  await end();
  const again = shred();
  assert.equal(again.code, 0, again.err);
  assert.equal(copies(wrapped), 0);
});

test('a server that was killed before the search makes it at its next start', async () => {
  const { wrapped, shred } = await archived('Killed meanwhile');
  const end = await reader();
  assert.equal(shred().code, 1);
  await dev.kill('SIGKILL');
  await end();
  assert.ok(copies(wrapped) > 0, 'this test must be able to fail');
  await dev.start();
  await eventually(() => copies(wrapped) === 0);
});

test('a server that was killed between what is durable and the search makes the search at its next start', async () => {
  const { workspace, wrapped } = await archived('Killed at once');
  const end = await reader();
  const cut = dev.request('POST', `/v1/organizations/workspaces/${workspace}/shred`, { body: { name: 'Killed at once' } })
    .then(() => 'answered', () => 'cut');
  await eventually(() => sqlite('SELECT count(*) FROM erased_forms WHERE pending = 1') === '1');
  await dev.kill('SIGKILL');
  assert.equal(await cut, 'cut');
  await end();
  assert.ok(copies(wrapped) > 0, 'this test must be able to fail');
  await dev.start();
  await eventually(() => copies(wrapped) === 0);
});
