// On a full disk the server refuses writes and says why; it loses nothing, and goes on once there is room.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Dev } from '../support/dev.mjs';
import { rawDatabase } from '../support/planted.mjs';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-disk-'));
const filler = join(folder, 'filler');

function asRoot(...words) {
  const [command, ...args] = process.getuid() === 0 ? words : ['sudo', '-n', ...words];
  return spawnSync(command, args, { encoding: 'utf8' });
}
function mounted() {
  const done = asRoot('mount', '-t', 'tmpfs', '-o', `size=6m,mode=0700,uid=${process.getuid()}`, 'tmpfs', folder);
  return done.status === 0 ? undefined : `a tmpfs cannot be mounted here: ${done.stderr?.trim() || done.error}`;
}
const skip = mounted();
if (skip) rmSync(folder, { recursive: true, force: true });

// Fills the disk to the last byte, so that SQLite cannot grow its journal, either.
function fill() {
  const file = openSync(filler, 'w');
  for (let size = 64 * 1024; size >= 1;) {
    try {
      writeSync(file, Buffer.alloc(size));
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error;
      size = Math.floor(size / 2);
    }
  }
  fsyncSync(file);
  closeSync(file);
  assert.equal(statfsSync(folder).bavail, 0);
}

describe('a full disk', { skip }, () => {
  const dev = new Dev({ folder });
  const encrypt = (id, text) => dev.request('POST', `/v1/workspaces/${id}/encrypt`,
    { key: dev.env.LATCHKEY_SERVICE_KEY, body: Buffer.from(text) });
  const decrypt = (id, body) => dev.request('POST', `/v1/workspaces/${id}/decrypt`, { key: dev.env.LATCHKEY_SERVICE_KEY, body });
  const create = (name) => dev.request('POST', '/v1/organizations/workspaces', { body: { name } });
  const names = async () => (await dev.request('GET', '/v1/organizations/workspaces?limit=1000')).json.data.map((w) => w.name);
  const activities = async () => (await dev.request('GET', '/v1/compliance/activities?limit=5000')).json.data.length;

  before(() => dev.start());
  after(async () => {
    await dev.stop();
    asRoot('umount', folder);
    rmSync(folder, { recursive: true, force: true });
  });

  function assertFull(response) {
    assert.equal(response.status, 503, response.bytes);
    assert.equal(response.json.error.type, 'overloaded_error');
    assert.equal(response.json.error.details.error_code, 'storage_full');
    assert.ok(response.json.error.message.includes(join(folder, 'latchkey.db')), response.json.error.message);
    assert.ok(Number(response.headers.get('retry-after')) >= 1);
  }

  // The journal may have a page or two of room: the server must keep what it takes, and then say that the disk is full.
  async function createUntilFull() {
    const taken = [];
    for (;;) {
      const response = await create(`during ${taken.length}`);
      if (response.status !== 200) {
        assertFull(response);
        return taken;
      }
      taken.push(response.json);
    }
  }

  test('refuses what it cannot keep, keeps what it has, and goes on when there is room', async () => {
    const fresh = [];
    for (let i = 0; i < 3; i++) fresh.push((await create(`before ${i}`)).json.id);
    const old = fresh.pop();
    const sealed = await encrypt(old, 'kept');
    assert.equal(sealed.status, 200);
    const known = await names();
    const recorded = await activities();

    fill();
    const taken = await createUntilFull();
    for (let i = 0; i < 5; i++) assertFull(await create('never'));
    for (const id of fresh) {
      assertFull(await encrypt(id, 'never'));
    }
    // Reading needs no room, and encrypting needs none where a data key exists.
    assert.deepEqual((await decrypt(old, sealed.bytes)).bytes.toString(), 'kept');
    const more = await encrypt(old, 'more');
    assert.equal(more.status, 200, more.bytes);
    assert.deepEqual((await names()).sort(), [...known, ...taken.map((w) => w.name)].sort());
    assert.equal(await activities(), recorded + taken.length, 'no activity without its workspace');
    assert.equal((await dev.request('GET', '/readyz', { key: undefined })).status, 200);

    rmSync(filler);
    const after = await create('after');
    assert.equal(after.status, 200, after.bytes);
    for (const id of fresh) {
      const again = await encrypt(id, 'again');
      assert.equal(again.status, 200, again.bytes);
      assert.equal((await decrypt(id, again.bytes)).bytes.toString(), 'again');
    }

    await dev.kill('SIGKILL');
    await dev.start();
    assert.deepEqual((await names()).sort(), [...known, ...taken.map((w) => w.name), 'after'].sort());
    for (const [bytes, text] of [[sealed.bytes, 'kept'], [more.bytes, 'more']]) {
      assert.equal((await decrypt(old, bytes)).bytes.toString(), text);
    }
  });

  test('a start on a full disk says which file has no room', async () => {
    await dev.kill('SIGTERM');
    fill();
    await assert.rejects(dev.start(), (error) => error.message.includes('ended with 1') && error.message.includes(folder));
    rmSync(filler);
    await dev.start();
    assert.equal((await create('at last')).status, 200);
  });

  test('a shredding that finds no room is told, and made once there is', async () => {
    const { database, wrappedOf, plant, copies } = rawDatabase(dev);
    const sqlite = (sql) => spawnSync('sqlite3', ['-cmd', '.timeout 10000', database(), sql], { encoding: 'utf8' });
    assert.equal(sqlite('CREATE TABLE filling (a)').status, 0);
    const workspace = (await create('Shredded')).json.id;
    assert.equal((await encrypt(workspace, 'gone')).status, 200);
    const wrapped = wrappedOf(workspace);
    assert.equal(dev.cli(['workspaces', 'archive', workspace, '--yes']).code, 0);
    plant(wrapped);
    const shred = () => dev.cli(['workspaces', 'shred', workspace, '--confirm-name', 'Shredded']);
    fill();
    // Then fill it by single pages, for the journal may have more room than the first write of a shredding needs.
    await createUntilFull();
    let inserted;
    do inserted = sqlite('INSERT INTO filling VALUES (1)'); while (inserted.status === 0);
    assert.match(inserted.stderr, /disk is full|disk I\/O error/);
    const refused = shred();
    assert.notEqual(refused.code, 0, refused.out);
    assert.ok(refused.err.includes(database()), refused.err);
    assert.ok(copies(wrapped) > 0);
    rmSync(filler);
    const again = shred();
    assert.equal(again.code, 0, again.err);
    assert.equal(copies(wrapped), 0);
  });
});
