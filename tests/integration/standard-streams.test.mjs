// What a shell can do to a command's standard streams: a full disk, a pipe that nobody reads, closed descriptors; and what
// texts of others could do to a terminal.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Dev, binary } from '../support/dev.mjs';

const dev = new Dev();
let folder;
let database;
before(async () => {
  await dev.start();
  folder = join(dev.folder, 'streams');
  mkdirSync(folder);
  database = join(dev.folder, 'latchkey.db');
  writeFileSync(join(folder, 'plain'), 'plaintext');
});
after(() => dev.stop());

// Runs `"$LATCHKEY" ARGUMENTS REDIRECTIONS` by a shell.
function shell(line) {
  const done = spawnSync('bash', ['-c', line], {
    cwd: folder, encoding: 'utf8', input: '', env: { PATH: process.env.PATH, HOME: folder, ...dev.env, LATCHKEY: binary, DATABASE: database, ROOT_KEY: join(dev.folder, 'root.key') },
  });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

const kLost = {
  '> /dev/full': /No space left on device/,
  '>&-': /standard output is closed: send it somewhere|Bad file descriptor/,
  '> >(exec true)': /Broken pipe/,
};

const kCommands = [
  '--help', '--version', 'keys create --help', 'completion bash', 'explain', 'serve --print-config', 'keys list', 'keys list -o json', 'workspaces list',
  'activity list', 'activity list -o json', 'leases get', 'webhooks list', 'org list --database "$DATABASE" --root-key "$ROOT_KEY"', 'org keys list --database "$DATABASE" --root-key "$ROOT_KEY" -o json',
  'encrypt plain --out -', 'encrypt < plain', 'encrypt plain --remote --out -', 'tour --help',
];

for (const [redirection, message] of Object.entries(kLost)) {
  test(`a command whose output is lost says so: ${redirection}`, () => {
    for (const command of kCommands) {
      // The reader is gone before the first byte: the shell waits for its end.
      const gone = redirection.includes('exec') ? `exec 3> >(exec true); wait $!; "$LATCHKEY" ${command} >&3` : `"$LATCHKEY" ${command} ${redirection}`;
      const done = shell(gone);
      assert.equal(done.code, 1, `${command}: ${done.err}`);
      assert.match(done.err, message, command);
    }
  });
}

test('closed descriptors are no place for results', () => {
  // Without care, the database, its journal, sockets and the lease would get the descriptors 0 to 2.
  for (const closed of ['<&-', '>&-', '2>&-', '<&- >&-', '<&- >&- 2>&-']) {
    const code = closed.includes('>&-') && !/^2/.test(closed) ? 1 : 0;
    assert.equal(shell(`"$LATCHKEY" org list --database "$DATABASE" --root-key "$ROOT_KEY" ${closed}`).code, code, closed);
    assert.equal(shell(`"$LATCHKEY" keys list ${closed}`).code, code, closed);
  }
  assert.equal(shell('"$LATCHKEY" encrypt <&-').code, 1);
  assert.match(shell('"$LATCHKEY" encrypt <&-').err, /standard input: the input cannot be read: Bad file descriptor/);
  const sealed = shell('"$LATCHKEY" encrypt plain --out sealed 2>&- <&- > /dev/null && "$LATCHKEY" decrypt sealed --out -');
  assert.deepEqual([sealed.code, sealed.out], [0, 'plaintext']);
  // No output went into the database: it still lists its organisation.
  assert.match(shell('"$LATCHKEY" org list --database "$DATABASE" --root-key "$ROOT_KEY"').out, /Development/);
});

test('a server that cannot say that it is ready does not run', () => {
  for (const redirection of ['> /dev/full', '>&-']) {
    const done = shell(`"$LATCHKEY" emulator azure --data-dir azure --port 0 ${redirection}`);
    assert.equal(done.code, 1, done.err);
    assert.match(done.err, /standard output (cannot be written|is closed)/);
  }
});

test('a secret that is shown once and was not seen is not kept', () => {
  const list = () => JSON.parse(shell('"$LATCHKEY" org keys list --database "$DATABASE" --root-key "$ROOT_KEY" -o json').out).data;
  const before = list();
  for (const format of ['', '-o json']) {
    const key = shell(`"$LATCHKEY" org keys create --role compliance --database "$DATABASE" --root-key "$ROOT_KEY" ${format} > /dev/full`);
    assert.equal(key.code, 1);
    assert.match(key.err, /No space left on device; apikey_\w+ was revoked again.*latchkey org keys create --role compliance --organization [0-9a-f-]+/);
  }
  const made = list().filter((each) => !before.some((old) => old.id === each.id));
  assert.deepEqual(made.map((each) => each.status), ['archived', 'archived']);

  const hook = shell('"$LATCHKEY" webhooks add http://127.0.0.1:9/hook > /dev/full');
  assert.equal(hook.code, 1);
  assert.match(hook.err, /No space left on device; whep_\w+ was removed again/);
  assert.deepEqual(JSON.parse(shell('"$LATCHKEY" webhooks list -o json').out).data, []);

  const { id } = JSON.parse(shell('"$LATCHKEY" webhooks add http://127.0.0.1:9/hook -o json').out);
  const rotated = shell(`"$LATCHKEY" webhooks rotate ${id} > /dev/full`);
  assert.equal(rotated.code, 1);
  assert.match(rotated.err, new RegExp(`nobody has seen the new secret: latchkey webhooks rotate ${id} shows another`));
  assert.match(JSON.parse(shell(`"$LATCHKEY" webhooks rotate ${id} -o json`).out).secret, /^whsec_/);
});

test('an organisation whose admin key was not seen says how to get one', () => {
  const lost = shell('"$LATCHKEY" org create Contoso --database other.db --root-key other.key > /dev/full');
  assert.equal(lost.code, 1);
  const command = /To get another: latchkey (org keys create .*)$/m.exec(lost.err)[1];
  const key = JSON.parse(shell(`"$LATCHKEY" ${command} --database other.db --root-key other.key -o json`).out);
  assert.deepEqual([key.role, key.status], ['admin', 'active']);
});

test('names are given once where an option is a map', () => {
  for (const command of [
    'encrypt plain --context tenant=a --context tenant=b', 'decrypt plain --context tenant=a --context tenant=a',
    'workspaces create x --tag env=a --tag env=b', `serve --set server.port=0 --set server.port=0`, 'serve --set server.port=0 --port 0',
    'dev --data-dir d --set keyring.soft=5s --set keyring.soft=6s', 'org list --set log.level=off --set log.level=info',
  ]) {
    const done = shell(`"$LATCHKEY" ${command}`);
    assert.equal(done.code, 2, `${command}: ${done.err}`);
    assert.match(done.err, /(--context names tenant|--tag names env|--set names \S+) twice: give it once/);
  }
  assert.ok(!existsSync(join(folder, 'plain.lk')));
});

test('others\' texts do not move the terminal', () => {
  const name = 'a\u001b[2Jb\rc\u009bd';
  writeFileSync(join(folder, name), 'x');
  for (const args of [['encrypt', name], ['encrypt', `missing${name}`], ['decrypt', name], ['keys', 'get', name], ['keys', 'list', `--${name}`]]) {
    const done = dev.cli(args.map((each) => (args[0] !== 'keys' && each === name ? join(folder, name) : each)));
    assert.match(done.out + done.err, /a\ufffd\[2Jb\ufffdc\ufffdd|a%1B|1b/i, args.join(' '));
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(done.out + done.err, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/, args.join(' '));
  }
  // A program gets the true name, whatever the terminal shows.
  const made = JSON.parse(dev.cli(['workspaces', 'create', name, '-o', 'json']).out);
  assert.equal(made.name, name);
});
