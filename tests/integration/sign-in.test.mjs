// Access is revoked at Entra while the token that it issued before is valid for an hour more.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Customer } from '../support/customer.mjs';
import { Dev, audit, eventually } from '../support/dev.mjs';
import { control } from '../support/emulator.mjs';

const kKeys = '/v1/organizations/external_keys';
// `hard` is so long that no lease ends by itself: only a refusal ends access here.
const settings = ['azure.sign_in_max_age=3s', 'keyring.soft=1s', 'keyring.hard=1h', 'health.interval=0s'];
const dev = new Dev({ args: ['--bare', '--enable-control', ...settings.flatMap((setting) => ['--set', setting])] });
const customer = new Customer(dev);
let principal;
let workspace;
let ciphertext;

const data = (verb, body) =>
  dev.request('POST', `/v1/workspaces/${workspace}/${verb}`, { key: dev.env.LATCHKEY_SERVICE_KEY, body });
const serves = async () => (await data('decrypt', { ciphertext })).status === 200;
const unwraps = async () => (await audit(dev)).filter((line) => line.operationName === 'KeyUnwrap').length;

async function ask(method, path, body) {
  const response = await control(dev.env, method, path, body);
  assert.ok(response.status < 300, JSON.stringify(response));
  return response.json;
}

// Uses the key all the while, as real requests do.
async function assertEnds(reason) {
  const refused = await eventually(async () => {
    const response = await data('decrypt', { ciphertext });
    return response.status !== 200 && response;
  });
  assert.equal(refused.status, 400, refused.bytes);
  const { message, details } = refused.json.error;
  assert.equal(details.error_code, 'cmek_key_disabled', message);
  assert.equal(details.reason, reason, message);
  assert.equal((await data('encrypt', { plaintext: 'aGVsbG8=' })).status, 400);
}

before(async () => {
  await dev.start();
  principal = await customer.consent();
  await customer.createKey('cmek');
  await customer.grant(principal, 'cmek');
  const made = await dev.request('POST', kKeys, { body: { provider_config: dev.azureKeyBody('cmek') } });
  const home = await dev.request('POST', '/v1/organizations/workspaces', { body: { name: 'Locked', external_key_id: made.json.id } });
  assert.equal(home.status, 200, home.bytes);
  workspace = home.json.id;
  const sealed = await data('encrypt', { plaintext: 'aGVsbG8=' });
  assert.equal(sealed.status, 200, sealed.bytes);
  ciphertext = sealed.json.ciphertext;
});
after(() => dev.stop());

test('an app that is disabled reads nothing more, and all again once it is enabled', async () => {
  await customer.graph('PATCH', `servicePrincipals/${principal}`, { accountEnabled: false }, [204]);
  await assertEnds('app_disabled');
  await customer.graph('PATCH', `servicePrincipals/${principal}`, { accountEnabled: true }, [204]);
  await eventually(serves);
});

test('nor does one that a Conditional Access policy shuts out', async () => {
  await ask('POST', 'conditional_access', { app_id: dev.env.LATCHKEY_APP_CLIENT_ID });
  await assertEnds('conditional_access');
  await ask('DELETE', 'conditional_access');
  await eventually(serves);
});

test('while Entra is down the vault is asked with the old token, and its refusal counts', async () => {
  const fault = await ask('POST', 'faults', { kind: 'error', service: 'entra', operation: 'Token', status: 503 });
  const hits = async () => (await ask('GET', 'faults')).faults.find((each) => each.id === fault.id).hits;
  await eventually(async () => {
    assert.ok(await serves());
    return (await hits()) > 0;
  });
  const before = await unwraps();
  await eventually(async () => {
    assert.ok(await serves());
    return (await unwraps()) > before + 2;
  });
  // The customer signed in before the fault, so its own token still works.
  await customer.updateKey('cmek', { attributes: { enabled: false } });
  await assertEnds('key_disabled');
  await customer.updateKey('cmek', { attributes: { enabled: true } });
  await ask('DELETE', 'faults');
  await eventually(serves);
});

// The last test: a principal that is gone has lost its roles as well.
test('Entra says so when consent is withdrawn', async () => {
  await customer.graph('DELETE', `servicePrincipals/${principal}`, undefined, [204]);
  const refused = await eventually(async () => {
    const response = await data('decrypt', { ciphertext });
    return response.status === 400 && response;
  });
  assert.equal(refused.json.error.details.error_code, 'cmek_key_disabled');
  await eventually(async () => (await data('decrypt', { ciphertext })).json.error.details.reason === 'app_not_consented');
});
