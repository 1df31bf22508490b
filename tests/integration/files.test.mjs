// `latchkey encrypt` and `latchkey decrypt`: files of any size on this machine, pipes, refusals, and that a run that failed leaves
// nothing.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Customer } from '../support/customer.mjs';
import { Child, serving } from '../support/child.mjs';
import { Dev, binary, eventually } from '../support/dev.mjs';

const kKeys = '/v1/organizations/external_keys';
const kWorkspaces = '/v1/organizations/workspaces';

const dev = new Dev();
const customer = new Customer(dev);
let folder;
let other;
before(async () => {
  await dev.start();
  folder = join(dev.folder, 'files');
  mkdirSync(folder);
  const key = await dev.request('POST', kKeys, { body: { display_name: 'files', provider_config: dev.azureKeyBody() } });
  await dev.request('POST', `${kWorkspaces}/${dev.env.LATCHKEY_WORKSPACE_ID}`, { body: { external_key_id: key.json.id } });
  other = (await dev.request('POST', kWorkspaces, { body: { name: 'other' } })).json.id;
});
after(() => dev.stop());

const run = (...args) => dev.cli(args);
const at = (name) => join(folder, name);
function make(name, size) {
  const content = randomBytes(size);
  writeFileSync(at(name), content);
  return content;
}
function refused(done, message, left = []) {
  assert.equal(done.code, 1, done.out + done.err);
  assert.match(done.err, message);
  for (const name of left) assert.ok(!existsSync(at(name)), `${name} was left behind`);
}

test('files of every size, several at once, with their modes', () => {
  const sizes = [0, 1, 16383, 16384, 16385, 3 * 16384 + 1, 524288, 524289, 3_000_000];
  const contents = sizes.map((size, index) => make(`f${index}`, size));
  chmodSync(at('f1'), 0o640);
  const names = sizes.map((_, index) => at(`f${index}`));
  const sealed = run('encrypt', '-o', 'json', ...names);
  assert.equal(sealed.code, 0, sealed.err);
  const done = JSON.parse(sealed.out).data;
  done.forEach((one, index) => {
    const size = sizes[index] + 76 + 16 * (Math.floor(sizes[index] / 16384) + 1);
    assert.deepEqual([one.output, one.bytes], [`${names[index]}.lk`, size]);
    assert.match(one.data_key_id, /^dkey_|^[a-z]+_/);
  });
  assert.equal(statSync(at('f1.lk')).mode & 0o777, 0o640);
  for (let index = 0; index < sizes.length; ++index) {
    const back = run('decrypt', `${names[index]}.lk`, '--out', `${names[index]}.back`);
    assert.equal(back.code, 0, back.err);
    assert.match(back.out, /f\d\.lk -> .*\.back\n/);
    assert.ok(readFileSync(`${names[index]}.back`).equals(contents[index]), names[index]);
  }
  assert.equal(statSync(at('f1.back')).mode & 0o777, 0o600, 'plaintext is for its owner alone');
});

test('pipes, and one thread or several, are the same', () => {
  const content = randomBytes(2_000_000);
  for (const threads of ['1', '2', '5']) {
    const sealed = dev.cli(['encrypt', '--threads', threads, '--context', 'backup=monday'], { input: content });
    assert.equal(sealed.code, 0, sealed.err);
    const opened = dev.cli(['decrypt', '--context', 'backup=monday'], { input: sealed.stdout });
    assert.equal(opened.code, 0, opened.err);
    assert.ok(opened.stdout.equals(content));
  }
});

test('by the server, and what the server made is opened without saying so', () => {
  const content = make('small', 1000);
  const sealed = run('encrypt', '--remote', at('small'));
  assert.equal(sealed.code, 0, sealed.err);
  assert.deepEqual([...readFileSync(at('small.lk')).subarray(0, 4)], [0x4c, 0x4b, 1, 1]);
  assert.ok(run('decrypt', at('small.lk'), '--out', '-').stdout.equals(content));
  make('large', 16 * 1024 * 1024 + 1);
  refused(run('encrypt', '--remote', at('large')), /larger than the 16 MiB .* leave --remote away/, ['large.lk']);
});

test('what is there is not replaced unless it is said', () => {
  make('kept', 10);
  writeFileSync(at('kept.lk'), 'mine');
  refused(run('encrypt', at('kept')), /kept\.lk exists already: remove it, or say --force/);
  assert.equal(readFileSync(at('kept.lk'), 'utf8'), 'mine');
  assert.equal(run('encrypt', '--force', at('kept')).code, 0);
  assert.notEqual(readFileSync(at('kept.lk'), 'utf8'), 'mine');
});

