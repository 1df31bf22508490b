// Runs the guide's commands, as the customer's admin types them, with the az of Debian 12 and of Debian 13. The tests tell az the
// proxy and the CA alone; every command goes over the wire as az sends it to Azure.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { AzureCli, kDebian13, whyNot } from '../support/azure_cli.mjs';
import { Dev } from '../support/dev.mjs';

const kKeys = '/v1/organizations/external_keys';
const kApp = '8635ae1a-3e5d-44e8-a4ed-e0f614466f87';
const kQuery = '{rbac:properties.enableRbacAuthorization, purge:properties.enablePurgeProtection, pub:properties.publicNetworkAccess, net:properties.networkAcls.defaultAction, ipRules:properties.networkAcls.ipRules, uri:properties.vaultUri, tenantId:properties.tenantId}';

// Debian 12's az crashes in two commands before it sends anything (azure-cli issues 26835 and 30740): there `az rest` sends
// the same request. Debian 13's has no `az monitor`.
const kKinds = [
  { name: 'az of Debian 12', root: undefined, keyCommands: false, monitor: true },
  { name: 'az of Debian 13', root: kDebian13, keyCommands: true, monitor: false },
];

for (const kind of kKinds) {
  describe(kind.name, { skip: whyNot(kind.root) }, () => {
    const dev = new Dev({ args: ['--bare'] });
    const vault = `az-${randomUUID().slice(0, 8)}`;
    const key = 'customer-key';
    let az;
    let principal;
    let vaultId;
    before(async () => {
      await dev.start();
      az = new AzureCli(dev, kind.root);
    });
    after(async () => {
      az?.close();
      await dev.stop();
    });

    async function validation(id) {
      return (await dev.request('POST', `${kKeys}/${id}/validate`, { body: {} })).json;
    }

    test('signs in, and is given a token', async (t) => {
      const login = await az.ok('az login --service-principal -u "$AZURE_CLIENT_ID" -p "$AZURE_CLIENT_SECRET" --tenant "$AZURE_TENANT_ID"');
      assert.equal(login[0].id, dev.env.AZURE_SUBSCRIPTION_ID);
      assert.equal(login[0].tenantId, dev.env.AZURE_TENANT_ID);
      t.diagnostic((await az.ok('az version'))['azure-cli']);
      const token = await az.ok('az account get-access-token --resource https://vault.azure.net');
      assert.equal(token.tokenType, 'Bearer');
      assert.equal(JSON.parse(Buffer.from(token.accessToken.split('.')[1], 'base64url')).aud, 'https://vault.azure.net');
      const wrong = await az.run('az login --service-principal -u "$AZURE_CLIENT_ID" -p wrong --tenant "$AZURE_TENANT_ID"', {
        AZURE_CONFIG_DIR: `${az.inside}/other`,
      });
      assert.notEqual(wrong.code, 0);
      assert.match(wrong.err, /AADSTS7000215/);
    });

    test('step 1: consents to the app', async () => {
      const made = await az.ok(`az ad sp create --id ${kApp}`);
      assert.equal(made.appId, kApp);
      assert.equal(made.displayName, 'anthropic-cmek-client-us');
      principal = made.id;
      const again = await az.run(`az ad sp create --id ${kApp}`);
      assert.notEqual(again.code, 0);
      assert.match(again.err, /already/);
      assert.equal(await az.ok(`az ad sp show --id ${kApp} --query id -o tsv`), principal);
    });

    test('makes a vault, and a key: step 2', async () => {
      const made = await az.ok(`az keyvault create --name ${vault} --resource-group "$AZURE_RESOURCE_GROUP" --location westeurope ` +
        '--enable-rbac-authorization true --enable-purge-protection true');
      assert.equal(made.properties.vaultUri, `https://${vault}.vault.azure.net/`);
      // The right to make a vault does not include the use of its keys: that takes a role of its own.
      const admin = await az.ok('az ad sp show --id "$AZURE_CLIENT_ID" --query id -o tsv');
      await assign('14b46e9e-c2b7-41b4-b07b-48a6ebf60603', 'Key Vault Crypto Officer', admin, made.id);
      if (kind.keyCommands) {
        const created = await az.ok(`az keyvault key create \\
      --vault-name ${vault} \\
      --name ${key} \\
      --kty RSA --size 3072 \\
      --ops wrapKey unwrapKey`);
        assert.equal(created.key.kty, 'RSA');
        assert.deepEqual(created.key.keyOps, ['wrapKey', 'unwrapKey']);
      } else {
        const body = JSON.stringify({ kty: 'RSA', key_size: 3072, key_ops: ['wrapKey', 'unwrapKey'] });
        const created = await az.ok(`az rest --method post --resource https://vault.azure.net --url "https://${vault}.vault.azure.net/keys/${key}/create?api-version=7.4" --body '${body}'`);
        assert.deepEqual(created.key.key_ops, ['wrapKey', 'unwrapKey']);
      }
    });

    async function assign(role, name, assignee, scope) {
      if (kind.keyCommands) {
        return az.ok(`az role assignment create \\
      --role "${name}" \\
      --assignee-object-id ${assignee} \\
      --assignee-principal-type ServicePrincipal \\
      --scope "${scope}"`);
      }
      const definition = `/subscriptions/${dev.env.AZURE_SUBSCRIPTION_ID}/providers/Microsoft.Authorization/roleDefinitions/${role}`;
      const body = JSON.stringify({ properties: { roleDefinitionId: definition, principalId: assignee, principalType: 'ServicePrincipal' } });
      const made = await az.ok(`az rest --method put --url "https://management.azure.com${scope}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}?api-version=2022-04-01" --body '${body}'`);
      return { ...made, ...made.properties };
    }

    test('step 3: grants the app the key alone', async () => {
      vaultId = await az.ok(`az keyvault show --name ${vault} --query id -o tsv`);
      const made = await assign('12338af0-0e69-4776-bea7-57ae8d297424', 'Key Vault Crypto User', principal, `${vaultId}/keys/${key}`);
      assert.equal(made.principalId, principal);
      assert.equal(made.scope, `${vaultId}/keys/${key}`);
    });

    test('step 4: verifies the vault', async () => {
      const shown = await az.ok(`az keyvault show --name ${vault} \\
      --query "${kQuery}"`);
      assert.deepEqual(shown, {
        rbac: true, purge: true, pub: 'Enabled', net: shown.net, ipRules: shown.ipRules,
        uri: `https://${vault}.vault.azure.net/`, tenantId: dev.env.AZURE_TENANT_ID,
      });
      assert.ok(shown.net === 'Allow' || shown.net === null, shown.net);
    });

    test('writes the vault\'s audit log to a workspace', { skip: kind.monitor ? false : 'az monitor does not load in Debian 13' }, async () => {
      const workspace = `/subscriptions/${dev.env.AZURE_SUBSCRIPTION_ID}/resourceGroups/${dev.env.AZURE_RESOURCE_GROUP}/providers/Microsoft.OperationalInsights/workspaces/logs`;
      const made = await az.ok(`az monitor diagnostic-settings create --name audit --resource ${vaultId} --workspace ${workspace} ` +
        `--logs '[{"category":"AuditEvent","enabled":true}]'`);
      assert.equal(made.logs[0].category, 'AuditEvent');
      assert.equal(made.logs[0].enabled, true);
      assert.equal(made.workspaceId, workspace);
    });

    test('steps 5 and 6: Latchkey wraps and unwraps with the key', async () => {
      const body = { display_name: kind.name, provider_config: { ...dev.azureKeyBody(key), vault_uri: `https://${vault}.vault.azure.net/` } };
      const registered = await dev.request('POST', kKeys, { body });
      assert.equal(registered.status, 200, registered.bytes);
      assert.deepEqual(await validation(registered.json.id), { type: 'external_key_validation', status: 'success', error: null });

      const enabled = (value) => kind.keyCommands
        ? az.ok(`az keyvault key set-attributes --vault-name ${vault} --name ${key} --enabled ${value}`)
        : az.ok(`az rest --method patch --resource https://vault.azure.net --url "https://${vault}.vault.azure.net/keys/${key}?api-version=7.4" --body '{"attributes":{"enabled":${value}}}'`);
      await enabled(false);
      const refused = await validation(registered.json.id);
      assert.equal(refused.status, 'failure');
      assert.match(refused.error, /is disabled/);
      await enabled(true);
      assert.equal((await validation(registered.json.id)).status, 'success');
    });

    test('a command that may not is refused in az\'s own words', async () => {
      const missing = await az.run('az keyvault show --name no-such-vault-anywhere');
      assert.notEqual(missing.code, 0);
      assert.match(missing.err, /not found/i);
    });
  });
}
