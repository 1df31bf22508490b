// The emulator alone, and what Latchkey does with a vault that has faults.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Dev, audit, eventually } from '../support/dev.mjs';
import { Customer } from '../support/customer.mjs';
import { Emulator, control } from '../support/emulator.mjs';

const kKeys = '/v1/organizations/external_keys';
const kWorkspaces = '/v1/organizations/workspaces';

describe('latchkey emulator azure', () => {
  const first = new Emulator();
  const second = new Emulator();
  after(async () => {
    await first.stop();
    await second.stop();
    first.remove();
    second.remove();
  });

  // Customer takes a Dev, of which it uses the environment alone.
  const customerOf = ({ env }) => new Customer({ env, azureEnv: env });

  test('says where everything is, and keeps what it was told over a restart', async () => {
    await first.start();
    for (const name of ['AZURE_TENANT_ID', 'AZURE_VAULT_URI', 'AZURE_CLIENT_SECRET', 'HTTPS_PROXY', 'CURL_CA_BUNDLE', 'LATCHKEY_EMULATOR_URL']) {
      assert.ok(first.env[name], name);
    }
    const made = await customerOf(first).createKey('kept');
    await first.stop('SIGKILL');
    await first.start();
    const url = customerOf(first).keyUrl('kept');
    assert.equal((await customerOf(first).call('GET', 'https://vault.azure.net', url)).key.kid, made.key.kid);
  });

  test('its control is off unless it was asked for', async () => {
    const refused = await control(first.env, 'GET', 'faults');
    assert.equal(refused.status, 403);
    assert.match(refused.json.error.message, /--enable-control/);
  });

  test('its state is exported and imported', async () => {
    const file = join(first.folder, 'exported.json');
    const exported = first.run(['--export', file]);
    assert.equal(exported.status, 0, exported.stderr);
    assert.match(exported.stdout, /^exported to .*exported\.json, private keys included\n$/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await second.start(['--import', file, '--enable-control']);
    assert.equal(second.env.AZURE_TENANT_ID, first.env.AZURE_TENANT_ID);
    const ids = await Promise.all([first, second].map(async (emulator) => {
      const customer = customerOf(emulator);
      return (await customer.call('GET', 'https://vault.azure.net', customer.keyUrl('kept'))).key.kid;
    }));
    assert.equal(ids[0], ids[1]);
    await second.stop();
    const again = second.run(['--import', file]);
    assert.equal(again.status, 1);
    assert.match(again.stderr, /has a state already/);
  });

  test('what is no state is not imported, and spoils nothing', async () => {
    const other = new Emulator();
    const file = join(first.folder, 'no-state.json');
    for (const text of ['hello', '[]', '{}', '{"format": 2}', readFileSync(join(first.folder, 'exported.json'), 'utf8').slice(0, -9)]) {
      writeFileSync(file, text);
      const refused = other.run(['--import', file]);
      assert.equal(refused.status, 1);
      assert.match(refused.stderr, /no-state\.json is not an emulator's state, so nothing was imported; make one with --export/);
      assert.ok(!existsSync(join(other.folder, 'azure-state.json')));
    }
    const missing = other.run(['--import', join(first.folder, 'nowhere.json')]);
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /nowhere\.json/);
    await other.start(['--import', join(first.folder, 'exported.json')]);
    assert.equal(other.env.AZURE_TENANT_ID, first.env.AZURE_TENANT_ID);
    await other.stop();
    other.remove();
  });

  test('it ends in time while a response is held back', async () => {
    const slow = new Emulator();
    await slow.start(['--import', join(first.folder, 'exported.json'), '--enable-control']);
    const made = await control(slow.env, 'POST', 'faults', { kind: 'latency', service: 'entra', ms: 600_000 });
    assert.equal(made.status, 201);
    const cut = new Promise((resolve) => {
      const url = `${slow.env.LATCHKEY_EMULATOR_URL}/common/discovery/instance`;
      const call = request(url, { ca: readFileSync(slow.env.LATCHKEY_CA_FILE), agent: false }, resolve);
      call.on('error', resolve);
      call.end();
    });
    await eventually(async () => (await control(slow.env, 'GET', 'faults')).json.faults[0].hits === 1);
    const begun = Date.now();
    await slow.stop();
    assert.ok(Date.now() - begun < 60_000);
    await cut;
    slow.remove();
  });

  test('what cannot be exported or started is said', () => {
    const nowhere = new Emulator();
    const done = nowhere.run(['--export', join(nowhere.folder, 'x.json')]);
    assert.equal(done.status, 1);
    assert.match(done.stderr, /there is no emulator's state to export in .*--data-dir/);
    const taken = first.run(['--port', '0']);
    assert.equal(taken.status, 1);
    assert.match(taken.stderr, /another process runs an emulator on/);
    nowhere.remove();
  });
});

describe('a vault in a bad hour', () => {
  const dev = new Dev({ args: ['--enable-control'] });
  let keyId;
  before(async () => {
    await dev.start();
    const made = await dev.request('POST', kKeys, { body: { display_name: 'faulty', provider_config: dev.azureKeyBody() } });
    keyId = made.json.id;
  });
  after(() => dev.stop());

  async function withFault(fault, run) {
    const made = await control(dev.env, 'POST', 'faults', fault);
    assert.equal(made.status, 201, JSON.stringify(made.json));
    try {
      return await run();
    } finally {
      await control(dev.env, 'DELETE', 'faults');
    }
  }
  const validate = async () => (await dev.request('POST', `${kKeys}/${keyId}/validate`, { body: {} })).json;

  const kUnreachable = [
    ['Entra is down', { kind: 'error', service: 'entra', status: 503, code: 'temporarily_unavailable' }, /login\.microsoftonline\.com|Entra/],
    ['tokens that are over when they come', { kind: 'token_lifetime', seconds: 0 }, /latchkey-dev\.vault\.azure\.net|token/],
    ['an error of the vault', { kind: 'error', status: 503, operation: 'KeyUnwrap' }, /503/],
    ['throttling', { kind: 'error', status: 429, operation: 'KeyUnwrap', retry_after: '1' }, /429|throttl/i],
    ['a reset connection', { kind: 'reset', operation: 'KeyUnwrap' }, /latchkey-dev\.vault\.azure\.net/],
    ['half a response', { kind: 'truncate', operation: 'KeyUnwrap' }, /latchkey-dev\.vault\.azure\.net/],
    ['no JSON', { kind: 'malformed', operation: 'KeyUnwrap' }, /latchkey-dev\.vault\.azure\.net/],
  ];
  for (const [name, fault, sentence] of kUnreachable) {
    test(`${name}: validation fails and says so, and heals with it`, async () => {
      // Latchkey's token expires, so that it asks for another.
      await control(dev.env, 'POST', 'clock', { advance_seconds: 2 * 3600 });
      const failed = await withFault(fault, validate);
      assert.equal(failed.status, 'failure');
      assert.match(failed.error, sentence);
      assert.doesNotMatch(failed.error, /disabled|revoked|role/i);
      assert.equal((await validate()).status, 'success');
    });
  }

  test('the server waits for slow responses', async () => {
    for (const fault of [{ kind: 'latency', ms: 300 }, { kind: 'trickle', pause_ms: 2, operation: 'KeyUnwrap' }]) {
      assert.equal((await withFault(fault, validate)).status, 'success', JSON.stringify(fault));
    }
  });

  test('a wrap that names another version is noticed before anything is written under it', async () => {
    const failed = await withFault({ kind: 'wrong_kid', operation: 'KeyWrap' }, validate);
    assert.equal(failed.status, 'failure');
  });

  test('data goes on in an outage, and first data waits for the vault', async () => {
    const make = async (name) => (await dev.request('POST', kWorkspaces, { body: { name, external_key_id: keyId } })).json.id;
    const [old, fresh] = [await make('old'), await make('fresh')];
    const key = dev.env.LATCHKEY_SERVICE_KEY;
    const encrypt = (id) => dev.request('POST', `/v1/workspaces/${id}/encrypt`, { key, body: { plaintext: 'aGVsbG8=' } });
    const sealed = await encrypt(old);
    assert.equal(sealed.status, 200, sealed.bytes);
    await withFault({ kind: 'error', service: 'key_vault', status: 503 }, async () => {
      const refused = await encrypt(fresh);
      assert.equal(refused.status, 503, refused.bytes);
      assert.equal(refused.json.error.details.error_code, 'cmek_key_unreachable');
      assert.ok(Number(refused.headers.get('retry-after')) > 0);
      const body = { ciphertext: sealed.json.ciphertext };
      assert.equal((await dev.request('POST', `/v1/workspaces/${old}/decrypt`, { key, body })).status, 200);
      assert.equal((await encrypt(old)).status, 200);
    });
    // For a second more the server refuses from memory.
    await eventually(async () => (await encrypt(fresh)).status === 200);
  });

  test('the clock of the cloud moves a key past its end', async () => {
    const customer = new Customer(dev);
    const { json } = await control(dev.env, 'GET', 'clock');
    const end = Math.floor(Date.parse(json.now) / 1000) + 86_400;
    await customer.updateKey(dev.env.AZURE_KEY_NAME, { attributes: { exp: end } });
    assert.equal((await validate()).status, 'success');
    await control(dev.env, 'POST', 'clock', { advance_seconds: 2 * 86_400 });
    const expired = await validate();
    assert.equal(expired.status, 'failure');
    await control(dev.env, 'POST', 'clock', { advance_seconds: -2 * 86_400 });
    assert.equal((await validate()).status, 'success');
  });

  test('a token that the vault no longer takes is renewed, and nobody notices', async () => {
    await control(dev.env, 'POST', 'clock', { advance_seconds: 2 * 3600 });
    assert.equal((await validate()).status, 'success');
    await control(dev.env, 'POST', 'clock', { advance_seconds: -2 * 3600 });
    assert.equal((await validate()).status, 'success');
  });

  test('Conditional Access that blocks the app is said as what it is, and its named locations let it in', async () => {
    const app_id = dev.env.LATCHKEY_APP_CLIENT_ID;
    const block = async (named_locations) => {
      const made = await control(dev.env, 'POST', 'conditional_access', { app_id, named_locations });
      assert.equal(made.status, 201, JSON.stringify(made.json));
    };
    // Expires the tokens that Latchkey still has.
    const forget = (hours) => control(dev.env, 'POST', 'clock', { advance_seconds: hours * 3600 });
    try {
      await block(['127.0.0.0/8', '::1']);
      await forget(2);
      assert.equal((await validate()).status, 'success');
      await control(dev.env, 'DELETE', 'conditional_access');
      await block(['203.0.113.0/24']);
      await forget(2);
      const blocked = await validate();
      assert.equal(blocked.status, 'failure');
      assert.match(blocked.error, new RegExp(`Conditional Access policy of tenant ${dev.env.AZURE_TENANT_ID} blocks the app ${app_id}`));
      assert.match(blocked.error, /named locations/);
    } finally {
      await control(dev.env, 'DELETE', 'conditional_access');
      await forget(-4);
    }
    assert.equal((await validate()).status, 'success');
  });

  test('roles take the time that is set, when they are given and when they are taken', async () => {
    const customer = new Customer(dev);
    const wait = (seconds) => control(dev.env, 'POST', 'clock', { advance_seconds: seconds });
    const key = (await customer.createKey('delayed')).key;
    assert.match(key.kid, /delayed/);
    const body = { display_name: 'delayed', provider_config: dev.azureKeyBody('delayed') };
    const id = (await dev.request('POST', kKeys, { body })).json.id;
    const check = async () => (await dev.request('POST', `${kKeys}/${id}/validate`, { body: {} })).json;
    assert.equal((await control(dev.env, 'POST', 'delays', { role_seconds: 300 })).status, 200);
    try {
      const app = (await customer.graph('GET', `servicePrincipals(appId='${dev.env.LATCHKEY_APP_CLIENT_ID}')`)).id;
      const assignment = await customer.grant(app, 'delayed');
      const early = await check();
      assert.equal(early.status, 'failure');
      assert.match(early.error, /role/i);
      await wait(300);
      assert.equal((await check()).status, 'success');
      await customer.arm('DELETE', assignment.id, '2022-04-01');
      assert.equal((await check()).status, 'success');
      await wait(300);
      assert.equal((await check()).status, 'failure');
    } finally {
      await control(dev.env, 'POST', 'delays', { role_seconds: 0 });
    }
  });

  test('the audit log is filtered', async () => {
    const lines = await audit(dev, `${dev.env.AZURE_VAULT_NAME}&operation=KeyUnwrap&result=success&key=${dev.env.AZURE_KEY_NAME}&last=2`);
    assert.equal(lines.length, 2);
    for (const line of lines) {
      assert.equal(line.operationName, 'KeyUnwrap');
      assert.equal(line.resultType, 'Success');
    }
    await assert.rejects(audit(dev, `${dev.env.AZURE_VAULT_NAME}&last=none`), /last: Input should be a whole number/);
  });
});
