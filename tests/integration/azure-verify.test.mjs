// Runs `latchkey azure verify` against the emulator: once with everything right, and then with each of the guide's common causes,
// whose cure verify must show.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Customer } from '../support/customer.mjs';
import { Dev } from '../support/dev.mjs';

const kCryptoUser = '12338af0-0e69-4776-bea7-57ae8d297424';
const kAdministrator = '00482a5a-887f-4fb3-b363-3b7fe8e74483';
const kReader = '21090545-7ca7-4776-b22c-e363652d74d2';
const kVaults = '2022-07-01';
const kChecks = [
  'vault', 'rbac', 'purge-protection', 'soft-delete', 'public-access', 'network', 'vault-uri', 'tenant', 'key', 'key-type',
  'key-ops', 'key-enabled', 'key-expiry', 'app', 'app-identity', 'role', 'role-scope', 'audit-log', 'round-trip',
];

const dev = new Dev();
const customer = new Customer(dev);
let principal;
before(async () => {
  await dev.start();
  const found = await customer.graph('GET', `servicePrincipals(appId='${dev.env.LATCHKEY_APP_CLIENT_ID}')`);
  principal = found.id;
});
after(() => dev.stop());

function verify({ vault = dev.env.AZURE_VAULT_NAME, key = dev.env.AZURE_KEY_NAME, more = [], env = {} } = {}) {
  const done = dev.azure(['verify', '--vault', vault, '--key', key, '-o', 'json', ...more], env);
  assert.ok(Array.isArray(done.json), done.out + done.err);
  assert.deepEqual(done.json.map((finding) => finding.check), kChecks);
  const failed = done.json.filter((finding) => finding.status === 'failed').map((finding) => finding.check);
  assert.equal(done.code, failed.length === 0 ? 0 : 1, done.out);
  return { ...done, failed };
}

/** Fails unless the finding has this state, these words and this cure. */
function assertFound(finding, status, found, cure) {
  assert.equal(finding.status, status, JSON.stringify(finding));
  assert.match(finding.found, found);
  if (cure) assert.match(finding.cure ?? '', cure);
}

/** Runs `check` while the vault has these properties. */
async function withVault(properties, back, check) {
  await customer.patchVault(properties);
  try {
    check();
  } finally {
    await customer.patchVault(back);
  }
}

async function newVault(name, properties = {}) {
  await customer.arm('PUT', customer.vaultId(name), kVaults, {
    location: 'eastus',
    properties: {
      tenantId: dev.env.AZURE_TENANT_ID, sku: { family: 'A', name: 'standard' }, enableRbacAuthorization: true,
      enablePurgeProtection: true, ...properties,
    },
  });
  const admin = await customer.graph('GET', `servicePrincipals(appId='${dev.env.AZURE_CLIENT_ID}')`);
  await customer.grant(admin.id, '', customer.vaultId(name), kAdministrator);
}

test('where all is right, everything is ticked, and the round trip runs once the key is registered', async () => {
  const before = verify();
  assert.deepEqual(before.failed, []);
  assertFound(before.of('round-trip'), 'unknown', /not registered/, /latchkey keys create --vault-uri/);
  // The guide's role works, and a tighter one exists.
  assertFound(before.of('role'), 'warning', /Key Vault Crypto User: works, and lets the app also update the key/,
    /^az role assignment create --role "Key Vault Crypto Service Encryption User"/);
  const body = { geo: 'us', provider_config: dev.azureKeyBody() };
  assert.equal((await dev.request('POST', '/v1/organizations/external_keys', { body })).status, 200);
  const all = verify();
  assert.deepEqual(all.json.filter((finding) => finding.status !== 'ok').map((finding) => finding.check), ['role']);
  assert.match(all.of('round-trip').found, /wrapped and unwrapped with ekey_/);
});

test('people get a table, with the cure beneath what is wrong, and no colour in a file', () => {
  const good = dev.azure(['verify', '--vault', dev.env.AZURE_VAULT_URI, '--key', dev.env.AZURE_KEY_NAME]);
  assert.equal(good.code, 0, good.err);
  assert.match(good.out, /^✓ rbac +permissions are role assignments$/m);
  assert.match(good.out, /^! role +Key Vault Crypto User: works.*\n +→ az role assignment create /m);
  assert.match(good.out, /, 1 to improve, 0 wrong/);
  const bad = dev.azure(['verify', '--vault', dev.env.AZURE_VAULT_NAME, '--key', 'nothing'], { LATCHKEY_ADMIN_KEY: '' });
  assert.equal(bad.code, 1);
  assert.match(bad.out, /^✗ key +the vault latchkey-dev has no key nothing\n +→ az keyvault key create --vault-name latchkey-dev --name nothing/m);
  assert.match(bad.out, /^– round-trip +not tried: only the platform[^\n]*\n +→ set LATCHKEY_URL and LATCHKEY_ADMIN_KEY/m);
  for (const { out } of [good, bad]) assert.ok(!out.includes('\x1b'));
});

