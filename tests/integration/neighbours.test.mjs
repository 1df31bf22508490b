// Two organisations share a vault, and one is hostile: it costs the other a turn, and delays no revocation.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Customer } from '../support/customer.mjs';
import { Dev, binary, eventually } from '../support/dev.mjs';
import { control } from '../support/emulator.mjs';

const kKeys = '/v1/organizations/external_keys';
const kSoft = 4000;
// Room for a renewal's slack and its turn, for the call itself, and for a busy machine.
const kSlack = 8000;
const kWaiting = 400;
// The limiter lets few calls through: so many wait that a call behind all of them would come minutes later.
const settings = [`keyring.soft=${kSoft}ms`, 'keyring.hard=1h', 'keyring.kms_calls_per_10s=40', 'health.interval=0s'];
const dev = new Dev({ args: ['--enable-control', ...settings.flatMap((setting) => ['--set', setting])] });
const customer = new Customer(dev);

let mallory; // her admin key
let workspace;
let flooding = true;
const floods = [];

const data = (verb, body) =>
  dev.request('POST', `/v1/workspaces/${workspace}/${verb}`, { key: dev.env.LATCHKEY_SERVICE_KEY, body });
const register = async (body) => {
  const made = await dev.request('POST', kKeys, { key: mallory, body: { provider_config: body } });
  assert.equal(made.status, 200, made.bytes);
  return made.json.id;
};
// The vault's URI in different spellings.
const spelled = (number) => {
  const body = dev.azureKeyBody();
  const plain = body.vault_uri.replace(/\/$/, '');
  body.vault_uri = [plain, `${plain}/`, plain.replace('https://', 'HTTPS://'), plain.toUpperCase()][number % 4];
  return body;
};

before(async () => {
  await dev.start();
  const made = spawnSync(binary, ['org', 'create', 'Mallory', '--database', join(dev.folder, 'latchkey.db'),
    '--root-key', join(dev.folder, 'root.key'), '-o', 'json'], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  mallory = JSON.parse(made.stdout).key;
  const key = await dev.request('POST', kKeys, { body: { provider_config: dev.azureKeyBody() } });
  const home = await dev.request('POST', '/v1/organizations/workspaces', { body: { name: 'Locked', external_key_id: key.json.id } });
  assert.equal(home.status, 200, home.bytes);
  workspace = home.json.id;
});
after(async () => {
  flooding = false;
  await dev.stop();
  await Promise.all(floods);
});

test('a key that another organisation uses is not attached without its owner\'s tag', async () => {
  for (let number = 0; number < 4; ++number) {
    const id = await register(spelled(number));
    const home = await dev.request('POST', '/v1/organizations/workspaces', { key: mallory, body: { name: `Mine ${number}`, external_key_id: id } });
    assert.equal(home.status, 400, home.bytes);
    assert.match(home.json.error.message, /does not bear the tag/);
  }
});

test('hundreds of waiting validations do not keep a revocation from being noticed', async () => {
  const sealed = await data('encrypt', { plaintext: 'aGVsbG8=' });
  assert.equal(sealed.status, 200, sealed.bytes);
  const { ciphertext } = sealed.json;
  assert.equal((await control(dev.env, 'POST', 'faults', { kind: 'latency', ms: 200 })).status, 201);

  let begun = 0;
  const flood = async (number) => {
    const id = await register(spelled(number));
    while (flooding) {
      ++begun;
      try {
        await dev.request('POST', `${kKeys}/${id}/validate`, { key: mallory, body: {} });
      } catch {
        return; // the server is gone
      }
    }
  };
  for (let number = 0; number < kWaiting; ++number) floods.push(flood(number));
  await eventually(() => begun >= kWaiting);

  // Its renewals get their turns: the server serves it, and bridges nothing.
  const calm = Date.now() + 2 * kSoft;
  while (Date.now() < calm) {
    const opened = await data('decrypt', { ciphertext });
    assert.equal(opened.status, 200, opened.bytes);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }

  await customer.call('PATCH', 'https://vault.azure.net', customer.keyUrl(dev.env.AZURE_KEY_NAME), { attributes: { enabled: false } });
  const revoked = Date.now();
  let last = revoked;
  const refused = await eventually(async () => {
    const opened = await data('decrypt', { ciphertext });
    if (opened.status === 200) last = Date.now();
    return opened.status === 400 && opened;
  });
  assert.ok(last - revoked < kSoft + kSlack, `still served ${last - revoked} ms after the revocation`);
  assert.equal(refused.json.error.details.reason, 'key_disabled');
});
