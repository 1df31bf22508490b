// An owner deletes a vault, and DNS denies its name: that is a refusal once it is clear that DNS has not failed. The tests run with
// a proxy that looks names up, as the emulator's does, and with a server that asks DNS itself.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Customer } from '../support/customer.mjs';
import { Dev, eventually } from '../support/dev.mjs';
import { control } from '../support/emulator.mjs';
import { Names } from '../support/names.mjs';
import { isInOwnNetwork, passesInOwnNetwork, whyNoOwnNetwork } from '../support/own_network.mjs';

const kKeys = '/v1/organizations/external_keys';
const kWorkspaces = '/v1/organizations/workspaces';
const kVersion = '2022-07-01';
const kAdministrator = '00482a5a-887f-4fb3-b363-3b7fe8e74483';
// docs/leases.md: DNS must deny the name twice, so far apart; the server finds it within soft and a minute and a half.
const kApart = 60_000;
const kFound = 1_000 + 90_000;
// The time that a busy machine may add.
const kSlack = 20_000;
// No lease ends by itself here: only a refusal ends access.
const settings = ['keyring.soft=1s', 'keyring.hard=1h', 'health.interval=0s'];

const hostOf = (vault) => `${vault}.vault.azure.net`;

/** A Latchkey and a cloud in which vaults come and go. */
class Installation {
  constructor(...more) {
    this.dev = new Dev({ args: ['--bare', '--enable-control', ...[...settings, ...more].flatMap((setting) => ['--set', setting])] });
    this.customer = new Customer(this.dev);
    this.uses = new Map();
  }

  async start() {
    await this.dev.start();
    this.principal = await this.customer.consent();
  }

  put(vault, properties) {
    return this.customer.arm('PUT', this.customer.vaultId(vault), kVersion, {
      location: 'eastus',
      properties: { tenantId: this.dev.env.AZURE_TENANT_ID, sku: { family: 'A', name: 'standard' }, ...properties },
    });
  }

  grant(vault) {
    return this.customer.grant(this.principal, '', this.customer.vaultId(vault));
  }

  /** A new vault, whose key is attached to a workspace that has a record. */
  async use(vault) {
    await this.put(vault, { enableRbacAuthorization: true });
    const admin = await this.customer.graph('GET', `servicePrincipals(appId='${this.dev.env.AZURE_CLIENT_ID}')`);
    await this.customer.grant(admin.id, '', this.customer.vaultId(vault), kAdministrator);
    const config = { ...this.dev.azureKeyBody('cmek'), vault_uri: `https://${hostOf(vault)}/` };
    await this.customer.importKey(config.key_name, config.vault_uri);
    await this.grant(vault);

    const key = await this.dev.request('POST', kKeys, { body: { provider_config: config } });
    assert.equal(key.status, 200, key.bytes);
    const home = await this.dev.request('POST', kWorkspaces, { body: { name: vault, external_key_id: key.json.id } });
    assert.equal(home.status, 200, home.bytes);
    this.uses.set(vault, { key: key.json.id, workspace: home.json.id });
    const sealed = await this.encrypt(vault);
    assert.equal(sealed.status, 200, sealed.bytes);
    this.uses.get(vault).ciphertext = sealed.json.ciphertext;
  }

  #data(vault, operation, body) {
    const path = `/v1/workspaces/${this.uses.get(vault).workspace}/${operation}`;
    return this.dev.request('POST', path, { key: this.dev.env.LATCHKEY_SERVICE_KEY, body });
  }

  encrypt(vault) {
    return this.#data(vault, 'encrypt', { plaintext: 'aGVsbG8=' });
  }

  decrypt(vault) {
    return this.#data(vault, 'decrypt', { ciphertext: this.uses.get(vault).ciphertext });
  }

  async validate(vault) {
    return (await this.dev.request('POST', `${kKeys}/${this.uses.get(vault).key}/validate`, { body: {} })).json;
  }

  delete(vault) {
    return this.customer.arm('DELETE', this.customer.vaultId(vault), kVersion);
  }

  /** Recovers the vault with its keys; its role assignments do not come back, so it grants the role anew. */
  async recover(vault) {
    await this.put(vault, { createMode: 'recover' });
    await this.grant(vault);
  }
}

/** The server serves `vault`, deleted at that time and in use since, for a minute, and then refuses; it serves the others. */
async function assertEnds(installation, vault, deleted, others) {
  const refused = await eventually(async () => {
    for (const other of others) {
      const response = await installation.decrypt(other);
      assert.equal(response.status, 200, `${other}: ${response.bytes}`);
    }
    const response = await installation.decrypt(vault);
    return response.status !== 200 && response;
  });
  const took = Date.now() - deleted;
  assert.equal(refused.status, 400, refused.bytes);
  assert.deepEqual(refused.json.error.details, { error_code: 'cmek_key_disabled', reason: 'vault_gone' }, refused.bytes.toString());
  assert.ok(took >= kApart, `it was refused after ${took} ms, which may be a failure of DNS`);
  assert.ok(took < kFound + kSlack, `it was served for ${took} ms`);
  assert.equal((await installation.encrypt(vault)).status, 400);
  for (const other of others) assert.equal((await installation.decrypt(other)).status, 200, other);
}

describe('a vault that was deleted', { concurrency: true }, () => {
  if (!isInOwnNetwork) {
    test('through a proxy it is refused after a minute, and serves again once it is recovered', async (t) => {
      const installation = new Installation();
      t.after(() => installation.dev.stop());
      await installation.start();
      for (const vault of ['stays', 'leaves']) await installation.use(vault);

      // The proxy makes no new tunnel to a vault that is gone; this ends the existing ones.
      const fault = { kind: 'reset', service: 'key_vault', vault: 'leaves' };
      assert.equal((await control(installation.dev.env, 'POST', 'faults', fault)).status, 201);
      const deleted = Date.now();
      await installation.delete('leaves');
      await assertEnds(installation, 'leaves', deleted, ['stays']);

      await control(installation.dev.env, 'DELETE', 'faults');
      await installation.recover('leaves');
      assert.equal((await installation.validate('leaves')).status, 'success');
      await eventually(async () => (await installation.decrypt('leaves')).status === 200);
    });
  }

  const skip = isInOwnNetwork ? undefined : whyNoOwnNetwork();
  test('without a proxy it is refused after a minute, and a vault that DNS fails to look up is served', { skip }, async (t) => {
    if (!isInOwnNetwork) return passesInOwnNetwork(fileURLToPath(import.meta.url));
    const installation = new Installation('outbound.proxy=');
    t.after(() => installation.dev.stop());
    await installation.start();
    const names = new Names(Number(new URL(installation.dev.env.LATCHKEY_EMULATOR_URL).port));
    t.after(() => names.stop());
    await names.start();
    await names.add('login.microsoftonline.com');
    for (const vault of ['stays', 'leaves', 'lost']) {
      await names.add(hostOf(vault));
      await installation.use(vault);
    }

    const deleted = Date.now();
    names.deny(hostOf('leaves'));
    names.fail(hostOf('lost'));
    await installation.delete('leaves');
    await assertEnds(installation, 'leaves', deleted, ['stays', 'lost']);
    const told = await installation.validate('lost');
    assert.equal(told.reason, 'connection_failed', told.error);
    assert.match(told.error, /could not be looked up/);
  });
});
