// Runs the commands as a person types them: help, exit codes, output, files; and the operator's commands without a Dev.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { serving } from '../support/child.mjs';
import { Dev, binary, eventually } from '../support/dev.mjs';

const dev = new Dev();
const folder = mkdtempSync(join(tmpdir(), 'latchkey-cli-'));
before(() => dev.start());
after(async () => {
  await dev.stop();
  rmSync(folder, { recursive: true, force: true });
});

// Runs the binary without a server, and without any variable of the environment.
function bare(args, env = {}) {
  return spawnSync(binary, args, { env: { PATH: process.env.PATH, HOME: folder, ...env }, encoding: 'utf8', input: '' });
}

function json(args, options) {
  const done = dev.cli([...args, '-o', 'json'], options);
  assert.equal(done.code, 0, done.err);
  assert.equal(done.out.trimEnd().split('\n').length, 1, 'one line of JSON, and nothing else');
  return JSON.parse(done.out);
}

const kCommands = [
  'dev', 'tour', 'serve', 'azure verify', 'azure setup', 'org create', 'org list', 'org keys create', 'org keys list',
  'org keys revoke', 'keys create',
  'keys list', 'keys get', 'keys update', 'keys delete', 'keys validate', 'workspaces create', 'workspaces list',
  'workspaces get', 'workspaces attach', 'workspaces archive', 'encrypt', 'decrypt', 'activity list', 'completion', 'emulator azure',
  'leases get', 'leases set', 'leases reset', 'keys health', 'keys resume', 'keys suspend', 'keys rewrap', 'workspaces shred', 'data-keys list', 'explain',
  'webhooks add', 'webhooks list', 'webhooks get', 'webhooks test', 'webhooks deliveries', 'webhooks rotate', 'webhooks enable',
  'webhooks disable', 'webhooks remove', 'root-key list', 'root-key rotate', 'root-key prune', 'root-key check', 'root-key seal',
];

test('each command explains itself with an example', () => {
  for (const command of kCommands) {
    const done = bare([...command.split(' '), '--help']);
    assert.equal(done.status, 0, command);
    assert.match(done.stdout, /Examples?:\n {2}\S/, command);
    assert.ok(done.stdout.includes(`latchkey ${command}`), command);
    assert.equal(done.stderr, '', command);
  }
});

test('the list of commands above is whole', () => {
  const listed = (path) => {
    const help = bare([...path, '--help']).stdout;
    const names = [...(help.split(/\nSubcommands:\n/i)[1] ?? '').split('\n\n')[0].matchAll(/^ {2}(\S+) /gm)].map((match) => match[1]);
    return names.flatMap((name) => listed([...path, name])).concat(names.length === 0 ? [path.join(' ')] : []);
  };
  assert.deepEqual(listed([]).sort(), [...kCommands].sort());
});

test('a group and the whole explain themselves too', () => {
  for (const args of [[], ['azure'], ['org'], ['org', 'keys'], ['keys'], ['workspaces'], ['activity'], ['leases'], ['data-keys'], ['webhooks'], ['root-key']]) {
    const done = bare([...args, '--help']);
    assert.equal(done.status, 0, args.join(' '));
    assert.match(done.stdout, /subcommands/i);
  }
  assert.match(bare(['--version']).stdout, /^latchkey \d+\.\d+/);
});

test('a wrong command line is 2, on standard error, and tries nothing', () => {
  for (const args of [
    [], ['nothing'], ['keys'], ['keys', 'list', '--nothing'], ['keys', 'get'], ['keys', 'list', '-o', 'yaml'],
    ['keys', 'list', '--limit', 'many'], ['keys', 'create', '--key-name', 'k'], ['workspaces', 'create'],
    ['workspaces', 'create', 'x', '--tag', 'no-equals'], ['workspaces', 'attach', 'wrkspc_1'],
    ['encrypt', '--workspace', 'w', '--context', 'no-equals'], ['encrypt', 'one', 'two', '--workspace', 'w', '--out', 'x'],
    ['encrypt', '-o', 'json', '--workspace', 'w'], ['org', 'keys', 'create'], ['org', 'keys', 'create', '--role', 'king'],
    ['completion', 'cmd'], ['dev', '--port', '70000'], ['serve', '--port', 'x'], ['serve', '--set', 'nothing'],
  ]) {
    const done = bare(args);
    assert.equal(done.status, 2, `latchkey ${args.join(' ')}: ${done.stderr}`);
    assert.equal(done.stdout, '', args.join(' '));
    assert.notEqual(done.stderr, '', args.join(' '));
  }
});

