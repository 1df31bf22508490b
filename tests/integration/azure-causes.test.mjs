// Makes each of the guide's common causes in the emulator, and checks what all three say of it: Latchkey's own validation,
// `latchkey azure verify` and `latchkey azure setup`. The tests azure-verify, azure-setup and refusals have what one of them
// alone says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { Customer } from '../support/customer.mjs';
import { Dev } from '../support/dev.mjs';
import { control } from '../support/emulator.mjs';

const kKeys = '/v1/organizations/external_keys';
const kCryptoUser = '12338af0-0e69-4776-bea7-57ae8d297424';
const kAdministrator = '00482a5a-887f-4fb3-b363-3b7fe8e74483';
const kVault = 'latchkey-dev';

const dev = new Dev({ args: ['--bare', '--enable-control'] });
const customer = new Customer(dev);
let principal;
before(() => dev.start());
after(() => dev.stop());

const registrations = new Map();
// Every message that was seen, for the test of the page that quotes them.
const said = [];

async function register(key, change = {}) {
  const config = { ...dev.azureKeyBody(key), ...change };
  const known = (await dev.request('GET', `${kKeys}?limit=100`)).json.data.find((each) =>
    each.provider_config.key_name === key && each.provider_config.vault_uri.startsWith(config.vault_uri.replace(/\/$/, '')));
  const id = known?.id ?? (await dev.request('POST', kKeys, { body: { provider_config: config } })).json.id;
  registrations.set(key, id);
}

/** The server's own validation. */
async function validate(key) {
  if (!registrations.has(key)) await register(key);
  const response = await dev.request('POST', `${kKeys}/${registrations.get(key)}/validate`, { body: {} });
  assert.equal(response.status, 200, response.bytes);
  said.push(response.json.error ?? '');
  return response.json;
}

async function assertRefused(key, ...messages) {
  const { status, error } = await validate(key);
  assert.equal(status, 'failure');
  for (const message of messages) assert.match(error, message);
  return error;
}

async function assertValid(key) {
  assert.deepEqual(await validate(key), { type: 'external_key_validation', status: 'success', error: null });
}

function verify(key, vault = kVault) {
  const done = dev.azure(['verify', '--vault', vault, '--key', key, '-o', 'json']);
  assert.ok(done.json, done.err);
  const failed = done.json.filter((finding) => finding.status === 'failed').map((finding) => finding.check);
  assert.equal(done.code, failed.length === 0 ? 0 : 1, done.out);
  said.push(...done.json.map((finding) => finding.found));
  return { ...done, failed };
}

function assertFound(finding, status, found, cure) {
  assert.equal(finding.status, status, JSON.stringify(finding));
  assert.match(finding.found, found);
  if (cure) assert.match(finding.cure ?? '', cure);
}

const setup = (key, ...more) => dev.azure(['setup', '--vault', kVault, '--key', key, '-o', 'json', ...more]);

function assertSetUp(done) {
  assert.equal(done.code, 0, done.err);
  return Object.fromEntries(done.json.steps.map((step) => [step.step, step.outcome]));
}

async function ask(method, path, body, expected) {
  const response = await control(dev.env, method, path, body);
  assert.equal(response.status, expected, JSON.stringify(response));
  return response.json;
}
const delay = (delays) => ask('POST', 'delays', { role_seconds: 0, network_seconds: 0, ...delays }, 200);
const pass = (seconds) => ask('POST', 'clock', { advance_seconds: seconds }, 200);

test('the app is not consented to', async () => {
  await customer.createKey('cmek');
  await assertRefused('cmek', /does not know the app .*az ad sp create --id/);
  const done = verify('cmek');
  assert.deepEqual(done.failed, ['app', 'round-trip']);
  assertFound(done.of('app'), 'failed', /not consented to/, /^az ad sp create --id /);
  assertFound(done.of('round-trip'), 'failed', /does not know the app .*\. Consent to it there: az ad sp create/);
  const plan = setup('cmek', '--dry-run');
  assert.equal(plan.json.steps.find((step) => step.step === 'consent').state, 'to_do');
});

