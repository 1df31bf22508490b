// Runs Microsoft's clients against the emulator, through its proxy, under the public names. The client program runs in a process
// of its own, for it reads the proxy and the authority from the environment at its start.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Dev } from '../support/dev.mjs';

const dev = new Dev();
let results;

before(async () => {
  await dev.start();
  const run = dev.node(fileURLToPath(new URL('azure-sdk-program.mjs', import.meta.url)));
  assert.equal(run.status, 0, run.stderr + dev.log);
  results = JSON.parse(run.stdout);
});
after(() => dev.stop());

test('keys are created, read and listed', () => {
  assert.equal(results.created.keyType, 'RSA');
  assert.match(results.created.id, new RegExp(`^${dev.env.AZURE_VAULT_URI}keys/sdk-key/[0-9a-f]{32}$`));
  assert.deepEqual(results.created.operations.sort(), ['unwrapKey', 'wrapKey']);
  assert.equal(results.modulusBytes, 384);
  assert.equal(results.read, results.created.id);
  assert.ok(results.listed.includes('sdk-key'));
});

test('what is wrapped unwraps, by the version that wrapped it', () => {
  assert.equal(results.wrappedBy, results.created.id);
  assert.equal(results.wrappedBytes, 384);
  assert.equal(results.unwrapped, '00112233445566778899aabbccddeeff');
  assert.notEqual(results.secondVersion, results.created.id);
  assert.equal(results.unwrappedAfterRotation, '00112233445566778899aabbccddeeff');
});

test('a disabled key refuses to unwrap, and says so', () => {
  assert.deepEqual(results.disabled, { statusCode: 403, code: 'Forbidden', inner: 'KeyDisabled' });
  assert.equal(results.disabledRead, false);
  assert.equal(results.reenabled, '00112233445566778899aabbccddeeff');
});

test('deleted keys are recovered, and not purged', () => {
  assert.equal(results.deleted, 'sdk-key');
  assert.equal(results.gone.statusCode, 404);
  assert.equal(results.gone.code, 'KeyNotFound');
  assert.equal(results.nameTaken.statusCode, 409);
  assert.equal(results.purge.statusCode, 403);
  assert.equal(results.recovered, '00112233445566778899aabbccddeeff');
});

test('the client itself sees what the key does not allow', () => {
  assert.match(results.notAllowed.message, /Operation sign is not supported on key/);
});

test('a wrong secret is told by Entra', () => {
  assert.match(results.wrongSecret, /AADSTS7000215/);
});