test('without a key it says which variable to set', () => {
  for (const [args, variable] of [
    [['keys', 'list'], 'LATCHKEY_ADMIN_KEY'],
    [['workspaces', 'list'], 'LATCHKEY_ADMIN_KEY'],
    [['activity', 'list'], 'LATCHKEY_ADMIN_KEY'],
    [['encrypt', '--workspace', 'wrkspc_1'], 'LATCHKEY_WORKSPACE_KEY'],
    [['decrypt', '--workspace', 'wrkspc_1'], 'LATCHKEY_WORKSPACE_KEY'],
  ]) {
    const done = bare(args);
    assert.equal(done.status, 2, args.join(' '));
    assert.ok(done.stderr.includes(`set ${variable}`) && done.stderr.includes('dev.env'), done.stderr);
  }
});

test('where no server answers, it says so and how to start one', () => {
  const done = bare(['keys', 'list', '--url', 'http://127.0.0.1:1'], { LATCHKEY_ADMIN_KEY: 'sk-latchkey-admin01-x' });
  assert.equal(done.status, 1);
  assert.match(done.stderr, /no Latchkey server answers at http:\/\/127\.0\.0\.1:1.*latchkey dev/);
});

test('a key by file and by standard input, and a wrong one', () => {
  const file = join(folder, 'admin.key');
  writeFileSync(file, dev.env.LATCHKEY_ADMIN_KEY + '\n');
  const none = { LATCHKEY_ADMIN_KEY: '' };
  assert.equal(dev.cli(['keys', 'list', '--api-key-file', file], { env: none }).code, 0);
  const input = dev.env.LATCHKEY_ADMIN_KEY + '\n';
  assert.equal(dev.cli(['keys', 'list', '--api-key-file', '-'], { env: none, input }).code, 0);
  const wrong = dev.cli(['keys', 'list'], { env: { LATCHKEY_ADMIN_KEY: 'sk-latchkey-admin01-wrong' } });
  assert.equal(wrong.code, 1);
  assert.doesNotMatch(wrong.err, /admin01-wrong/);
});

test('from a registration to data and back', () => {
  const key = json(['keys', 'create', '--vault-uri', dev.env.AZURE_VAULT_URI, '--key-name', dev.env.AZURE_KEY_NAME,
    '--tenant-id', dev.env.AZURE_TENANT_ID, '--name', 'walk']);
  assert.equal(key.display_name, 'walk');
  assert.deepEqual(json(['keys', 'get', key.id]), key);
  assert.equal(json(['keys', 'update', key.id, '--name', 'walked']).display_name, 'walked');
  assert.deepEqual(json(['keys', 'validate', key.id]), { type: 'external_key_validation', status: 'success', error: null });
  assert.match(dev.cli(['keys', 'validate', key.id]).out, /^success/);

  const workspace = json(['workspaces', 'create', 'walk', '--tag', 'env=test']);
  assert.deepEqual(workspace.tags, { env: 'test' });
  const attach = ['workspaces', 'attach', workspace.id, '--external-key', key.id];
  const unasked = dev.cli(attach, { input: '' });
  assert.equal(unasked.code, 2);
  assert.match(unasked.err, /for good.*--yes/);
  assert.equal(json(['workspaces', 'get', workspace.id]).external_key_id, null);
  assert.equal(json([...attach, '--yes']).external_key_id, key.id);

  const inUse = dev.cli(['keys', 'delete', key.id]);
  assert.equal(inUse.code, 1);
  assert.ok(inUse.err.includes(workspace.id), inUse.err);

  const plain = join(folder, 'plain.bin');
  const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 256));
  writeFileSync(plain, content);
  chmodSync(plain, 0o640);
  const env = { LATCHKEY_WORKSPACE_ID: workspace.id, LATCHKEY_WORKSPACE_KEY: dev.env.LATCHKEY_SERVICE_KEY };
  const sealed = json(['encrypt', plain], { env });
  assert.equal(sealed.data[0].output, `${plain}.lk`);
  assert.match(sealed.data[0].data_key_id, /^dk_/);
  assert.equal(statSync(`${plain}.lk`).mode & 0o777, 0o640);
  assert.equal(readFileSync(`${plain}.lk`).includes(content.subarray(0, 64)), false);

  const taken = dev.cli(['decrypt', `${plain}.lk`], { env });
  assert.equal(taken.code, 1, 'the plaintext is still there');
  assert.match(taken.err, /exists already.*--force/);
  writeFileSync(plain, 'something else');
  assert.equal(dev.cli(['decrypt', `${plain}.lk`, '--force'], { env }).code, 0);
  assert.deepEqual(readFileSync(plain), content);
  assert.equal(statSync(plain).mode & 0o777, 0o600, 'plaintext is for its owner alone');
  const elsewhere = join(folder, 'elsewhere');
  assert.equal(dev.cli(['decrypt', `${plain}.lk`, '--out', elsewhere], { env }).code, 0);
  assert.deepEqual(readFileSync(elsewhere), content);

  const archived = dev.cli(['workspaces', 'archive', workspace.id], { input: '' });
  assert.equal(archived.code, 2);
  assert.notEqual(json(['workspaces', 'archive', workspace.id, '-y']).archived_at, null);
});

