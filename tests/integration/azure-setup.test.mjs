// Runs `latchkey azure setup` against an emulator in which nothing is done yet: the whole guide, a second run and a dry run that
// change nothing, and what setup refuses to touch.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';

import { Customer } from '../support/customer.mjs';
import { Dev, audit } from '../support/dev.mjs';

const kDiagnostics = '{vault}/providers/Microsoft.Insights/diagnosticSettings';
const dev = new Dev({ args: ['--bare'] });
const customer = new Customer(dev);
before(() => dev.start());
after(() => dev.stop());

function setup(args, env) {
  return dev.azure(['setup', ...args], env);
}
const mine = (...more) => setup(['--vault', dev.env.AZURE_VAULT_NAME, '--key', 'mine', '-o', 'json', ...more]);
const outcomes = (done) => Object.fromEntries(done.json.steps.map((step) => [step.step, step.outcome]));

/** Everything that the customer and Latchkey have. */
async function everything() {
  const { AZURE_SUBSCRIPTION_ID: subscription } = dev.env;
  const kinds = [
    customer.arm('GET', `/subscriptions/${subscription}/providers/Microsoft.KeyVault/vaults`, '2022-07-01'),
    customer.arm('GET', `/subscriptions/${subscription}/providers/Microsoft.Authorization/roleAssignments`, '2022-04-01'),
    customer.arm('GET', kDiagnostics, '2021-05-01-preview'),
    customer.graph('GET', 'servicePrincipals'),
    customer.call('GET', 'https://vault.azure.net', `${dev.env.AZURE_VAULT_URI}keys?api-version=7.4`)
      .catch(() => 'hidden by the vault'),
    dev.request('GET', '/v1/organizations/external_keys').then((response) => response.json),
    dev.request('GET', '/v1/organizations/workspaces').then((response) => response.json),
  ];
  return JSON.stringify(await Promise.all(kinds));
}