test('a vault in access-policy mode', () => withVault({ enableRbacAuthorization: false }, { enableRbacAuthorization: true }, () => {
  const done = verify();
  assert.ok(done.failed.includes('rbac'));
  assertFound(done.of('rbac'), 'failed', /access-policy mode/, /^az keyvault update --name latchkey-dev --enable-rbac-authorization true/);
  assertFound(done.of('round-trip'), 'failed', /access policies|access-policy/i);
}));

test('public access disabled', () => withVault({ publicNetworkAccess: 'Disabled' }, { publicNetworkAccess: 'Enabled' }, () => {
  const done = verify();
  assertFound(done.of('public-access'), 'failed', /public endpoint/, /--public-network-access Enabled$/);
  assertFound(done.of('key'), 'unknown', /Public network access is disabled/);
  assertFound(done.of('round-trip'), 'failed', /public network access/i);
}));

test('a firewall without the platform\'s ranges, and with them', async () => {
  const deny = (...ranges) => ({ networkAcls: { defaultAction: 'Deny', ipRules: ranges.map((value) => ({ value })) } });
  const allow = { networkAcls: { defaultAction: 'Allow', ipRules: [] } };
  await withVault(deny('203.0.113.0/24'), allow, () => {
    const done = verify();
    assertFound(done.of('network'), 'failed', /no rule lets the platform's 160\.79\.104\.0\/21 in/,
      /^az keyvault network-rule add --name latchkey-dev --ip-address 160\.79\.104\.0\/21$/);
    // The firewall keeps this machine out, too, which is no fault of the key.
    assertFound(done.of('key'), 'unknown', /Client address is not authorized/, /an address that the vault lets in/);
    assertFound(done.of('round-trip'), 'failed', /firewall/);
  });
  await withVault(deny('127.0.0.1', '160.79.104.0/22', '160.79.108.0/22'), allow, () => {
    assert.deepEqual(verify().failed, []);
  });
  await withVault(deny('127.0.0.1'), allow, () => {
    assert.deepEqual(verify({ more: ['--egress-range', '127.0.0.1'] }).failed, []);
    assert.deepEqual(verify().failed, ['network']);
  });
});

test('purge protection off, and a key that is in another vault', async () => {
  await newVault('unprotected', { enablePurgeProtection: undefined, softDeleteRetentionInDays: 7 });
  const done = verify({ vault: 'unprotected' });
  assertFound(done.of('purge-protection'), 'failed', /off/, /--name unprotected --enable-purge-protection true$/);
  assertFound(done.of('soft-delete'), 'warning', /7 days/);
  assertFound(done.of('key'), 'failed', /no key latchkey-cmek; there is one of that name in the vault latchkey-dev/,
    /latchkey azure verify --vault latchkey-dev --key latchkey-cmek/);
  assertFound(done.of('audit-log'), 'failed', /not recorded/, /diagnostic-settings create .*AuditEvent/);
  assertFound(done.of('round-trip'), 'unknown', /of the same name is in another vault/);
});

test('keys that do not serve', async () => {
  const year = 365 * 24 * 3600;
  const now = Math.floor(Date.now() / 1000);
  const cases = [
    ['elliptic', { kty: 'EC', crv: 'P-256', key_size: undefined, key_ops: ['sign'] }, 'key-type', 'failed', /^EC: it must be RSA/],
    ['small', { key_size: 2048 }, 'key-type', 'failed', /^RSA 2048/],
    ['signing', { key_size: 2048, key_ops: ['sign', 'verify'] }, 'key-ops', 'failed', /sign verify/],
    ['disabled', { key_size: 2048, attributes: { enabled: false } }, 'key-enabled', 'failed', /disabled/],
    ['expired', { key_size: 2048, attributes: { exp: now - year } }, 'key-expiry', 'failed', /expired at/],
    ['early', { key_size: 2048, attributes: { nbf: now + year } }, 'key-expiry', 'failed', /not valid before/],
  ];
  for (const [name, overrides, check, status, found] of cases) {
    await customer.createKey(name, overrides);
    assertFound(verify({ key: name }).of(check), status, found, /^az keyvault key /);
  }
});

