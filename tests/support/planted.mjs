// Plants and counts copies of a wrapped key in the database's files, for tests of shredding.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The database of a Dev, as another program sees it. */
export function rawDatabase(dev) {
  const database = () => join(dev.folder, 'latchkey.db');
  const sqlite = (sql) => {
    const done = spawnSync('sqlite3', ['-cmd', '.timeout 10000', database(), sql], { encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
    return done.stdout.trim();
  };
  return {
    database,
    sqlite,
    wrappedOf: (workspace) => Buffer.from(
      sqlite(`SELECT hex(wrapped) FROM data_keys JOIN workspaces USING (compartment) WHERE workspaces.id = '${workspace}'`), 'hex'),
    /** Leaves copies where SQLite overwrites nothing: in more free pages than the next writes will fill. */
    plant: (wrapped) => sqlite(
      `PRAGMA secure_delete = OFF; CREATE TABLE planted (a, filling);
      INSERT INTO planted SELECT x'${wrapped.toString('hex')}', zeroblob(3000) FROM generate_series(1, 40); DROP TABLE planted`),
    /** How many times the end of the wrapped key is in the database and its -wal. */
    copies: (wrapped) => ['', '-wal'].map((ending) => database() + ending).filter(existsSync)
      .reduce((count, file) => count + readFileSync(file).toString('latin1').split(wrapped.subarray(-32).toString('latin1')).length - 1, 0),
  };
}
