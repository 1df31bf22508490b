// What a server may have to do besides, again and again until SIGTERM; then prints how often it was done.
//   busy.mjs scan ORIGIN KEY                  # pages of the activity feed
//   busy.mjs writes ORIGIN KEY WORKSPACE      # changes of a workspace
//   busy.mjs checkpoints DATABASE             # checkpoints of SQLite, ten a second at most
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

import { call } from './pool.mjs';

let after = '';
async function page(origin, key) {
  const { has_more: more, last_id: last } = await call(`${origin}/v1/compliance/activities?limit=5000${after}`, key);
  after = more ? `&after_id=${last}` : '';
}

let name = 0;
const write = (origin, key, workspace) => call(`${origin}/v1/organizations/workspaces/${workspace}`, key, { display_color: `#${String(name++ % 1_000_000).padStart(6, '0')}` });

let sqlite;
function checkpoint(database) {
  // Of another group: the signal that ends this program must not end a checkpoint under way.
  sqlite ??= spawn('sqlite3', ['-cmd', '.timeout 1000', database], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  return new Promise((resolve) => {
    // One row: whether it was blocked, and two sizes.
    sqlite.stdout.once('data', (row) => resolve(sleep(100, String(row).startsWith('0|'))));
    sqlite.stdin.write('PRAGMA wal_checkpoint(TRUNCATE);\n');
  });
}

const [what, ...args] = process.argv.slice(2);
const once = { scan: page, writes: write, checkpoints: checkpoint }[what];
let goes = true;
let done = 0;
process.once('SIGTERM', () => (goes = false));
while (goes) {
  const blocked = await once(...args) === false;
  if (!blocked) done += 1;
  if (!blocked && done === 1) process.stdout.write('begun\n');
}
sqlite?.stdin.end();
process.stdout.write(`${done}\n`);