// Comes before the platform has a token: a policy does not end tokens that Entra has issued.
test('a Conditional Access policy', async () => {
  principal = await customer.consent();
  const app = dev.env.LATCHKEY_APP_CLIENT_ID;
  const policy = await ask('POST', 'conditional_access', { app_id: app }, 201);
  const sentence = new RegExp(`a Conditional Access policy of tenant ${dev.env.AZURE_TENANT_ID} blocks the app ${app}\\. ` +
    "Exclude its service principal from the policy, or add our egress ranges to the policy's named locations.*AADSTS53003");
  const isNothingElse = (text) => assert.doesNotMatch(text, /unreachable|cannot be reached|own credential|operator|try again|az role/);

  const stopped = setup('cmek');
  assert.equal(stopped.code, 1);
  assert.match(stopped.err, /validate: /);
  assert.match(stopped.err, sentence);
  isNothingElse(stopped.err);
  isNothingElse(await assertRefused('cmek', sentence));
  const done = verify('cmek');
  assert.deepEqual(done.failed, ['round-trip']);
  assertFound(done.of('round-trip'), 'failed', sentence,
    new RegExp(`Conditional Access: exclude the service principal ${principal} .*or add 160\\.79\\.104\\.0/21 to its named locations`));
  isNothingElse(done.of('round-trip').found);

  // Both cures work: a named location, and no policy.
  await ask('DELETE', `conditional_access/${policy.id}`, undefined, 204);
  await ask('POST', 'conditional_access', { app_id: app, named_locations: ['127.0.0.0/8'] }, 201);
  assertSetUp(setup('cmek'));
  await ask('DELETE', 'conditional_access', undefined, 204);
  assert.deepEqual(verify('cmek').failed, []);
});

test('a Conditional Access policy on the one who runs the command', async () => {
  await ask('POST', 'conditional_access', { app_id: dev.env.AZURE_CLIENT_ID }, 201);
  for (const command of ['verify', 'setup']) {
    const done = dev.azure([command, '--vault', kVault, '--key', 'cmek']);
    assert.equal(done.code, 1);
    assert.match(done.err, /blocked by a Conditional Access policy of that tenant: AADSTS53003.*your own sign-in, not the platform's/);
    assert.doesNotMatch(done.err, /Check AZURE_TENANT_ID/);
  }
  await ask('DELETE', 'conditional_access', undefined, 204);
});

test('a role that was granted a moment ago: setup waits it out', async () => {
  await delay({ role_seconds: 600 });
  const waiting = dev.azureBegun(['setup', '--vault', kVault, '--key', 'granted', '--wait', '600', '-o', 'json']);
  const told = await waiting.says(/role assignments and network rules take minutes to work; trying again \(\d+ s, at most 600 s\): the app/);
  assert.doesNotMatch(told, /error|failed/i);
  // Meanwhile validation and verify say the same.
  await assertRefused('granted', /a role is missing on the key, or was granted a moment ago \(Azure takes up to ten minutes; wait and try again\)/,
    /Grant it: az role assignment create .*\/keys\/granted/);
  const done = verify('granted');
  assert.deepEqual(done.failed, ['round-trip']);
  assertFound(done.of('role'), 'ok', /^Key Vault Crypto Service Encryption User$/);
  assertFound(done.of('round-trip'), 'failed', /a role is missing/, /^wait, and run this again: the role was given at 20.*up to ten minutes/);
  await pass(600);
  const ended = await waiting.done;
  const outcomes = assertSetUp({ ...ended, json: JSON.parse(ended.out) });
  assert.deepEqual([outcomes.role, outcomes.validate], ['done', 'checked']);
  assert.deepEqual(verify('granted').failed, []);

  const impatient = setup('impatient', '--wait', '1');
  assert.equal(impatient.code, 1);
  assert.match(impatient.err, /validate: \d+ s were not enough; still: the app .*granted a moment ago/);
  // A second run waits again: the role is still young.
  const again = setup('impatient', '--wait', '1');
  assert.match(again.err, /validate: \d+ s were not enough/);
  await delay({});
});

test('a role that was taken away holds on for a while', async () => {
  const { value } = await customer.arm('GET', '{vault}/keys/granted/providers/Microsoft.Authorization/roleAssignments', '2022-04-01');
  const held = value.find((each) => each.properties.principalId === principal && each.properties.scope.endsWith('/keys/granted'));
  await delay({ role_seconds: 600 });
  await customer.arm('DELETE', held.id, '2022-04-01', undefined, [200, 204]);
  await assertValid('granted');
  const early = verify('granted');
  assert.deepEqual(early.failed, ['role']);
  assertFound(early.of('role'), 'failed', /the round trip still succeeds: a role that was taken away holds for up to ten minutes/,
    /^az role assignment create .*\/keys\/granted$/);
  await pass(600);
  await assertRefused('granted', /a role is missing on the key/);
  const late = verify('granted');
  assert.deepEqual(late.failed, ['role', 'round-trip']);
  assertFound(late.of('role'), 'failed', /no role on the key/);
  assert.equal(late.of('round-trip').cure, null, 'the role\'s own line has it');
  await delay({});
  const again = assertSetUp(setup('granted'));
  assert.deepEqual([again.key, again.role, again.register], ['already', 'done', 'already']);
});

const kOpen = { publicNetworkAccess: 'Enabled', networkAcls: { defaultAction: 'Allow', ipRules: [] }, enableRbacAuthorization: true };
const kSpoiled = [
  {
    name: 'a firewall without a rule',
    vault: { networkAcls: { defaultAction: 'Deny', ipRules: [] } },
    check: 'network',
    validate: [/the firewall of vault latchkey-dev\.vault\.azure\.net refuses us \(it saw the address 127\.0\.0\.1\); the key itself may be healthy/,
      /az keyvault network-rule add --name latchkey-dev --ip-address .*must cover 127\.0\.0\.1/],
    cure: /az keyvault network-rule add --name latchkey-dev --ip-address 160\.79\.104\.0\/21/,
  },
  {
    name: 'public access off',
    vault: { publicNetworkAccess: 'Disabled' },
    check: 'public-access',
    validate: [/public network access to vault .* is disabled; private endpoints are not supported/,
      /az keyvault update --name latchkey-dev --public-network-access Enabled/],
    cure: /az keyvault update --name latchkey-dev --public-network-access Enabled/,
  },
  {
    name: 'a vault in access-policy mode',
    vault: { enableRbacAuthorization: false },
    check: 'rbac',
    validate: [/decides by access policies, and they do not let the app/,
      /az keyvault update --name latchkey-dev --enable-rbac-authorization true\), then grant one: az role assignment create/],
    cure: /az keyvault update --name latchkey-dev --enable-rbac-authorization true/,
  },
];

