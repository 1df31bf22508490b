// The guide's common causes, each made for real in the emulator and told to the customer's admin by all three doors: the
// validation of the registered key, `latchkey azure verify`, and `latchkey azure setup`, which waits where waiting helps.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';

import { Customer } from '../support/customer.mjs';
import { Dev, binary } from '../support/dev.mjs';
import { control } from '../support/emulator.mjs';

const kKeys = '/v1/organizations/external_keys';
const kVaults = '2022-07-01';
const kApp = '8635ae1a-3e5d-44e8-a4ed-e0f614466f87';

const dev = new Dev({ args: ['--bare', '--enable-control'] });
const customer = new Customer(dev);
let id;
before(async () => {
  await dev.start();
  await customer.createKey('main');
  const body = { display_name: 'main', provider_config: dev.azureKeyBody('main') };
  id = (await dev.request('POST', kKeys, { body })).json.id;
});
after(() => dev.stop());

const validate = async (key = id) => (await dev.request('POST', `${kKeys}/${key}/validate`, { body: {} })).json;
const verify = (key = 'main', vault = 'latchkey-dev') => dev.azure(['verify', '--vault', vault, '--key', key, '-o', 'json']);
const setup = (...more) => dev.azure(['setup', '--vault', 'latchkey-dev', '--key', 'main', '-o', 'json', ...more]);
const move = (seconds) => control(dev.env, 'POST', 'clock', { advance_seconds: seconds });

