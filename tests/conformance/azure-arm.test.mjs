// Microsoft's management clients for Node and for Python, unchanged, make a vault, a key and its role through the emulator's proxy;
// then Latchkey uses the key.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Customer } from '../support/customer.mjs';
import { Dev } from '../support/dev.mjs';

const kKeys = '/v1/organizations/external_keys';
const kGraph = 'https://graph.microsoft.com';
// Debian's packages are in Debian's own Python.
const kPython = '/usr/bin/python3';

function noPython() {
  const done = spawnSync(kPython, ['-c', 'import azure.identity, azure.keyvault.keys, azure.mgmt.authorization, azure.mgmt.keyvault']);
  return done.status === 0 ? false : "no python3-azure here: scripts/test --slow installs Debian's";
}

const dev = new Dev({ args: ['--bare'] });
const program = (name) => fileURLToPath(new URL(name, import.meta.url));
let objects;

before(async () => {
  await dev.start();
  const customer = new Customer(dev);
  const filter = encodeURIComponent(`appId eq '${dev.env.AZURE_CLIENT_ID}'`);
  const found = await customer.call('GET', kGraph, `${kGraph}/v1.0/servicePrincipals?$filter=${filter}`);
  objects = { CUSTOMER_OBJECT_ID: found.value[0].id, PLATFORM_OBJECT_ID: await customer.consent() };
});
after(() => dev.stop());

async function assertOutcome(done) {
  assert.equal(done.status, 0, done.stderr + dev.log);
  const results = JSON.parse(done.stdout);
  const vaultId = `/subscriptions/${dev.env.AZURE_SUBSCRIPTION_ID}/resourceGroups/${dev.env.AZURE_RESOURCE_GROUP}/providers/Microsoft.KeyVault/vaults/${results.name}`;
  assert.equal(results.vault.vaultUri, `https://${results.name}.vault.azure.net/`);
  assert.equal(results.vault.enableRbacAuthorization, true);
  assert.equal(results.vault.enablePurgeProtection, true);
  assert.equal(results.read, true);
  assert.ok(results.listed.includes(results.name));
  assert.deepEqual(results.missing, { statusCode: 404, code: 'ResourceNotFound' });
  assert.match(results.key, /\/keys\/customer-key\/[0-9a-f]{32}$/);
  assert.deepEqual(results.assignment, { scope: `${vaultId}/keys/customer-key`, principalId: objects.PLATFORM_OBJECT_ID });
  assert.deepEqual(results.again, { statusCode: 409, code: 'RoleAssignmentExists' });
  assert.deepEqual(results.atScope, [`${vaultId}/keys/customer-key`]);
  const body = { provider_config: { ...dev.azureKeyBody('customer-key'), vault_uri: results.vault.vaultUri } };
  const registered = await dev.request('POST', kKeys, { body });
  const validated = await dev.request('POST', `${kKeys}/${registered.json.id}/validate`, { body: {} });
  assert.deepEqual(validated.json, { type: 'external_key_validation', status: 'success', error: null });
  return results;
}

test('@azure/arm-keyvault and @azure/arm-authorization', async () => {
  const results = await assertOutcome(dev.node(program('azure-arm-program.mjs'), objects));
  assert.equal(results.unprotect.statusCode, 400);
});

describe("Debian's Python SDKs", { skip: noPython() }, () => {
  test('azure-mgmt-keyvault, azure-mgmt-authorization and azure-keyvault-keys', async () => {
    const done = spawnSync(kPython, [program('azure_python_program.py')], {
      env: { PATH: process.env.PATH, HOME: dev.folder, ...dev.env, ...dev.azureEnv, ...objects },
      encoding: 'utf8',
      timeout: 600_000,
    });
    const results = await assertOutcome(done);
    assert.equal(results.unwrapped, Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString('hex'));
  });
});