test('standard input, standard output and a context', () => {
  const sealed = dev.cli(['encrypt', '--context', 'table=users', '--context', 'row=7'], { input: 'a secret' });
  assert.equal(sealed.code, 0, sealed.err);
  assert.equal(sealed.err, '');
  const open = (...context) => dev.cli(['decrypt', ...context.flatMap((c) => ['--context', c])], { input: sealed.stdout });
  assert.equal(open('row=7', 'table=users').out, 'a secret');
  for (const context of [[], ['table=users'], ['table=users', 'row=8']]) {
    const refused = open(...context);
    assert.equal(refused.code, 1);
    assert.equal(refused.out, '');
    assert.match(refused.err, /context/);
  }
  const asJson = dev.cli(['decrypt', '--out', join(folder, 'never'), '-o', 'json'], { input: sealed.stdout });
  assert.equal(asJson.code, 1);
  assert.equal(JSON.parse(asJson.out.split('\n')[0]).error.reason, 'stream_key_mismatch');
  const empty = dev.cli(['encrypt'], { input: '' });
  assert.equal(dev.cli(['decrypt'], { input: empty.stdout }).out, '');
});

test('lists are one JSON object, and text is a table', () => {
  for (const args of [['keys', 'list'], ['workspaces', 'list'], ['workspaces', 'list', '--include-archived'], ['activity', 'list']]) {
    assert.ok(Array.isArray(json(args).data), args.join(' '));
    const table = dev.cli(args);
    assert.equal(table.code, 0);
    assert.match(table.out, /^[A-Z]+ .*\n/);
    assert.doesNotMatch(table.out, /\x1b/);
  }
  assert.equal(json(['activity', 'list', '--limit', '2']).data.length, 2);
  const types = json(['activity', 'list', '--type', 'platform_workspace_created']).data.map((activity) => activity.type);
  assert.ok(types.length > 0 && types.every((type) => type === 'platform_workspace_created'));
  const organizations = bare(['org', 'list', '--database', join(dev.folder, 'latchkey.db'), '--root-key', join(dev.folder, 'root.key'), '-o', 'json']);
  assert.deepEqual(JSON.parse(organizations.stdout).data.map((row) => row.id), [dev.env.LATCHKEY_ORGANIZATION_ID]);
});

test('bash completes it', () => {
  const script = join(folder, 'completion.bash');
  writeFileSync(script, bare(['completion', 'bash']).stdout);
  assert.equal(spawnSync('bash', ['-n', script]).status, 0);
  const complete = (...words) => spawnSync('bash', ['-c',
    `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _latchkey; printf '%s\\n' "\${COMPREPLY[@]}"`, script, ...words],
  { encoding: 'utf8' }).stdout.trim().split('\n');
  assert.deepEqual(complete('latchkey', 'ke'), ['keys']);
  assert.deepEqual(complete('latchkey', 'keys', 'val'), ['validate']);
  assert.deepEqual(complete('latchkey', 'org', 'keys', 'rev'), ['revoke']);
  assert.deepEqual(complete('latchkey', 'keys', 'create', '--vault'), ['--vault-uri']);
  assert.ok(complete('latchkey', '').includes('serve'));
  for (const shell of ['zsh', 'fish']) assert.notEqual(bare(['completion', shell]).stdout, '');
});

test('the annotated settings are the documented ones', () => {
  const documented = fileURLToPath(new URL('../../docs/latchkey.example.toml', import.meta.url));
  const printed = bare(['serve', '--print-config']);
  assert.equal(printed.status, 0);
  assert.equal(printed.stdout, readFileSync(documented, 'utf8'));
});