/** Runs `latchkey azure setup`, and `act` once it has said that it waits. */
async function setUpWaiting(args, expected, act) {
  const child = spawn(binary, ['azure', 'setup', ...args], {
    env: { PATH: process.env.PATH, HOME: dev.folder, ...dev.env, ...dev.azureEnv },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  let acted;
  child.stdout.on('data', (data) => (out += data));
  child.stderr.on('data', (data) => {
    err += data;
    if (expected.test(err)) acted ??= act();
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  await acted;
  return { code, out, err, waited: acted !== undefined };
}

/** All three doors say `sentence`; verify does in the finding `check`, with `cure`. */
async function assertTold({ sentence, check, found, cure, key = 'main', vault = 'latchkey-dev', registered = id }) {
  const failed = await validate(registered);
  assert.equal(failed.status, 'failure');
  assert.match(failed.error, sentence);
  const findings = verify(key, vault);
  assert.equal(findings.code, 1);
  assert.equal(findings.of(check).status, 'failed', JSON.stringify(findings.of(check)));
  assert.match(findings.of(check).found, found);
  assert.match(findings.of(check).cure ?? '', cure);
}

test('the app is not consented to', async () => {
  await assertTold({
    sentence: new RegExp(`az ad sp create --id ${kApp}`),
    check: 'app', found: /not consented to in the vault's tenant/, cure: new RegExp(`^az ad sp create --id ${kApp}$`),
  });
});

test('a role assignment takes its time: validation says so, and setup waits it out', async () => {
  assert.equal((await control(dev.env, 'POST', 'delays', { role_seconds: 300 })).status, 200);
  const done = await setUpWaiting(['--vault', 'latchkey-dev', '--key', 'main'], /role assignments take minutes to work/, async () => {
    const early = await validate();
    assert.equal(early.status, 'failure');
    assert.match(early.error, /role/i);
    await move(300);
  });
  assert.ok(done.waited, done.err);
  assert.equal(done.code, 0, done.err);
  assert.match(done.err, /trying again \(\d+ s, at most \d+ s\)/);
  assert.match(done.out, /^✓ validate +wrapped and unwrapped with ekey_/m);
  assert.equal((await validate()).status, 'success');
});

test('setup gives up when its patience is over, with the last reason and what is done', async () => {
  const args = ['--vault', 'latchkey-dev', '--key', 'impatient', '--wait', '0'];
  const first = await setUpWaiting(args, /never/, () => {});
  assert.equal(first.code, 1);
  assert.match(first.err, /role/);
  await move(300);
  const second = dev.azure(['setup', ...args, '-o', 'json']);
  assert.equal(second.code, 0, second.err);
  assert.equal(second.json.changed, false);
});

test('a role that was taken away holds for as long, and then is missed', async () => {
  const principal = (await customer.graph('GET', `servicePrincipals(appId='${kApp}')`)).id;
  const list = await customer.arm('GET', '{vault}/keys/main/providers/Microsoft.Authorization/roleAssignments', '2022-04-01');
  const mine = list.value.find((one) => one.properties.principalId === principal && one.properties.scope.endsWith('/keys/main'));
  await customer.arm('DELETE', mine.id, '2022-04-01');
  assert.equal((await validate()).status, 'success');
  await move(300);
  await assertTold({
    sentence: /role/i,
    check: 'role', found: /no role on the key/, cure: /^az role assignment create .*Encryption User/,
  });
  assert.equal((await control(dev.env, 'POST', 'delays', { role_seconds: 0 })).status, 200);
  assert.equal(setup().code, 0);
});

test('a firewall takes its time, and lets nobody in then', async () => {
  assert.equal((await control(dev.env, 'POST', 'delays', { network_seconds: 60 })).status, 200);
  await customer.patchVault({ networkAcls: { defaultAction: 'Deny', ipRules: [{ value: '203.0.113.0/24' }] } });
  assert.equal((await validate()).status, 'success');
  await move(60);
  await assertTold({
    sentence: /firewall|network/i,
    check: 'network', found: /no rule lets the platform's 160\.79\.104\.0\/21 in/, cure: /^az keyvault network-rule add/,
  });
  const refused = setup();
  assert.equal(refused.code, 1);
  assert.match(refused.err, /network-rule add/);
  await customer.patchVault({ networkAcls: { defaultAction: 'Allow', ipRules: [] } });
  assert.equal((await validate()).status, 'failure', 'opened, and not yet open');
  await move(60);
  assert.equal((await control(dev.env, 'POST', 'delays', { network_seconds: 0 })).status, 200);
  assert.equal((await validate()).status, 'success');
});

test('public access is off', async () => {
  await customer.patchVault({ publicNetworkAccess: 'Disabled' });
  await assertTold({
    sentence: /public network access/i,
    check: 'public-access', found: /public endpoint/, cure: /--public-network-access Enabled$/,
  });
  await customer.patchVault({ publicNetworkAccess: 'Enabled' });
});

test('Conditional Access blocks the app, and no waiting helps', async () => {
  const block = { app_id: kApp, display_name: 'Block workloads' };
  assert.equal((await control(dev.env, 'POST', 'conditional_access', block)).status, 201);
  // The token that Latchkey has is over, and the customer's too.
  await move(7200);
  customer.tokens = {};
  const sentence = new RegExp(`Conditional Access policy of tenant ${dev.env.AZURE_TENANT_ID} blocks the app ${kApp}`);
  await assertTold({ sentence, check: 'round-trip', found: sentence, cure: /^$/ });
  const done = setup();
  assert.equal(done.code, 1);
  assert.match(done.err, sentence);
  assert.match(done.err, /named locations/);
  assert.doesNotMatch(done.err, /role assignments take minutes/);
  await control(dev.env, 'DELETE', 'conditional_access');
  assert.equal((await validate()).status, 'success');
});

test('the vault is in access-policy mode', async () => {
  await customer.patchVault({ enableRbacAuthorization: false });
  await assertTold({
    sentence: /access polic|RBAC|role/i,
    check: 'rbac', found: /access-policy mode/, cure: /--enable-rbac-authorization true  /,
  });
  const refused = setup();
  assert.equal(refused.code, 1);
  assert.match(refused.err, /--enable-rbac-authorization true/);
  await customer.patchVault({ enableRbacAuthorization: true });
});

test('the key is in another vault, and that one has no purge protection', async () => {
  await customer.arm('PUT', customer.vaultId('elsewhere'), kVaults, {
    location: 'eastus',
    properties: { tenantId: dev.env.AZURE_TENANT_ID, sku: { family: 'A', name: 'standard' }, enableRbacAuthorization: true },
  });
  const wrong = { ...dev.azureKeyBody('main'), vault_uri: 'https://elsewhere.vault.azure.net/' };
  const other = (await dev.request('POST', kKeys, { body: { geo: 'us', provider_config: wrong } })).json.id;
  await assertTold({
    registered: other, vault: 'elsewhere', sentence: /elsewhere\.vault\.azure\.net/,
    check: 'purge-protection', found: /off/, cure: /--name elsewhere --enable-purge-protection true$/,
  });
  const refused = dev.azure(['setup', '--vault', 'elsewhere', '--key', 'main', '--without-log']);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /--enable-purge-protection true/);
});

test('an app of the published name and another id is no app of the platform', async () => {
  const app = await customer.graph('POST', 'applications', { displayName: 'anthropic-cmek-client-us' });
  const copy = await customer.graph('POST', 'servicePrincipals', { appId: app.appId });
  const findings = verify();
  assert.equal(findings.code, 1);
  assert.match(findings.of('app-identity').found, new RegExp(`look-alike: its app id is ${app.appId}`));
  assert.equal(findings.of('app-identity').cure, `az ad sp delete --id ${copy.id}`);
  const refused = setup();
  assert.equal(refused.code, 1);
  assert.match(refused.err, /look-alike/);
  await customer.graph('DELETE', `servicePrincipals/${copy.id}`, undefined, [204]);
  assert.deepEqual(verify().json.filter((finding) => finding.status === 'failed'), []);
});

test('the tenant is another one', async () => {
  const wrong = { ...dev.azureKeyBody('main'), tenant_id: '00000000-0000-4000-8000-000000000000' };
  const other = (await dev.request('POST', kKeys, { body: { geo: 'us', provider_config: wrong } })).json.id;
  const failed = await validate(other);
  assert.equal(failed.status, 'failure');
  assert.match(failed.error, /tenant/i);
});
