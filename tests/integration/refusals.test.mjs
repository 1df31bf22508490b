// Sends hostile and mistaken input over real HTTP: checks the exact status, type and message, and that it changes nothing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Customer } from '../support/customer.mjs';
import { Dev, binary } from '../support/dev.mjs';

const dev = new Dev({ args: ['--bare'] });
const customer = new Customer(dev);
const kKeys = '/v1/organizations/external_keys';
const kWorkspaces = '/v1/organizations/workspaces';
const kActivities = '/v1/compliance/activities';
const kAnyWorkspace = 'wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ';

let principal;
let foreign; // another organisation, on the same server

function org(...args) {
  const done = spawnSync(binary, ['org', ...args, '--database', join(dev.folder, 'latchkey.db'), '--root-key', join(dev.folder, 'root.key'), '-o', 'json'], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  return JSON.parse(done.stdout);
}

before(async () => {
  await dev.start();
  foreign = org('create', 'Another');
});
after(() => dev.stop());

function assertRefused(response, status, type, message) {
  assert.equal(response.status, status, response.bytes);
  assert.equal(response.json.type, 'error');
  assert.equal(response.json.error.type, type);
  if (message instanceof RegExp) assert.match(response.json.error.message, message);
  else assert.equal(response.json.error.message, message);
  assert.match(response.json.request_id, /^req_01/);
  assert.equal(response.headers.get('request-id'), response.json.request_id);
}
const assertInvalid = (response, message) => assertRefused(response, 400, 'invalid_request_error', message);

// Comes before all others, for there is no service principal yet.
test('a tenant that does not know the app', async () => {
  const { env } = dev;
  assert.match(await validationError(dev.azureKeyBody()),
    new RegExp(`^tenant ${env.AZURE_TENANT_ID} does not know the app ${env.LATCHKEY_APP_CLIENT_ID}\\. Consent to it there: ` +
      `az ad sp create --id ${env.LATCHKEY_APP_CLIENT_ID}; or correct tenant_id .*AADSTS700016`));
  principal = await customer.consent();
});

async function registered(config) {
  const made = await dev.request('POST', kKeys, { body: { provider_config: config } });
  assert.equal(made.status, 200, made.bytes);
  return made.json.id;
}

async function validationError(config) {
  const response = await dev.request('POST', `${kKeys}/${await registered(config)}/validate`, { body: {} });
  assert.equal(response.status, 200, response.bytes);
  assert.equal(response.json.status, 'failure');
  return response.json.error;
}

test('keys that Azure has but that will not do', async (t) => {
  const now = Math.floor(Date.now() / 1000);
  const cases = [
    ['short', { key_size: 2048 }, /"short" .* has 2048 bits; it must have at least 3072\. .*az keyvault key create/, 'key_unsuitable'],
    ['curve', { kty: 'EC', key_size: undefined, key_ops: ['sign', 'verify'] }, /"curve" .* is of type EC; it must be RSA or RSA-HSM\./, 'key_unsuitable'],
    ['no-wrap', { key_ops: ['unwrapKey'] }, /"no-wrap" .* does not permit wrapKey\. .*--ops wrapKey unwrapKey/, 'key_operation_not_allowed'],
    ['no-unwrap', { key_ops: ['wrapKey'] }, /"no-unwrap" .* does not permit unwrapKey\. .*--ops wrapKey unwrapKey/, 'key_operation_not_allowed'],
    ['disabled', { attributes: { enabled: false } }, /"disabled" .* is disabled\. Enable it: .*--enabled true/, 'key_disabled'],
    ['expired', { attributes: { exp: now - 60 } }, /"expired" .* has expired \(at 20.*--expires/, 'key_expired'],
    ['early', { attributes: { nbf: now + 3600 } }, /"early" .* is not valid yet \(before 20.*--not-before/, 'key_not_yet_valid'],
    ['deleted', {}, /"deleted" .* is deleted, and can be recovered until 20.*az keyvault key recover/, 'key_deleted'],
    ['no-role', {}, /may not read key "no-role".*a role is missing on the key.*az role assignment create/, 'role_missing'],
  ];
  for (const [name, overrides, expected, reason] of cases) {
    await t.test(name, async () => {
      await customer.createKey(name, overrides);
      if (name !== 'no-role') await customer.grant(principal, name);
      if (name === 'deleted') await customer.deleteKey(name);
      const id = await registered(dev.azureKeyBody(name));
      const validated = await dev.request('POST', `${kKeys}/${id}/validate`, { body: {} });
      assert.equal(validated.json.status, 'failure');
      assert.match(validated.json.error, expected);
      assert.equal(validated.json.reason, reason);
      // Attaching validates as well, and so fails.
      const workspace = await dev.request('POST', kWorkspaces, { body: { name } });
      const attached = await dev.request('POST', `${kWorkspaces}/${workspace.json.id}`, { body: { external_key_id: id } });
      assertInvalid(attached, expected);
      assert.deepEqual(attached.json.error.details, { error_code: 'external_key_validation_failed', reason });
      const shown = await dev.request('GET', `${kWorkspaces}/${workspace.json.id}`);
      assert.equal(shown.json.external_key_id, null);
    });
  }
});

test('registrations that point at the wrong place', async () => {
  await customer.createKey('good');
  await customer.grant(principal, 'good');
  const good = dev.azureKeyBody('good');
  for (const [change, expected] of [
    [{ tenant_id: '11111111-2222-4333-8444-555555555555' }, /is governed by tenant .*, but tenant 11111111-.* is registered/],
    [{ tenant_id: 'nowhere.example' }, /there is no tenant nowhere\.example in this cloud.*AADSTS90002/],
    [{ vault_uri: 'https://no-such-vault.vault.azure.net/' }, /no-such-vault\.vault\.azure\.net does not exist in DNS/],
    [{ client_id: '11111111-2222-4333-8444-555555555555' }, /does not know the app 11111111-.*AADSTS700016/],
  ]) {
    assert.match(await validationError({ ...good, ...change }), expected);
  }
  const works = await dev.request('POST', `${kKeys}/${await registered(good)}/validate`, { body: {} });
  assert.deepEqual(works.json, { type: 'external_key_validation', status: 'success', error: null });
});

test('a vault_uri that is not a vault', async () => {
  const kScheme = 'must begin with https://';
  const kAddress = "must name the vault's host, not an address";
  const kHost = 'must have a host that ends in .vault.azure.net or .managedhsm.azure.net';
  const kAlone = 'must be the vault alone, without a path, query or fragment';
  const kUser = 'must not name a user';
  const kName = 'must have one name of letters, digits and hyphens before .vault.azure.net';
  for (const [uri, why] of [
    ['http://contoso.vault.azure.net/', kScheme],
    ['ftp://contoso.vault.azure.net/', kScheme],
    ['contoso.vault.azure.net', kScheme],
    ['https://10.0.0.1/', kAddress],
    ['https://169.254.169.254', kAddress],
    ['https://[::1]/', kAddress],
    ['https://localhost/', kHost],
    ['https://contoso.vault.example/', kHost],
    ['https://contoso.vault.azure.net.evil.example/', kHost],
    ['https://evilvault.azure.net/', kHost],
    ['https://contoso.vault.azure.net./', kHost],
    ['https://.vault.azure.net/', kName],
    ['https://a.b.vault.azure.net/', kName],
    ['https://-a.vault.azure.net/', kName],
    ['https://contoso.vault.azure.net/keys/k', kAlone],
    ['https://contoso.vault.azure.net/?a=b', kAlone],
    ['https://contoso.vault.azure.net#a', kAlone],
    ['https://evil.example\\.vault.azure.net/', kAlone],
    ['https://me@contoso.vault.azure.net/', kUser],
    ['https://contoso.vault.azure.net@evil.example/', kUser],
    ['https://contoso.vault.azure.net:8443/', 'must not name a port'],
  ]) {
    const body = { provider_config: { ...dev.azureKeyBody(), vault_uri: uri } };
    assertInvalid(await dev.request('POST', kKeys, { body }),
      `provider_config.vault_uri: "${uri}" is not a vault URI: it ${why}; a right one looks like https://contoso.vault.azure.net/`);
  }
});

test('bodies that are not what the call takes', async () => {
  const azure = dev.azureKeyBody();
  const notYet = (type) => `provider_config.type: '${type}' is not supported by this server yet; register a key in Azure Key Vault with 'azure'`;
  const listed = async () => (await dev.request('GET', `${kKeys}?limit=100`)).json.data.length;
  const before = await listed();
  for (const [body, message] of [
    ['', 'The request body is empty. Send a JSON object.'],
    ['{', 'The request body is not valid JSON: incomplete JSON at byte 1. Send one JSON object in UTF-8.'],
    ['{"a":1} {}', /^The request body is not valid JSON: /],
    ['['.repeat(100_000), /^The request body is not valid JSON: too deep /],
    ['[]', 'The request body is JSON but not an object. Send a JSON object.'],
    ['{"geo":"us","geo":"us"}', 'geo: Field given twice'],
    [{}, 'provider_config: Field required'],
    [{ provider_config: 1 }, 'provider_config: Input should be an object'],
    [{ provider_config: null }, 'provider_config: Input should be an object'],
    [{ provider_config: {} }, 'provider_config.type: Field required'],
    [{ provider_config: { type: 'vault' } }, "provider_config.type: Input should be 'aws', 'azure' or 'gcp'"],
    [{ provider_config: { type: 'aws', kms_arn: 'arn:aws:kms:us-east-1:111122223333:key/k' } }, notYet('aws')],
    [{ provider_config: { type: 'gcp', key_name: 'projects/p' } }, notYet('gcp')],
    [{ provider_config: { ...azure, tenant_id: undefined } }, 'provider_config.tenant_id: Field required'],
    [{ provider_config: { ...azure, key_name: 7 } }, 'provider_config.key_name: Input should be a valid string'],
    [{ provider_config: { ...azure, key_name: 'k/1' } }, /^provider_config\.key_name: "k\/1" is not a key name/],
    [{ provider_config: { ...azure, tenant_id: '10.0.0.1' } }, /^provider_config\.tenant_id: "10\.0\.0\.1" is not a tenant id/],
    [{ provider_config: { ...azure, client_id: 'x' } }, /^provider_config\.client_id: Not the application \(client\) id/],
    [{ provider_config: { ...azure, key_version: '1' } }, 'provider_config.key_version: Extra inputs are not permitted'],
    [{ provider_config: azure, color: 1 }, 'color: Extra inputs are not permitted'],
    [{ provider_config: azure, display_name: 7 }, 'display_name: Input should be a valid string'],
    [{ provider_config: azure, display_name: 'x'.repeat(256) }, 'display_name: String should have at most 255 characters'],
    [{ provider_config: azure, geo: 'eu' }, "geo: Input should be 'us'"],
  ]) {
    assertInvalid(await dev.request('POST', kKeys, { body }), message);
  }
  // Bytes that are not UTF-8.
  const raw = await dev.request('POST', kKeys, { body: Buffer.from('{"a":"\xff"}', 'latin1'), headers: { 'content-type': 'application/json' } });
  assertInvalid(raw, /^The request body is not valid JSON: /);
  assert.equal(await listed(), before);

  for (const [body, message] of [
    [{}, 'name: Field required'],
    [{ name: '' }, /^name: /],
    [{ name: 'x'.repeat(256) }, /^name: /],
    [{ name: 'x', display_color: 'red' }, /^display_color: /],
    [{ name: 'x', tags: { 'anthropic-x': 'y' } }, /^tags/],
    [{ name: 'x', external_key_id: 7 }, 'external_key_id: Input should be a valid string'],
  ]) {
    assertInvalid(await dev.request('POST', kWorkspaces, { body }), message);
  }
  const service = { key: dev.env.LATCHKEY_SERVICE_KEY };
  const encrypt = `/v1/workspaces/${dev.env.LATCHKEY_WORKSPACE_ID}/encrypt`;
  for (const [body, message] of [
    [{}, 'plaintext: Field required'],
    [{ plaintext: 7 }, 'plaintext: Input should be a valid string'],
    [{ plaintext: '!' }, 'plaintext: Input should be base64 (RFC 4648 section 4, with padding)'],
    [{ plaintext: '', context: [] }, 'context: Input should be an object of strings'],
    [{ plaintext: '', context: { a: 1 } }, 'context.a: Input should be a valid string'],
    [{ plaintext: '', extra: '' }, 'extra: Extra inputs are not permitted'],
  ]) {
    assertInvalid(await dev.request('POST', encrypt, { ...service, body }), message);
  }
});

test('a body that is too large', async () => {
  const body = JSON.stringify({ display_name: 'x'.repeat(2 * 1024 * 1024) });
  assertRefused(await dev.request('POST', kKeys, { body }), 413, 'request_too_large',
    'The request body is larger than the 1048576 bytes that this call takes.');
  const raw = await dev.request('POST', `/v1/workspaces/${dev.env.LATCHKEY_WORKSPACE_ID}/encrypt`,
    { key: dev.env.LATCHKEY_SERVICE_KEY, body: Buffer.alloc(16 * 1024 * 1024 + 1) });
  assertRefused(raw, 413, 'request_too_large', /larger than the 16777216 bytes/);
});

test('no key, a wrong key, a key of another role', async () => {
  const kMissing = 'No API key was sent. Put it in the x-api-key header, or in authorization as a Bearer token.';
  const kWrong = /^The API key is not valid: it is unknown, was revoked, or is not whole\./;
  const encrypt = `/v1/workspaces/${dev.env.LATCHKEY_WORKSPACE_ID}/encrypt`;
  for (const [method, path] of [['GET', '/v1/organizations/me'], ['POST', kKeys], ['GET', kActivities], ['POST', encrypt]]) {
    assertRefused(await dev.request(method, path, { key: null }), 401, 'authentication_error', kMissing);
    const admin = dev.env.LATCHKEY_ADMIN_KEY;
    for (const key of ['x', admin.slice(0, -1), admin + 'A', admin.replace('admin01', 'service01')]) {
      assertRefused(await dev.request(method, path, { key }), 401, 'authentication_error', kWrong);
    }
  }
  const { LATCHKEY_ADMIN_KEY: admin, LATCHKEY_SERVICE_KEY: service, LATCHKEY_WORKSPACE_KEY: workspace } = dev.env;
  const compliance = org('keys', 'create', '--role', 'compliance', '--organization', dev.env.LATCHKEY_ORGANIZATION_ID).key;
  for (const [key, method, path, message] of [
    [service, 'GET', kKeys, /^This is a service key\. .* needs an admin key/],
    [workspace, 'POST', kWorkspaces, /^This is a workspace key\. .* needs an admin key/],
    [compliance, 'POST', kKeys, /^This is a compliance key\. .* needs an admin key/],
    [workspace, 'GET', kActivities, /needs an admin key .* or a compliance key/],
    [admin, 'POST', encrypt, /^This is an admin key\. .* needs a service key .* or a key of the workspace/],
    [compliance, 'POST', encrypt, /^This is a compliance key\./],
  ]) {
    assertRefused(await dev.request(method, path, { key, body: method === 'POST' ? {} : undefined }), 403, 'permission_error', message);
  }
  assert.equal((await dev.request('GET', kActivities, { key: compliance })).status, 200);
});

test("another organisation's things are not there", async () => {
  const own = await registered(dev.azureKeyBody('good'));
  const workspace = dev.env.LATCHKEY_WORKSPACE_ID;
  const service = org('keys', 'create', '--role', 'service', '--organization', foreign.organization_id).key;
  const gone = (kind, id) => `There is no ${kind} ${id} in this organization.`;
  const unusable = (id) => `There is no workspace ${id} that this API key may use.`;
  for (const [key, method, path, body, message] of [
    [foreign.key, 'GET', `${kKeys}/${own}`, undefined, gone('external key', own)],
    [foreign.key, 'POST', `${kKeys}/${own}`, { display_name: 'mine' }, gone('external key', own)],
    [foreign.key, 'DELETE', `${kKeys}/${own}`, undefined, gone('external key', own)],
    [foreign.key, 'POST', `${kKeys}/${own}/validate`, {}, gone('external key', own)],
    [foreign.key, 'GET', `${kWorkspaces}/${workspace}`, undefined, gone('workspace', workspace)],
    [foreign.key, 'POST', `${kWorkspaces}/${workspace}`, { name: 'mine' }, gone('workspace', workspace)],
    [foreign.key, 'POST', `${kWorkspaces}/${workspace}/archive`, {}, gone('workspace', workspace)],
    [foreign.key, 'POST', `${kWorkspaces}/${foreign.default_workspace_id}`, { external_key_id: own }, gone('external key', own)],
    [service, 'POST', `/v1/workspaces/${workspace}/encrypt`, { plaintext: '' }, unusable(workspace)],
    [service, 'POST', `/v1/workspaces/${workspace}/data_keys`, {}, unusable(workspace)],
    // An id that exists nowhere gets the same response.
    [foreign.key, 'GET', `${kWorkspaces}/${kAnyWorkspace}`, undefined, gone('workspace', kAnyWorkspace)],
    [dev.env.LATCHKEY_WORKSPACE_KEY, 'POST', `/v1/workspaces/${foreign.default_workspace_id}/encrypt`, { plaintext: '' },
      unusable(foreign.default_workspace_id)],
  ]) {
    assertRefused(await dev.request(method, path, { key, body }), 404, 'not_found_error', message);
  }
  const activities = await dev.request('GET', kActivities, { key: foreign.key });
  assert.equal(JSON.stringify(activities.json).includes(own), false);
  for (const path of [kKeys, `${kWorkspaces}?include_default=true`]) {
    const listed = (await dev.request('GET', path, { key: foreign.key })).json.data.map((row) => row.id);
    assert.ok(!listed.includes(own) && !listed.includes(workspace));
  }
});

test('no such path, no such method', async () => {
  assertRefused(await dev.request('GET', '/v1/nothing'), 404, 'not_found_error',
    'There is nothing at GET /v1/nothing. Look at the path, its version and its ids.');
  const method = await dev.request('PATCH', kKeys, { body: {} });
  assertRefused(method, 405, 'invalid_request_error', /^PATCH is not a method of/);
  assert.match(method.headers.get('allow'), /GET.*POST|POST.*GET/);
});

test('records that were changed, moved, or given another context', async () => {
  const key = dev.env.LATCHKEY_SERVICE_KEY;
  const made = async (name) => (await dev.request('POST', kWorkspaces, { body: { name } })).json.id;
  const [home, away] = [await made('home'), await made('away')];
  const context = (value) => ({ 'latchkey-context': Buffer.from(JSON.stringify(value)).toString('base64url') });
  const call = (id, verb, body, headers = context({ row: '7' })) => dev.request('POST', `/v1/workspaces/${id}/${verb}`, { key, body, headers });
  const sealed = await call(home, 'encrypt', Buffer.from('a record'));
  assert.equal(sealed.status, 200);
  const record = sealed.bytes;
  assert.equal((await call(home, 'decrypt', record)).bytes.toString(), 'a record');

  const code = (response, expected) => {
    assertInvalid(response, /./);
    assert.equal(response.json.error.details.error_code, expected, response.bytes);
    assert.equal(response.bytes.includes('a record'), false);
  };
  // Header: 4 bytes of format, 16 of the data key's id; then nonce and commitment; then ciphertext and tag.
  const expected = (at) => (at < 4 ? 'ciphertext_not_recognized' : at < 76 ? 'ciphertext_wrong_key' : 'ciphertext_corrupt');
  for (let at = 0; at < record.length; at++) {
    const changed = Buffer.from(record);
    changed[at] ^= 0x01;
    code(await call(home, 'decrypt', changed), expected(at));
  }
  for (const length of [0, 1, 19, 20, 91]) {
    code(await call(home, 'decrypt', record.subarray(0, length)), 'ciphertext_not_recognized');
  }
  code(await call(home, 'decrypt', record.subarray(0, -1)), 'ciphertext_corrupt');
  code(await call(home, 'decrypt', Buffer.concat([record, Buffer.from([0])])), 'ciphertext_corrupt');

  // Once while the other workspace has no data key, and once when it has one.
  code(await call(away, 'decrypt', record), 'ciphertext_wrong_key');
  const other = await call(away, 'encrypt', Buffer.from('another'));
  code(await call(away, 'decrypt', record), 'ciphertext_wrong_key');
  code(await call(home, 'decrypt', Buffer.concat([other.bytes.subarray(0, 20), record.subarray(20)])), 'ciphertext_wrong_key');

  for (const headers of [{}, context({}), context({ row: '8' }), context({ Row: '7' }), context({ row: '7', more: '' })]) {
    code(await call(home, 'decrypt', record, headers), 'ciphertext_corrupt');
  }
  for (const bad of ['!', 'e30=', Buffer.from('[]').toString('base64url')]) {
    assertInvalid(await call(home, 'decrypt', record, { 'latchkey-context': bad }), /^latchkey-context: /);
  }
});