test('before consent, verify says so', () => {
  const done = dev.azure(['verify', '--vault', 'latchkey-dev', '--key', 'mine', '-o', 'json']);
  assert.equal(done.code, 1);
  assert.match(done.of('app').found, /not consented to in the vault's tenant/);
  assert.equal(done.of('app').cure, 'az ad sp create --id 8635ae1a-3e5d-44e8-a4ed-e0f614466f87');
});

test('a dry run prints a script and changes nothing', async () => {
  const before = await everything();
  const args = ['--vault', 'latchkey-dev', '--key', 'mine', '--workspace', dev.env.LATCHKEY_WORKSPACE_ID, '--dry-run'];
  const done = setup(args);
  assert.equal(done.code, 0, done.err);
  for (const line of [
    /^# vault +already so: \/subscriptions/m, /^az ad sp create --id 8635ae1a-3e5d-44e8-a4ed-e0f614466f87$/m,
    /^az keyvault key create --vault-name latchkey-dev --name mine --kty RSA --size 3072 --ops wrapKey unwrapKey$/m,
    /^az role assignment create --role "Key Vault Crypto Service Encryption User" .*\/keys\/mine$/m,
    /^EKEY=\$\(curl .*external_keys .*"key_name":"mine"/m, /^curl .*\/"\$EKEY"\/validate/m, /^curl .*\/workspaces\/wrkspc_/m,
  ]) assert.match(done.out, line);
  assert.ok(!done.out.includes(dev.env.LATCHKEY_ADMIN_KEY));
  assert.equal(spawnSync('bash', ['-n'], { input: done.out }).status, 0, 'a script that bash can read');
  const json = setup([...args, '-o', 'json']);
  assert.deepEqual(json.json.steps.filter((step) => step.state === 'to_do').map((step) => step.step),
    ['consent', 'key', 'role', 'register', 'validate', 'attach']);
  // A vault that does not exist yet, with every option.
  const fresh = setup(['--vault', 'brand-new', '--key', 'k', '-g', 'fresh', '-l', 'westeurope', '--hsm', '--size', '4096',
    '--scope', 'vault', '--event-hub', '/subscriptions/s/namespaces/n/authorizationRules/r', '--event-hub-name', 'audit', '--dry-run']);
  assert.equal(fresh.code, 0, fresh.err);
  assert.match(fresh.out, /^az keyvault create --name brand-new --resource-group fresh .*--sku premium .*purge-protection true$/m);
  assert.match(fresh.out, /--event-hub-rule \/subscriptions\/s\/namespaces\/n\/authorizationRules\/r --event-hub audit$/m);
  assert.match(fresh.out, /--scope "\$\(az keyvault show --name brand-new --query id -o tsv\)"$/m);
  assert.equal(spawnSync('bash', ['-n'], { input: fresh.out }).status, 0);
  assert.equal(await everything(), before);
});

test('what cannot be asked for is refused before anything is changed', async () => {
  const before = await everything();
  const refused = (args, code, message, env) => {
    const done = setup(args, env);
    assert.equal(done.code, code, `${args.join(' ')}: ${done.err}`);
    assert.match(done.err, message);
    assert.equal(done.out, '');
  };
  const base = ['--vault', 'latchkey-dev', '--key', 'mine'];
  refused([...base, '--workspace', dev.env.LATCHKEY_WORKSPACE_ID], 2, /for good, and nobody is here to confirm it: say --yes/);
  refused(base, 2, /--azure-only/, { LATCHKEY_ADMIN_KEY: '' });
  refused(['--vault', 'brand-new', '--key', 'k'], 2, /--resource-group and --location/);
  refused(['--vault', 'brand-new', '--key', 'k', '-g', 'g', '-l', 'eastus'], 2, /--log-analytics-workspace, --storage-account/);
  refused([...base, '--log-analytics-workspace', 'siem'], 2, /no resource id/);
  refused([...base, '--hsm'], 2, /not Premium/);
  refused([...base, '--size', '2048'], 2, /3072/);
  refused([...base, '--without-log', '--storage-account', 'x'], 2, /exclude/i);
  refused([...base, '--workspace', 'wrkspc_x', '--azure-only'], 2, /exclude/i);
  refused([...base, '--workspace', 'wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ', '--yes'], 1, /workspace/i);
  refused([...base, '-g', 'elsewhere'], 1, /in another resource group than elsewhere/);
  assert.equal(await everything(), before);
});

test('the guide, all of it; and a second run changes nothing and says so', async () => {
  const first = mine('--workspace', dev.env.LATCHKEY_WORKSPACE_ID, '--yes');
  assert.equal(first.code, 0, first.err);
  assert.equal(first.json.changed, true);
  assert.deepEqual(outcomes(first), {
    vault: 'already', consent: 'done', key: 'done', role: 'done', log: 'already', verify: 'checked', register: 'done',
    validate: 'checked', attach: 'done',
  });
  const workspace = await dev.request('GET', `/v1/organizations/workspaces/${dev.env.LATCHKEY_WORKSPACE_ID}`);
  assert.match(workspace.json.external_key_id, /^ekey_/);
  const verified = dev.azure(['verify', '--vault', 'latchkey-dev', '--key', 'mine', '-o', 'json']);
  assert.deepEqual(verified.json.filter((finding) => finding.status !== 'ok'), []);

  const before = await everything();
  const again = mine('--workspace', dev.env.LATCHKEY_WORKSPACE_ID, '--yes');
  assert.equal(again.code, 0, again.err);
  assert.equal(again.json.changed, false);
  assert.deepEqual([...new Set(Object.values(outcomes(again)))], ['already', 'checked']);
  const told = setup(['--vault', 'latchkey-dev', '--key', 'mine']);
  assert.match(told.out, /nothing to change: it was set up already\n$/);
  assert.equal(await everything(), before);
  const log = await audit(dev);
  assert.equal(log.filter((line) => line.operationName === 'KeyCreate').length, 1, 'one version, however often it ran');
});

test('a workspace with a key, and a key of another tenant, are left alone', async () => {
  const other = setup(['--vault', 'latchkey-dev', '--key', 'second', '--workspace', dev.env.LATCHKEY_WORKSPACE_ID, '--yes']);
  assert.equal(other.code, 1);
  assert.match(other.err, /cannot be replaced/);
  const body = { geo: 'us', provider_config: { ...dev.azureKeyBody('second'), tenant_id: '00000000-0000-4000-8000-000000000000' } };
  const registered = await dev.request('POST', '/v1/organizations/external_keys', { body });
  const corrected = setup(['--vault', 'latchkey-dev', '--key', 'second', '-o', 'json']);
  assert.equal(corrected.code, 0, corrected.err);
  const step = corrected.json.steps.find((each) => each.step === 'register');
  assert.deepEqual([step.outcome, step.text], ['done', `corrected ${registered.json.id}`]);
});

test('a vault from nothing: group, vault, access, HSM key, log', async () => {
  const args = ['--vault', 'from-nothing', '--key', 'k', '-g', 'fresh', '-l', 'westeurope', '--hsm', '--storage-account', 'logs',
    '-o', 'json'];
  const first = setup(args);
  assert.equal(first.code, 0, first.err);
  assert.deepEqual(outcomes(first), {
    group: 'done', vault: 'done', consent: 'already', access: 'done', key: 'done', role: 'done', log: 'done',
    verify: 'checked', register: 'done', validate: 'checked',
  });
  const again = setup(args);
  assert.equal(again.code, 0, again.err);
  assert.equal(again.json.changed, false);
  const verified = dev.azure(['verify', '--vault', 'from-nothing', '--key', 'k', '-o', 'json']);
  assert.equal(verified.of('key-type').found, 'RSA-HSM 3072');
  assert.match(verified.of('audit-log').found, /Microsoft\.Storage\/storageAccounts\/logs/);
  const taken = setup(['--vault', 'from-nothing', '--key', 'k', '--subscription', dev.env.AZURE_SUBSCRIPTION_ID, '--azure-only'],
    { LATCHKEY_ADMIN_KEY: '' });
  assert.equal(taken.code, 0, taken.err);
  assert.match(taken.out, /^– register +left to whoever has an Admin API key/m);
});

test('a vault that does not fit is changed only when asked to', async () => {
  await customer.patchVault({
    enableRbacAuthorization: false, publicNetworkAccess: 'Disabled',
    networkAcls: { defaultAction: 'Deny', ipRules: [{ value: '127.0.0.1' }] },
  });
  const before = await everything();
  const refused = mine();
  assert.equal(refused.code, 1);
  assert.match(refused.err, /nothing was changed\. Say --fix-vault/);
  for (const cure of ['--enable-rbac-authorization true', '--public-network-access Enabled', 'network-rule add']) {
    assert.ok(refused.err.includes(cure), cure);
  }
  assert.equal(await everything(), before);
  const fixed = mine('--fix-vault');
  assert.equal(fixed.code, 0, fixed.err);
  assert.equal(outcomes(fixed)['fix-vault'], 'done');
  const vault = await customer.arm('GET', '{vault}', '2022-07-01');
  assert.equal(vault.properties.enableRbacAuthorization, true);
  assert.deepEqual(vault.properties.networkAcls.ipRules.map((rule) => rule.value), ['127.0.0.1/32', '160.79.104.0/21']);
  assert.equal(mine('--fix-vault').json.changed, false);
  await customer.patchVault({ networkAcls: { defaultAction: 'Allow', ipRules: [] } });
});

test('no log, and going on without', async () => {
  await customer.arm('DELETE', `${kDiagnostics}/audit`, '2021-05-01-preview', undefined, [200, 204]);
  assert.equal(mine().code, 2);
  const without = mine('--without-log');
  assert.equal(without.code, 0, without.err);
  assert.equal(outcomes(without).log, 'left');
  const logged = mine('--log-analytics-workspace', 'siem', '-g', dev.env.AZURE_RESOURCE_GROUP);
  assert.equal(logged.code, 0, logged.err);
  assert.equal(outcomes(logged).log, 'done');
});

test('keys that do not serve, and a look-alike, are not touched', async () => {
  await customer.createKey('small', { key_size: 2048 });
  await customer.createKey('disabled', { attributes: { enabled: false } });
  for (const [key, cure] of [['small', /RSA 2048/], ['disabled', /set-attributes .*--enabled true/]]) {
    const done = setup(['--vault', 'latchkey-dev', '--key', key]);
    assert.equal(done.code, 1);
    assert.match(done.err, cure);
  }
  await customer.createKey('deleted', { key_size: 2048 });
  await customer.deleteKey('deleted');
  const deleted = setup(['--vault', 'latchkey-dev', '--key', 'deleted']);
  assert.equal(deleted.code, 1);
  assert.match(deleted.err, /az keyvault key recover --vault-name latchkey-dev --name deleted/);

  const app = await customer.graph('POST', 'applications', { displayName: 'anthropic-cmek-client-us' });
  const copy = await customer.graph('POST', 'servicePrincipals', { appId: app.appId });
  const before = await everything();
  const done = setup(['--vault', 'latchkey-dev', '--key', 'third']);
  assert.equal(done.code, 1);
  assert.match(done.err, /look-alike/);
  assert.equal(await everything(), before);
  await customer.graph('DELETE', `servicePrincipals/${copy.id}`, undefined, [204]);
});