describe('a vault that does not let the platform in', () => {
  for (const { name, vault, check, validate: messages, cure } of kSpoiled) {
    test(name, async () => {
      await customer.patchVault(vault);
      const told = await assertRefused('cmek', ...messages);
      assert.doesNotMatch(told, /cannot be reached|own credential|a role is missing/);
      const done = verify('cmek');
      assert.deepEqual(done.failed, [check, 'round-trip']);
      assertFound(done.of(check), 'failed', /./, cure);
      const withoutId = (text) => text.replace(/ \(x-ms-request-id.*/, '');
      assert.equal(withoutId(done.of('round-trip').found), withoutId(`${registrations.get('cmek')}: ${told}`), 'the same at both doors');
      const refused = setup('cmek');
      assert.equal(refused.code, 1);
      assert.match(refused.err, /does not fit, and nothing was changed\. Say --fix-vault to have it changed, or do it yourself/);
      assert.match(refused.err, cure);
      await customer.patchVault(kOpen);
      await assertValid('cmek');
    });
  }
});

test('a vault that was opened a moment ago: setup waits for it', async () => {
  await pass(60);
  await delay({ network_seconds: 60 });
  await customer.patchVault({ publicNetworkAccess: 'Disabled' });
  await assertValid('cmek');
  await pass(60);
  const waiting = dev.azureBegun(['setup', '--vault', kVault, '--key', 'cmek', '--fix-vault', '-o', 'json']);
  await waiting.says(/waiting for the vault to heed what was changed \(\d+ s, at most 900 s\)/);
  await assertRefused('cmek', /public network access to vault .* is disabled/);
  await pass(60);
  const ended = await waiting.done;
  const outcomes = assertSetUp({ ...ended, json: JSON.parse(ended.out) });
  assert.deepEqual([outcomes['fix-vault'], outcomes.key, outcomes.validate], ['done', 'already', 'checked']);
  await delay({});
});

async function newVault(name, properties = {}) {
  await customer.arm('PUT', customer.vaultId(name), '2022-07-01', {
    location: 'eastus',
    properties: {
      tenantId: dev.env.AZURE_TENANT_ID, sku: { family: 'A', name: 'standard' }, enableRbacAuthorization: true,
      enablePurgeProtection: true, ...properties,
    },
  });
  const admin = await customer.graph('GET', `servicePrincipals(appId='${dev.env.AZURE_CLIENT_ID}')`);
  await customer.grant(admin.id, '', customer.vaultId(name), kAdministrator);
  return `https://${name}.vault.azure.net/`;
}

test('purge protection off', async () => {
  const uri = await newVault('unprotected', { enablePurgeProtection: undefined });
  await customer.call('POST', 'https://vault.azure.net', `${uri}keys/bare/create?api-version=7.4`,
    { kty: 'RSA', key_size: 3072, key_ops: ['wrapKey', 'unwrapKey'] });
  await customer.grant(principal, '', customer.vaultId('unprotected'), kCryptoUser);
  await register('bare', { vault_uri: uri });
  // Only Resource Manager knows it, which the platform cannot call: verify and setup tell the customer.
  await assertValid('bare');
  assert.deepEqual(verify('bare', 'unprotected').failed, ['purge-protection', 'audit-log']);
  const args = ['setup', '--vault', 'unprotected', '--key', 'bare', '--without-log', '-o', 'json'];
  const refused = dev.azure(args);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /purge-protection: off: .*\n +az keyvault update --name unprotected --enable-purge-protection true/);
  assertSetUp(dev.azure([...args, '--fix-vault']));
  assert.deepEqual(verify('bare', 'unprotected').failed, ['audit-log']);
});

