// Causes each reason that the emulator can cause, and checks its code where programs look for it: in a validation, and in a decrypt
// once the lease has ended. The test azure-causes has the sentences.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Customer } from '../support/customer.mjs';
import { Dev, audit, eventually } from '../support/dev.mjs';
import { control } from '../support/emulator.mjs';

const kKeys = '/v1/organizations/external_keys';
const kWorkspaces = '/v1/organizations/workspaces';
const kAdministrator = '00482a5a-887f-4fb3-b363-3b7fe8e74483';

// A short lease, for each test waits for the end of one.
const dev = new Dev({ args: ['--bare', '--enable-control', '--set', 'keyring.soft=1s'] });
const customer = new Customer(dev);
let principal;
before(async () => {
  await dev.start();
  principal = await customer.consent();
});
after(() => dev.stop());

async function ask(method, path, body) {
  const response = await control(dev.env, method, path, body);
  assert.ok(response.status < 300, JSON.stringify(response));
  return response.json;
}

/** A registered key, attached to a workspace of its own that has a record. */
async function inUse(name, config = dev.azureKeyBody(name)) {
  const key = (await dev.request('POST', kKeys, { body: { provider_config: config } })).json.id;
  const workspace = await dev.request('POST', kWorkspaces, { body: { name, external_key_id: key } });
  assert.equal(workspace.status, 200, workspace.bytes);
  const sealed = await data(workspace.json.id, 'encrypt', { plaintext: 'aGVsbG8=' });
  assert.equal(sealed.status, 200, sealed.bytes);
  return { key, workspace: workspace.json.id, ciphertext: sealed.json.ciphertext };
}

function data(workspace, operation, body) {
  return dev.request('POST', `/v1/workspaces/${workspace}/${operation}`, { key: dev.env.LATCHKEY_SERVICE_KEY, body });
}

const validate = async ({ key }) => (await dev.request('POST', `${kKeys}/${key}/validate`, { body: {} })).json;
const decrypt = ({ workspace, ciphertext }) => data(workspace, 'decrypt', { ciphertext });

/** Decrypts until the server refuses, once the lease has ended. */
const refusal = (record, operation = () => decrypt(record)) => eventually(async () => {
  const response = await operation();
  return response.status !== 200 && response;
});

/** `refused` starts a request that is refused while the validation runs; without it, decrypting is refused afterwards. */
async function assertTold(record, reason, errorCode, refused) {
  const [told, early] = await Promise.all([validate(record), refused?.()]);
  assert.equal(told.status, 'failure');
  assert.equal(told.reason, reason, told.error);
  const response = early ?? await refusal(record);
  assert.deepEqual(response.json.error.details, { error_code: errorCode, reason }, response.bytes.toString());
  const shown = dev.cli(['explain', reason, '-o', 'json']);
  assert.equal(JSON.parse(shown.out).reason, reason);
}

/** After a validation, the cure works at once. */
async function assertCured(record) {
  assert.equal((await validate(record)).status, 'success');
  await eventually(async () => (await decrypt(record)).status === 200);
}

const kVault = 'https://vault.azure.net';

/** Makes a vault of its own, without purge protection, with a key `key` that the platform may use; returns its registration. */
async function vaultWithKey(name, key) {
  await customer.arm('PUT', customer.vaultId(name), '2022-07-01', {
    location: 'eastus',
    properties: { tenantId: dev.env.AZURE_TENANT_ID, sku: { family: 'A', name: 'standard' }, enableRbacAuthorization: true },
  });
  const admin = await customer.graph('GET', `servicePrincipals(appId='${dev.env.AZURE_CLIENT_ID}')`);
  await customer.grant(admin.id, '', customer.vaultId(name), kAdministrator);
  const uri = `https://${name}.vault.azure.net/`;
  await customer.importKey(key, uri);
  await customer.grant(principal, '', customer.vaultId(name));
  return { ...dev.azureKeyBody(key), vault_uri: uri };
}