test('a mistake in the settings is named with its file and line', () => {
  const file = join(folder, 'latchkey.toml');
  for (const [text, said] of [
    ['[server]\nport = "many"\n', ':2 (server.port): expected a whole number from 0 to 65535, got "many"'],
    ['[server]\nport = 1\nprot = 2\n', ':3: there is no setting "server.prot"'],
    ['[server\n', ':1: '],
    ['surprise = 1\n', ':1: there is no setting "surprise"'],
    ['\n\n[keyring]\nsoft = "soon"\n', ':4 (keyring.soft): expected a duration'],
  ]) {
    writeFileSync(file, text);
    const done = bare(['serve', '--config', file]);
    assert.equal(done.status, 2, done.stderr);
    assert.ok(done.stderr.includes(file + said), done.stderr);
  }
  const missing = bare(['serve', '--config', join(folder, 'missing.toml')]);
  assert.equal(missing.status, 2);
  assert.ok(missing.stderr.includes('missing.toml'), missing.stderr);
  const variable = bare(['serve'], { LATCHKEY_SERVER_PORT: 'x' });
  assert.equal(variable.status, 2);
  assert.match(variable.stderr, /LATCHKEY_SERVER_PORT/);
});

test('an operator makes organisations and keys, serves, and revokes', async () => {
  const database = join(folder, 'served.db');
  const run = (...args) => {
    const done = bare([...args, '--database', database, '--root-key', join(folder, 'root.key'), '-o', 'json']);
    assert.equal(done.status, 0, done.stderr);
    return JSON.parse(done.stdout);
  };
  const none = bare(['org', 'keys', 'list', '--database', database, '--root-key', join(folder, 'root.key')]);
  assert.equal(none.status, 1);
  assert.match(none.stderr, /latchkey org create/);
  const first = run('org', 'create', 'First');
  assert.match(first.key, /^sk-latchkey-admin01-/);
  const alone = run('org', 'keys', 'create', '--role', 'compliance', '--name', 'auditor');
  assert.match(alone.key, /^sk-latchkey-compliance01-/);
  const second = run('org', 'create', 'Second');
  assert.notEqual(second.organization_id, first.organization_id);
  assert.deepEqual(run('org', 'list').data.map((row) => row.name).sort(), ['First', 'Second']);
  const unsaid = bare(['org', 'keys', 'list', '--database', database, '--root-key', join(folder, 'root.key')]);
  assert.equal(unsaid.status, 1);
  assert.match(unsaid.stderr, /--organization/);
  const service = run('org', 'keys', 'create', '--role', 'service', '--organization', second.organization_id);
  const listed = run('org', 'keys', 'list', '--organization', second.organization_id).data;
  assert.deepEqual(listed.map((key) => key.role).sort(), ['admin', 'service']);
  assert.ok(listed.every((key) => !JSON.stringify(key).includes(service.key)), 'shown once');

  const server = await serving({ 'root_key.file': join(folder, 'root.key'), 'log.format': 'json' }, ['--database', database, '--root-key', join(folder, 'root.key')]);
  const { url } = server;
  try {
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    const encrypt = () => fetch(`${url}/v1/workspaces/${second.default_workspace_id}/encrypt`, {
      method: 'POST', headers: { 'x-api-key': service.key, 'content-type': 'application/octet-stream' }, body: 'x',
    });
    assert.equal((await encrypt()).status, 200);
    assert.equal(run('org', 'keys', 'revoke', service.id, '--organization', second.organization_id).type, 'api_key_revoked');
    // The server hears of another process's changes within a second.
    const refused = await eventually(async () => {
      const response = await encrypt();
      return response.status === 200 ? undefined : response;
    });
    assert.equal(refused.status, 401);
    assert.equal((await refused.json()).error.type, 'authentication_error');
  } finally {
    assert.deepEqual(await server.kill('SIGTERM'), { code: 0, signal: null });
  }
  for (const line of server.stderr.trim().split('\n')) JSON.parse(line);
  assert.ok(!server.stderr.includes(service.key));
});

test('a lease policy above what the operator allows is told with the cure', () => {
  const done = dev.cli(['leases', 'set', '--soft', '24h', '--hard', '24h']);
  assert.equal(done.code, 1);
  assert.match(done.err, /soft_seconds must be at most 300 on this server.*keyring\.most_soft.*Set 300 or less, or have the operator raise it/s);
  assert.equal(json(['leases', 'get']).inherited, true);
});
