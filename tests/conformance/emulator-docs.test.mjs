// Runs the programs of docs/emulator.md as they stand there, against `latchkey emulator azure`.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Emulator, control } from '../support/emulator.mjs';

const kPage = readFileSync(new URL('../../docs/emulator.md', import.meta.url), 'utf8');
const kPython = '/usr/bin/python3';
const emulator = new Emulator();
before(() => emulator.start(['--enable-control']));
after(async () => {
  await emulator.stop();
  emulator.remove();
});

function block(language) {
  const found = new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(kPage);
  assert.ok(found, language);
  return found[1];
}

function run(command, args, input) {
  const done = spawnSync(command, args, {
    input, encoding: 'utf8', timeout: 600_000, cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { PATH: process.env.PATH, HOME: emulator.folder, ...emulator.env },
  });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout.trim();
}

const kKeyId = () => new RegExp(`^${emulator.env.AZURE_VAULT_URI}keys/${emulator.env.AZURE_KEY_NAME}/[0-9a-f]{32}$`);

test('Node', () => {
  assert.match(run(process.execPath, ['--input-type=module'], block('js')), kKeyId());
});

const python = spawnSync(kPython, ['-c', 'import azure.identity, azure.keyvault.keys']);
test('Python', { skip: python.status === 0 ? false : "no python3-azure here: scripts/test --slow installs Debian's" }, () => {
  assert.match(run(kPython, ['-'], block('python')), kKeyId());
});

test('the fault', async () => {
  run('bash', ['-eu'], block('sh').replaceAll('/tmp/azure', emulator.folder));
  const { json } = await control(emulator.env, 'GET', 'faults');
  assert.equal(json.faults[0].operation, 'KeyUnwrap');
  assert.equal(json.faults[0].share, 0.5);
  assert.equal(json.faults[0].seed, 7);
});