test('a role that is missing, too weak or too wide', async () => {
  await customer.createKey('roles', { key_size: 3072 });
  const none = verify({ key: 'roles' });
  assertFound(none.of('role'), 'failed', /no role on the key: the app may not read, wrap, unwrap/,
    new RegExp(`^az role assignment create --role "Key Vault Crypto Service Encryption User" --assignee-object-id ${principal} .*/keys/roles$`));
  await customer.grant(principal, 'roles', undefined, kReader);
  assertFound(verify({ key: 'roles' }).of('role'), 'failed', /Key Vault Reader: the app may not wrap, unwrap/);
  const wide = await customer.grant(principal, '', customer.vaultId(), kCryptoUser);
  const done = verify({ key: 'roles' });
  assert.deepEqual(done.failed, [], 'too wide is a warning');
  assertFound(done.of('role-scope'), 'warning', /the whole vault/, new RegExp(`az role assignment delete --ids ${wide.id}`));
  await customer.arm('DELETE', wide.id, '2022-04-01', undefined, [200, 204]);
  await customer.grant(principal, 'roles');
  assertFound(verify({ key: 'roles' }).of('role-scope'), 'ok', /the key alone/);
});

test('a dedicated vault may hold its role on the whole of it', async () => {
  await newVault('dedicated');
  await customer.call('POST', 'https://vault.azure.net', 'https://dedicated.vault.azure.net/keys/only/create?api-version=7.4',
    { kty: 'RSA', key_size: 3072, key_ops: ['wrapKey', 'unwrapKey'] });
  await customer.grant(principal, '', customer.vaultId('dedicated'), kCryptoUser);
  assertFound(verify({ vault: 'dedicated', key: 'only' }).of('role-scope'), 'ok', /holds this key alone/);
});

test('no diagnostic setting', async () => {
  const path = '{vault}/providers/Microsoft.Insights/diagnosticSettings/audit';
  const version = '2021-05-01-preview';
  const { properties } = await customer.arm('GET', path, version);
  await customer.arm('DELETE', path, version, undefined, [200, 204]);
  assertFound(verify().of('audit-log'), 'failed', /not recorded/, /az monitor diagnostic-settings create .*AuditEvent/);
  await customer.arm('PUT', path, version, { properties });
  assertFound(verify().of('audit-log'), 'ok', /workspaces\/latchkey-audit/);
});

test('a disabled service principal', async () => {
  await customer.graph('PATCH', `servicePrincipals/${principal}`, { accountEnabled: false }, [204]);
  assertFound(verify().of('app'), 'failed', /is disabled/, /accountEnabled=true/);
  await customer.graph('PATCH', `servicePrincipals/${principal}`, { accountEnabled: true }, [204]);
  assert.deepEqual(verify().failed, []);
});

test('a look-alike app, beside the right one', async () => {
  const app = await customer.graph('POST', 'applications', { displayName: 'Anthropic-CMEK-Client-US' });
  const copy = await customer.graph('POST', 'servicePrincipals', { appId: app.appId });
  assertFound(verify().of('app-identity'), 'failed', new RegExp(`look-alike: its app id is ${app.appId}.*8635ae1a`),
    new RegExp(`^az ad sp delete --id ${copy.id}$`));
  // An app id that came by mail is not the published one.
  const mailed = verify({ more: ['--app-id', app.appId] });
  assert.ok(mailed.failed.includes('app-identity'));
  await customer.graph('DELETE', `servicePrincipals/${copy.id}`, undefined, [204]);
  assert.deepEqual(verify().failed, []);
  assertFound(verify({ more: ['--app-name', 'something-else'] }).of('app-identity'), 'failed', /do not trust it/);
});

test('a tenant that is not the subscription\'s, and one that was registered wrong', async () => {
  const state = JSON.parse(readFileSync(join(dev.folder, 'azure', 'azure-state.json'), 'utf8'));
  const other = JSON.stringify(state).match(/"platform_tenant_id":"([0-9a-f-]{36})"/)?.[1];
  assert.ok(other);
  await newVault('foreign', { tenantId: other });
  const foreign = verify({ vault: 'foreign', key: 'k' });
  assertFound(foreign.of('tenant'), 'warning', new RegExp(`${other}, where the subscription's is ${dev.env.AZURE_TENANT_ID}`),
    new RegExp(`^az login --tenant ${other}$`));
  // That tenant does not know the admin's account, so verify claims nothing about what it cannot see.
  for (const check of ['key', 'app']) assertFound(foreign.of(check), 'unknown', /AADSTS700016/);

  await customer.createKey('mistaken', { key_size: 2048 });
  const body = { geo: 'us', provider_config: { ...dev.azureKeyBody('mistaken'), tenant_id: other } };
  const registered = await dev.request('POST', '/v1/organizations/external_keys', { body });
  assertFound(verify({ key: 'mistaken' }).of('round-trip'), 'failed', /registered with the tenant .* governed by/,
    new RegExp(`^latchkey keys update ${registered.json.id} .*--tenant-id ${dev.env.AZURE_TENANT_ID}$`));
});