// What happens to one key. Each test has a key of its own, and all run at once, as each waits for its lease.
describe('a key', { concurrency: true }, () => {
  async function made(name) {
    await customer.importKey(name);
    await customer.grant(principal, name);
    return inUse(name);
  }

  test('is disabled, and enabled again', async () => {
    const record = await made('disabled');
    await customer.updateKey('disabled', { attributes: { enabled: false } });
    await assertTold(record, 'key_disabled', 'cmek_key_disabled');
    await customer.updateKey('disabled', { attributes: { enabled: true } });
    await assertCured(record);
  });

  test('has expired: what is encrypted is read on, what is new is refused', async () => {
    const record = await made('expired');
    await customer.updateKey('expired', { attributes: { exp: Math.floor(Date.now() / 1000) - 60 } });
    const workspace = (await dev.request('POST', kWorkspaces, { body: { name: 'expired-new' } })).json.id;
    const attached = await dev.request('POST', `${kWorkspaces}/${workspace}`, { body: { external_key_id: record.key } });
    assert.deepEqual(attached.json.error.details, { error_code: 'external_key_validation_failed', reason: 'key_expired' });
    // The lease from before has ended once the expired key has unwrapped again.
    const unwraps = async () => (await audit(dev, `${dev.env.AZURE_VAULT_NAME}&operation=KeyUnwrap&result=success&key=expired`)).length;
    const before = await unwraps();
    await eventually(async () => {
      assert.equal((await decrypt(record)).status, 200);
      return (await unwraps()) > before;
    });
    assert.equal((await decrypt(record)).status, 200);
  });

  test('is deleted, and recovered', async () => {
    const record = await made('deleted');
    await customer.deleteKey('deleted');
    await assertTold(record, 'key_deleted', 'cmek_key_disabled');
    assert.match((await validate(record)).error, /can be recovered until 20\d\d-/);
    await customer.call('POST', kVault, `${dev.env.AZURE_VAULT_URI}deletedkeys/deleted/recover?api-version=7.4`);
    await assertCured(record);
  });

  test('is purged', async () => {
    const config = await vaultWithKey('unprotected', 'purged');
    const uri = config.vault_uri;
    const record = await inUse('purged', config);
    await customer.call('DELETE', kVault, `${uri}keys/purged?api-version=7.4`);
    await customer.call('DELETE', kVault, `${uri}deletedkeys/purged?api-version=7.4`, undefined, [204]);
    const response = await refusal(record);
    assert.deepEqual(response.json.error.details, { error_code: 'cmek_key_disabled', reason: 'key_purged' });
    // Nothing shows that the registered key ever existed.
    const told = await validate(record);
    assert.equal(told.reason, 'key_not_found');
    assert.match(told.error, /it is not among the vault's deleted keys/);
  });

  test('has lost its role', async () => {
    const record = await made('revoked');
    const path = '{vault}/keys/revoked/providers/Microsoft.Authorization/roleAssignments';
    const { value } = await customer.arm('GET', path, '2022-04-01');
    const held = value.find((each) => each.properties.principalId === principal && each.properties.scope.endsWith('/revoked'));
    await customer.arm('DELETE', held.id, '2022-04-01', undefined, [200, 204]);
    await assertTold(record, 'role_missing', 'cmek_key_disabled');
    await customer.grant(principal, 'revoked');
    await assertCured(record);
  });

  test('must not be unwrapped with', async () => {
    const record = await made('no-unwrap');
    await customer.updateKey('no-unwrap', { key_ops: ['wrapKey'] });
    await assertTold(record, 'key_operation_not_allowed', 'cmek_key_disabled');
    await customer.updateKey('no-unwrap', { key_ops: ['wrapKey', 'unwrapKey'] });
    await assertCured(record);
  });
});

// What happens to a vault. Each test has a vault of its own.
describe('the way to a key', { concurrency: true }, () => {
  const patch = (properties) => (vault) => customer.arm('PATCH', customer.vaultId(vault), '2022-07-01', { properties });
  const kSpoiled = [
    ['vault_firewall', 'cmek_key_network_blocked', patch({ networkAcls: { defaultAction: 'Deny', ipRules: [] } }),
      patch({ networkAcls: { defaultAction: 'Allow', ipRules: [] } })],
    ['public_access_disabled', 'cmek_key_network_blocked', patch({ publicNetworkAccess: 'Disabled' }), patch({ publicNetworkAccess: 'Enabled' })],
    ['access_policy_vault', 'cmek_key_disabled', patch({ enableRbacAuthorization: false }), patch({ enableRbacAuthorization: true })],
    ...[
      ['provider_fault', { kind: 'error', status: 503 }],
      ['throttled', { kind: 'error', status: 429 }],
      ['connection_failed', { kind: 'reset' }],
      ['connection_failed', { kind: 'truncate' }],
      ['provider_fault', { kind: 'malformed' }],
      ['timed_out', { kind: 'latency', ms: 60_000 }],
      ['timed_out', { kind: 'trickle', pause_ms: 5000 }],
    ].map(([reason, fault]) => [reason, 'cmek_key_unreachable', (vault) => ask('POST', 'faults', { service: 'key_vault', vault, ...fault }),
      (vault, { id }) => ask('DELETE', `faults/${id}`), fault.kind]),
  ];
  kSpoiled.forEach(([reason, errorCode, spoil, cure, fault], index) => {
    test(`${reason}${fault ? ` (${fault})` : ''}`, async () => {
      const vault = `way-${index}`;
      const name = `${reason.replaceAll('_', '-')}-${fault ?? 'vault'}`;
      const record = await inUse(name, await vaultWithKey(vault, name));
      const fresh = (await dev.request('POST', kWorkspaces, { body: { name: `${name}-new`, external_key_id: record.key } })).json.id;
      const spoiled = await spoil(vault);
      try {
        // Leases bridge an outage, so the server refuses only data of a key that it has not asked before.
        const refused = fault && (() => refusal(record, () => data(fresh, 'encrypt', { plaintext: 'aGk=' })));
        await assertTold(record, reason, errorCode, refused);
        if (fault) assert.equal((await decrypt(record)).status, 200);
      } finally {
        await cure(vault, spoiled);
      }
      await assertCured(record);
    });
  });
});

// What happens to the tenant, and so to every key.
describe('the way to a token', () => {
  // The last test: Latchkey asks Entra only once its token has expired.
  test('conditional_access, app_not_consented and app_disabled', async () => {
    await customer.importKey('tenant');
    await customer.grant(principal, 'tenant');
    const record = await inUse('tenant');
    const app = dev.env.LATCHKEY_APP_CLIENT_ID;
    const later = async () => {
      await ask('POST', 'clock', { advance_seconds: 7200 });
      customer.tokens = {};
    };
    await ask('POST', 'conditional_access', { app_id: app });
    await later();
    await assertTold(record, 'conditional_access', 'cmek_key_disabled');
    await control(dev.env, 'DELETE', 'conditional_access');
    await assertCured(record);

    await customer.graph('PATCH', `servicePrincipals/${principal}`, { accountEnabled: false }, [200, 204]);
    await later();
    await assertTold(record, 'app_disabled', 'cmek_key_disabled');
    await customer.graph('PATCH', `servicePrincipals/${principal}`, { accountEnabled: true }, [200, 204]);
    await assertCured(record);

    await customer.graph('DELETE', `servicePrincipals/${principal}`, undefined, [204]);
    await later();
    await assertTold(record, 'app_not_consented', 'cmek_key_disabled');
    const printed = dev.cli(['keys', 'validate', record.key]);
    assert.equal(printed.code, 1);
    assert.match(printed.out, /the reason: app_not_consented \(latchkey explain app_not_consented\)/);
  });
});