test('a key that is in another vault', async () => {
  const uri = await newVault('empty');
  await register('granted', { vault_uri: uri });
  // A role on the other key does not count here, and an app without a role does not learn which keys exist.
  await assertRefused('granted', /may not read key "granted" in empty\..* a role is missing on the key, .*or the key is in another vault/);
  await customer.grant(principal, '', customer.vaultId('empty'), kCryptoUser);
  await assertRefused('granted', /key "granted" in vault empty\..* was deleted or never existed.*Check vault_uri, and key_name with "az keyvault key list --vault-name empty"/);
  const done = verify('granted', 'empty');
  assertFound(done.of('key'), 'failed', /there is one of that name in the vault latchkey-dev/, /latchkey azure verify --vault latchkey-dev/);
  assertFound(done.of('round-trip'), 'failed', /was deleted or never existed/);
  const args = ['setup', '--vault', 'empty', '--key', 'granted', '--without-log', '-o', 'json'];
  const plan = dev.azure([...args, '--dry-run']);
  assert.equal(plan.code, 0, plan.err);
  assert.match(plan.json.steps.find((step) => step.step === 'key').text, /; another key of that name is in the vault latchkey-dev$/);
});

test('a registration that names a look-alike app', async () => {
  const app = await customer.graph('POST', 'applications', { displayName: 'anthropic-cmek-client-uS' });
  const copy = await customer.graph('POST', 'servicePrincipals', { appId: app.appId });
  await customer.createKey('copied');
  await customer.grant(copy.id, 'copied');
  await register('copied', { client_id: app.appId });
  const told = await assertRefused('copied', new RegExp(`app ${app.appId}`), /Register the key without client_id/);
  assert.doesNotMatch(told, /cannot be reached|try again/);
  const done = verify('copied');
  assertFound(done.of('app-identity'), 'failed', new RegExp(`look-alike: its app id is ${app.appId}`), /^az ad sp delete --id /);
  assertFound(done.of('round-trip'), 'failed', /Register the key without client_id/);
  const before = setup('copied');
  assert.equal(before.code, 1);
  assert.match(before.err, /look-alike/);
  // The app is gone from the tenant, and still in the registration; waiting would not cure that.
  await customer.graph('DELETE', `servicePrincipals/${copy.id}`, undefined, [204]);
  const stopped = setup('copied');
  assert.equal(stopped.code, 1);
  assert.match(stopped.err, /validate: .*Register the key without client_id/);
  assert.doesNotMatch(stopped.err, /trying again/);
});

test('a registration with another tenant', async () => {
  await customer.createKey('abroad');
  const tenant = '11111111-2222-4333-8444-555555555555';
  await register('abroad', { tenant_id: tenant });
  await assertRefused('abroad', new RegExp(`is governed by tenant ${dev.env.AZURE_TENANT_ID}, but tenant ${tenant} is registered\\. ` +
    'Register the tenant that "az keyvault show --name latchkey-dev --query properties\\.tenantId" prints'));
  const done = verify('abroad');
  assertFound(done.of('round-trip'), 'failed', /registered with the tenant .* governed by/, /--tenant-id /);
  assertSetUp(setup('abroad'));
  await assertValid('abroad');
});

// The last test, for it ends the customer's own token as well.
test('a Conditional Access policy that comes later', async () => {
  await assertValid('cmek');
  await ask('POST', 'conditional_access', { app_id: dev.env.LATCHKEY_APP_CLIENT_ID }, 201);
  await assertValid('cmek');
  await pass(7200);
  customer.tokens = {};
  await assertRefused('cmek', /Conditional Access policy .* blocks the app/);
  const stopped = setup('cmek');
  assert.equal(stopped.code, 1);
  assert.doesNotMatch(stopped.err, /trying again/);
  await ask('DELETE', 'conditional_access', undefined, 204);
  await assertValid('cmek');
});

test('the page quotes what is said', () => {
  const page = readFileSync(new URL('../../docs/azure.md', import.meta.url), 'utf8');
  const table = page.split('## When it does not work')[1].split('\n## ')[0];
  const quotes = table.split('\n').filter((line) => line.startsWith('| ')).slice(1)
    .flatMap((line) => [...line.split('|')[2].matchAll(/`([^`]{2,})`/g)].map((match) => match[1]))
    .filter((quote) => !['verify', 'setup'].includes(quote));
  assert.ok(quotes.length >= 13, quotes.join('; '));
  const escaped = (text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '\\S+');
  for (const quote of quotes) assert.ok(said.some((text) => new RegExp(escaped(quote)).test(text)), quote);
});