test('signing in: by az, and what goes wrong', () => {
  const bin = join(dev.folder, 'bin');
  mkdirSync(bin);
  const az = join(bin, 'az');
  const asAz = { AZURE_CLIENT_ID: '', AZURE_CLIENT_SECRET: '', PATH: `${bin}:${process.env.PATH}` };
  const script = (text) => {
    writeFileSync(az, `#!/usr/bin/env bash\nset -euo pipefail\n${text}\n`);
    chmodSync(az, 0o755);
  };
  script(`printf '%s\\n' "$*" >> '${bin}/calls'
[ "$1 $2 $3" = 'account get-access-token --resource' ]
token=$(curl -sS '${dev.env.AZURE_AUTHORITY_HOST}${dev.env.AZURE_TENANT_ID}/oauth2/v2.0/token' -d grant_type=client_credentials \\
  -d client_id='${dev.env.AZURE_CLIENT_ID}' --data-urlencode client_secret='${dev.env.AZURE_CLIENT_SECRET}' \\
  --data-urlencode scope="$4/.default" | sed -E 's/.*"access_token": ?"([^"]*)".*/\\1/')
printf '{"accessToken": "%s", "expiresOn": "2030-01-01 00:00:00.000000", "subscription": "${dev.env.AZURE_SUBSCRIPTION_ID}", "tenant": "${dev.env.AZURE_TENANT_ID}", "tokenType": "Bearer"}\\n' "$token"`);
  assert.deepEqual(verify({ env: asAz }).failed, []);
  assert.match(readFileSync(join(bin, 'calls'), 'utf8'), /^account get-access-token --resource https:\/\/management\.azure\.com\/ --output json/);

  const run = (env, code, message) => {
    const done = dev.azure(['verify', '--vault', 'latchkey-dev', '--key', 'k'], env);
    assert.equal(done.code, code, done.err);
    assert.match(done.err, message);
    assert.ok(!done.err.includes(dev.env.AZURE_CLIENT_SECRET));
  };
  script("echo 'ERROR: Please run az login to setup account.' >&2; exit 1");
  run({ ...asAz, AZURE_SUBSCRIPTION_ID: '' }, 1, /az gives no token: ERROR: Please run az login/);
  script('echo nonsense');
  run(asAz, 1, /no token/);
  run({ AZURE_CLIENT_SECRET: 'wrong' }, 1, /signing in .* failed: AADSTS7000215/);
  run({ AZURE_TENANT_ID: '' }, 2, /AZURE_TENANT_ID/);
  run({ AZURE_CLIENT_SECRET: '' }, 2, /AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or AZURE_FEDERATED_TOKEN_FILE/);
  run({ AZURE_AUTHORITY_HOST: 'https://login.evil.example/' }, 2, /no sign-in host of Azure's/);
  run({ AZURE_SUBSCRIPTION_ID: '00000000-0000-4000-8000-000000000000' }, 1, /sees no subscription 00000000/);
  run({ HTTPS_PROXY: 'http://127.0.0.1:1', https_proxy: '' }, 1, /cannot be reached/);
});

test('a wrong command line is 2 and asks nobody', () => {
  for (const args of [
    ['verify'], ['verify', '--vault', 'contoso'], ['verify', '--vault', 'a b', '--key', 'k'],
    ['verify', '--vault', 'https://contoso.evil.example/', '--key', 'k'],
    ['verify', '--vault', 'https://contoso.managedhsm.azure.net/', '--key', 'k'],
    ['verify', '--vault', 'contoso', '--key', 'k/../x'], ['verify', '--vault', 'contoso', '--key', 'k', '--app-id', 'x'],
    ['verify', '--vault', 'contoso', '--key', 'k', '--egress-range', '::1'],
  ]) {
    const done = dev.azure(args, { HTTPS_PROXY: 'http://127.0.0.1:1' });
    assert.equal(done.code, 2, args.join(' ') + done.err);
    assert.equal(done.out, '');
  }
});
