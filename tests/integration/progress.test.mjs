// What a person sees while a script works for long: a line that moves on a terminal, and a line now and then elsewhere.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Child } from '../support/child.mjs';

const kLibrary = fileURLToPath(new URL('../../scripts/lib/progress.sh', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'latchkey-progress-'));
const log = join(folder, 'build.log');
after(() => rmSync(folder, { recursive: true, force: true }));

// A build that stays in the middle of its files until the file `done` exists.
const kBuild = `echo '[12/48] Building x.o'; until [ -e '${folder}/done' ]; do read -rt 0.05 <> <(:) || true; done; exit 7`;
const kScript = `set -euo pipefail; . '${kLibrary}'
  with_progress 'building release' '${log}' count_ninja bash -c "$BUILD" || echo "it ended with $?"`;
const env = { PATH: process.env.PATH, BUILD: kBuild };

async function shown(command, args, more, pattern) {
  const child = new Child(command, args, { env: { ...env, ...more } });
  try {
    await child.says(pattern, 'stdout');
    spawnSync('touch', [join(folder, 'done')]);
    assert.equal((await child.ended).code, 0, child.stderr);
  } finally {
    await child.kill();
    rmSync(join(folder, 'done'), { force: true });
  }
  assert.match(child.stdout, /it ended with 7\r?\n$/);
  assert.equal(readFileSync(log, 'utf8'), '[12/48] Building x.o\n', 'the log is kept');
  return child.stdout;
}

test('without a terminal there is a line now and then', async () => {
  const out = await shown('bash', ['-c', kScript], { LATCHKEY_PROGRESS_SECONDS: '0.05' }, /^building release: file 12 of 48, \d+ s so far$/m);
  assert.doesNotMatch(out, /\r/);
});

test('on a terminal one line moves', async () => {
  const out = await shown('script', ['-qec', 'bash -c "$SCRIPT"', '/dev/null'], { SCRIPT: kScript, SHELL: '/bin/bash' },
    /\r\x1b\[Kbuilding release: file 12 of 48, \d+ s so far/);
  assert.equal(out.split('\n').length, 2, JSON.stringify(out));
});

test('each tool is read for how far it is', () => {
  const count = (name, text) => {
    const done = spawnSync('bash', ['-c', `. '${kLibrary}'; ${name}`], { input: text, encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
    return done.stdout.trim();
  };
  assert.equal(count('count_ninja', '-- Configuring done\n[1/9] a\n[2/9] b\nwarning: [7/7]\n'), 'file 2 of 9');
  assert.equal(count('count_ninja', 'nothing yet\n'), '');
  const apt = 'Get:1 http://mirror.example bookworm InRelease\n0 upgraded, 3 newly installed, 0 to remove\n';
  assert.equal(count('count_apt', apt), '0 of 3 packages fetched');
  assert.equal(count('count_apt', `${apt}Get:1 http://mirror.example a\n`), '1 of 3 packages fetched');
  assert.equal(count('count_apt', `${apt}Setting up a (1) ...\nSetting up b (1) ...\n`), 'package 2 of 3 set up');
  assert.equal(count('count_ctest', ' 3/40 Test  #3: A.b ....   Passed\n'), 'test 3 of 40');
  assert.equal(count('count_tap', 'TAP version 13\nok 1 - a\n    not ok 2 - b\n'), '2 tests');
});

test('what waits for it is not held up once it is over', () => {
  const done = spawnSync('bash', ['--norc', '-c', `set -euo pipefail; . '${kLibrary}'; with_progress quick '${log}' true true; echo over`], {
    encoding: 'utf8', env: { ...env, LATCHKEY_PROGRESS_SECONDS: '100000' }, timeout: 60_000,
  });
  assert.equal(done.signal, null);
  assert.deepEqual([done.stdout, done.stderr], ['over\n', '']);
});