test('what is damaged, cut off, or of another place is refused, and nothing is left', () => {
  make('good', 100_000);
  assert.equal(run('encrypt', '--context', 'a=b', at('good')).code, 0);
  const stream = readFileSync(at('good.lk'));
  const spoil = (name, change) => {
    const copy = Buffer.from(stream);
    writeFileSync(at(name), change(copy) ?? copy);
    return at(name);
  };
  const open = (file, ...more) => run('decrypt', '--context', 'a=b', file, '--out', at('out'), ...more);
  refused(open(spoil('flipped.lk', (bytes) => { bytes[50_000] ^= 1; })), /chunk 3 of the stream, .* damaged/, ['out']);
  refused(open(spoil('cut.lk', (bytes) => bytes.subarray(0, 76 + 2 * 16400))), /cut off/, ['out']);
  refused(open(spoil('short.lk', (bytes) => bytes.subarray(0, 30))), /cut off/, ['out']);
  refused(open(spoil('text.lk', () => Buffer.from('hello, this is no stream at all'))), /not a Latchkey stream/, ['out']);
  refused(open(spoil('prefix.lk', (bytes) => { bytes[60] ^= 1; })), /another data key, for another workspace or with another context/, ['out']);
  refused(run('decrypt', at('good.lk'), '--out', at('out')), /another context/, ['out']);
  refused(open(at('good.lk'), '--workspace', other), /There is no workspace/, ['out']);
  // To a pipe, the command has written the good part by then; the error and the exit code say that it is not all.
  const piped = dev.cli(['decrypt', '--context', 'a=b'], { input: stream.subarray(0, stream.length - 20) });
  refused(piped, /standard input: /);
  assert.equal(open(at('good.lk')).code, 0);
});

test('what cannot be read or asked for is said', () => {
  refused(run('encrypt', at('none')), /none: cannot be opened: No such file/);
  refused(run('encrypt', folder), /is a folder/);
  refused(run('decrypt', at('f1')), /does not end in \.lk: say where/);
  make('x', 10);
  refused(run('encrypt', at('x'), '--workspace', 'wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ'), /workspace/i, ['x.lk']);
  refused(run('encrypt', at('x'), '--out', at('no/such/folder')), /cannot be written: No such file/);
  const both = run('encrypt', at('x'), '--local', '--remote');
  assert.equal(both.code, 2);
  const mixed = run('encrypt', '-o', 'json', '-');
  assert.equal(mixed.code, 2);
});

test('one that fails does not keep the others from being done', () => {
  make('first', 10);
  make('third', 10);
  const done = run('encrypt', at('first'), at('second'), at('third'));
  refused(done, /second: cannot be opened/);
  assert.ok(existsSync(at('first.lk')) && existsSync(at('third.lk')));
});

test('an interrupted run leaves nothing', async () => {
  const before = readdirSync(folder).sort();
  const child = new Child(binary, ['encrypt', '--out', at('interrupted')], {
    env: { PATH: process.env.PATH, HOME: dev.folder, ...dev.env }, stdio: ['pipe', 'ignore', 'pipe'],
  });
  child.process.stdin.on('error', () => {});
  // Far more than the pipe holds: once the command has taken all of it, it is in the middle of its work.
  await new Promise((resolve) => child.process.stdin.write(randomBytes(4_000_000), resolve));
  assert.deepEqual(await child.kill(), { code: null, signal: 'SIGKILL' }, child.stderr);
  assert.deepEqual(readdirSync(folder).sort(), before);
});

test('where the server leases out no data keys, small files go through it', async () => {
  const server = await serving({
    'store.database': join(dev.folder, 'latchkey.db'), 'root_key.file': join(dev.folder, 'root.key'), 'keyring.lend_data_keys': false,
  });
  try {
    const env = { LATCHKEY_URL: server.url, LATCHKEY_WORKSPACE_KEY: dev.env.LATCHKEY_SERVICE_KEY, LATCHKEY_WORKSPACE_ID: other };
    const there = (...args) => dev.cli(args, { env });
    const content = make('sent', 1000);
    const sealed = there('encrypt', at('sent'));
    assert.equal(sealed.code, 0, sealed.err);
    assert.equal(sealed.err, '');
    assert.equal(statSync(at('sent.lk')).size, content.length + 92, 'a record: the server made it');
    assert.deepEqual(there('decrypt', at('sent.lk'), '--out', '-').stdout, content);
    refused(there('encrypt', '--local', '--out', at('kept-here'), at('sent')), /leases out no data keys: .*--remote.*keyring\.lend_data_keys/s, ['kept-here']);
    make('large', 16 * 1024 * 1024 + 1);
    refused(there('encrypt', at('large')), /larger than the 16 MiB/, ['large.lk']);
    // Decrypting a stream that another program made needs a leased data key.
    assert.equal(dev.cli(['encrypt', '--out', at('stream.lk'), at('sent')], { env: { ...env, LATCHKEY_URL: dev.env.LATCHKEY_URL } }).code, 0);
    refused(there('decrypt', at('stream.lk'), '--out', at('opened')), /leases out no data keys/, ['opened']);
  } finally {
    await server.kill('SIGTERM');
  }
});

test('a customer that has pulled its key is obeyed', async () => {
  make('secret', 1000);
  assert.equal(run('encrypt', at('secret')).code, 0);
  await customer.updateKey(dev.env.AZURE_KEY_NAME, { attributes: { enabled: false } });
  // Until the lease ends, decrypting still works.
  await eventually(() => run('decrypt', at('secret.lk'), '--out', '-').code === 1);
  refused(run('decrypt', at('secret.lk'), '--out', at('revealed')), /disabled/, ['revealed']);
  refused(run('encrypt', '--force', at('secret')), /disabled/);
  await customer.updateKey(dev.env.AZURE_KEY_NAME, { attributes: { enabled: true } });
  await eventually(() => run('decrypt', '--force', at('secret.lk'), '--out', at('revealed')).code === 0);
});
