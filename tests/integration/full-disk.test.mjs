// A disk without room: nothing is acknowledged that is not durable, what is there stays readable, and room cures it.
import assert from 'node:assert/strict';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { Serve, noSmallDisk } from '../support/serve.mjs';

const skip = noSmallDisk();
const server = new Serve({ diskBytes: 4 * 1024 * 1024 });
before(() => (skip ? undefined : server.start()));
after(() => (skip ? undefined : server.stop()));

function fillDisk() {
  const file = openSync(server.seen('filler'), 'w');
  try {
    for (let block = Buffer.alloc(64 * 1024, 1); block.length > 0; ) {
      try {
        writeSync(file, block);
      } catch (error) {
        if (error.code !== 'ENOSPC') throw error;
        block = block.subarray(0, block.length >> 1);
      }
    }
  } finally {
    closeSync(file);
  }
}
const makeRoom = () => rmSync(server.seen('filler'));

const createWorkspace = (name) => server.request('POST', '/v1/organizations/workspaces', { body: { name } });
const data = (workspace, verb, body) =>
  server.request('POST', `/v1/workspaces/${workspace}/${verb}`, { key: server.env.LATCHKEY_SERVICE_KEY, body });

function assertStorageFull(answer) {
  assert.equal(answer.status, 503, answer.bytes.toString());
  assert.equal(answer.json.type, 'error');
  assert.equal(answer.json.error.type, 'overloaded_error');
  assert.equal(answer.json.error.details?.error_code, 'storage_full');
  assert.match(answer.json.error.message, /full|room/);
}

test('writes are refused while it is full, reads go on, and room cures it', { skip }, async () => {
  const plaintext = Buffer.from('written while there was room');
  const used = (await createWorkspace('used')).json.id;
  const unused = (await createWorkspace('unused')).json.id;
  const sealed = await data(used, 'encrypt', plaintext);
  assert.equal(sealed.status, 200);

  for (let round = 0; round < 2; round++) {
    fillDisk();
    assertStorageFull(await createWorkspace('no room'));
    const first = await data(unused, 'encrypt', plaintext);
    if (round === 0) assertStorageFull(first);
    const opened = await data(used, 'decrypt', sealed.bytes);
    assert.equal(opened.status, 200, opened.bytes.toString());
    assert.deepEqual(opened.bytes, plaintext);
    assert.equal((await server.request('GET', `/v1/organizations/workspaces/${used}`)).status, 200);

    makeRoom();
    assert.equal((await createWorkspace(`room again ${round}`)).status, 200);
    const late = await data(unused, 'encrypt', plaintext);
    assert.equal(late.status, 200, late.bytes.toString());
    assert.deepEqual((await data(unused, 'decrypt', late.bytes)).bytes, plaintext);
  }
  const { json: listed } = await server.request('GET', '/v1/organizations/workspaces?limit=100');
  assert.deepEqual(
    listed.data.map((workspace) => workspace.name).filter((name) => name !== 'Default').sort(),
    ['room again 0', 'room again 1', 'unused', 'used'],
  );
});
