// Runs the guide's own curl commands, letter for letter but for the base URL and the placeholders, and then checks the promise:
// a revoked key makes the data unreadable.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';

import { Dev, eventually } from '../support/dev.mjs';

const dev = new Dev();
before(() => dev.start());
after(() => dev.stop());

const kRegister = `curl -sS https://api.anthropic.com/v1/organizations/external_keys \\
      -H "x-api-key: <anthropic-admin-api-key>" \\
      -H "anthropic-version: 2023-06-01" \\
      -H "content-type: application/json" \\
      -d '{
        "display_name": "<friendly-name>",
        "geo": "us",
        "provider_config": {
          "type": "azure",
          "vault_uri": "https://<your-vault-name>.vault.azure.net/",
          "key_name": "<your-key-name>",
          "tenant_id": "<your-tenant-id>"
        }
      }'`;
const kValidate = `curl -sS -X POST https://api.anthropic.com/v1/organizations/external_keys/ekey_<id>/validate \\
      -H "x-api-key: <anthropic-admin-api-key>" \\
      -H "anthropic-version: 2023-06-01" \\
      -H "content-type: application/json" -d '{}'`;
const kAttach = `curl -sS -X POST https://api.anthropic.com/v1/organizations/workspaces/<workspace-id> \\
      -H "x-api-key: <anthropic-admin-api-key>" \\
      -H "anthropic-version: 2023-06-01" \\
      -H "content-type: application/json" \\
      -d '{
        "external_key_id": "ekey_<id>"
      }'`;

function run(command, substitutions = {}) {
  const values = {
    'https://api.anthropic.com': dev.env.LATCHKEY_URL,
    '<anthropic-admin-api-key>': dev.env.LATCHKEY_ADMIN_KEY,
    '<friendly-name>': 'from the guide',
    '<your-vault-name>': dev.env.AZURE_VAULT_NAME,
    '<your-key-name>': dev.env.AZURE_KEY_NAME,
    '<your-tenant-id>': dev.env.AZURE_TENANT_ID,
    '<workspace-id>': dev.env.LATCHKEY_WORKSPACE_ID,
    ...substitutions,
  };
  for (const [placeholder, value] of Object.entries(values)) command = command.replaceAll(placeholder, value);
  const done = spawnSync('bash', ['-c', command], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  return JSON.parse(done.stdout);
}

test('steps 5, 6 and 7, and then the key is pulled and given back', async () => {
  const key = run(kRegister);
  assert.equal(key.type, 'external_key');
  assert.equal(key.display_name, 'from the guide');
  assert.deepEqual(run(kValidate, { 'ekey_<id>': key.id }), {
    type: 'external_key_validation',
    status: 'success',
    error: null,
  });
  assert.equal(run(kAttach, { 'ekey_<id>': key.id }).external_key_id, key.id);

  const path = `/v1/workspaces/${dev.env.LATCHKEY_WORKSPACE_ID}`;
  const workspace = { key: dev.env.LATCHKEY_WORKSPACE_KEY };
  const plaintext = Buffer.from('the customer holds the key');
  const sealed = await dev.request('POST', `${path}/encrypt`, { ...workspace, body: plaintext });
  assert.equal(sealed.status, 200);
  const read = () => dev.request('POST', `${path}/decrypt`, { ...workspace, body: sealed.bytes });
  assert.deepEqual((await read()).bytes, plaintext);

  await vaultKey({ attributes: { enabled: false } });
  const refused = await eventually(async () => {
    const response = await read();
    return response.status === 200 ? undefined : response;
  });
  for (const response of [refused, await dev.request('POST', `${path}/encrypt`, { ...workspace, body: plaintext })]) {
    assert.equal(response.status, 400);
    assert.equal(response.json.error.type, 'invalid_request_error');
    assert.equal(response.json.error.details.error_code, 'cmek_key_disabled');
  }

  await vaultKey({ attributes: { enabled: true } });
  const back = await eventually(async () => {
    const response = await read();
    return response.status === 200 ? response : undefined;
  });
  assert.deepEqual(back.bytes, plaintext);
});

// What the customer does with its key, by curl through the emulator's proxy.
async function vaultKey(patch) {
  const env = { PATH: process.env.PATH, ...dev.azureEnv };
  const curl = (...args) => JSON.parse(spawnSync('curl', ['-sS', ...args], { env, encoding: 'utf8' }).stdout);
  const { access_token: token } = curl(
    `https://login.microsoftonline.com/${dev.env.AZURE_TENANT_ID}/oauth2/v2.0/token`,
    '--data-urlencode', 'grant_type=client_credentials',
    '--data-urlencode', `client_id=${dev.env.AZURE_CLIENT_ID}`,
    '--data-urlencode', `client_secret=${dev.env.AZURE_CLIENT_SECRET}`,
    '--data-urlencode', 'scope=https://vault.azure.net/.default',
  );
  const key = curl('-X', 'PATCH', `${dev.env.AZURE_VAULT_URI}keys/${dev.env.AZURE_KEY_NAME}?api-version=7.4`,
    '-H', `authorization: Bearer ${token}`, '-H', 'content-type: application/json', '-d', JSON.stringify(patch));
  assert.equal(key.attributes.enabled, patch.attributes.enabled);
}
