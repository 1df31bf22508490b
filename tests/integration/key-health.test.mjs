// The health of a customer's key, which the server learns from requests and from its own checks, and its suspension.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Child } from '../support/child.mjs';
import { Customer } from '../support/customer.mjs';
import { Dev, audit, binary, eventually } from '../support/dev.mjs';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-health-'));
const kSoft = 2000;
// The milliseconds that a busy machine may add.
const kSlack = 4000;
const settings = ['health.interval=1s', 'health.retry=1s', 'health.retry_longest=2s', `keyring.soft=${kSoft}ms`];
const dev = new Dev({ folder, args: ['--bare', ...settings.flatMap((setting) => ['--set', setting])] });
const customer = new Customer(dev);
const kKeys = '/v1/organizations/external_keys';

let principal;
let role;
let key;
let workspace;

const data = (verb, body) =>
  dev.request('POST', `/v1/workspaces/${workspace}/${verb}`, { key: dev.env.LATCHKEY_SERVICE_KEY, body });
const health = async () => (await dev.request('GET', `${kKeys}/${key}/health`)).json;
const stateIs = (state) => eventually(async () => {
  const now = await health();
  return now.state === state && now;
});
const calls = async () => (await audit(dev)).filter((line) => /^Key(Wrap|Unwrap)$/.test(line.operationName)).length;
// How often programs have leased a data key, or asked about their lease.
async function dataKeyRequests() {
  const token = readFileSync(dev.env.LATCHKEY_METRICS_TOKEN_FILE, 'utf8').trim();
  const { bytes } = await dev.request('GET', '/metrics', { key: null, headers: { authorization: `Bearer ${token}` } });
  return [...bytes.toString().matchAll(/^latchkey_http_requests_total\{.*\/data_keys.*status="2xx".*\} (\d+)$/gm)]
    .reduce((sum, [, count]) => sum + Number(count), 0);
}
async function activities(type) {
  const response = await dev.request('GET', `/v1/compliance/activities?activity_types[]=${type}&order=asc`);
  assert.equal(response.status, 200, response.bytes);
  return response.json.data;
}

before(async () => {
  await dev.start();
  principal = await customer.consent();
  await customer.createKey('cmek');
  role = await customer.grant(principal, 'cmek');
  const made = await dev.request('POST', kKeys, { body: { provider_config: dev.azureKeyBody('cmek') } });
  key = made.json.id;
  const home = await dev.request('POST', '/v1/organizations/workspaces', { body: { name: 'Locked', external_key_id: key } });
  assert.equal(home.status, 200, home.bytes);
  workspace = home.json.id;
});
after(async () => {
  await dev.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('an attached key is healthy, and checked while nobody uses it', async () => {
  const begun = await stateIs('healthy');
  assert.equal(begun.reason, null);
  await eventually(async () => (await health()).last_success_at > begun.last_success_at);
  assert.equal((await health()).since, begun.since);
});

test('a key that is taken away is noticed, and one that is given back serves again, by themselves', async () => {
  const sealed = await data('encrypt', { plaintext: 'aGVsbG8=' });
  assert.equal(sealed.status, 200, sealed.bytes);
  await customer.arm('DELETE', role.id, '2022-04-01', undefined, [200, 204]);
  const refused = await stateIs('refused');
  assert.equal(refused.reason, 'role_missing');
  assert.match(refused.cause, /role/);
  assert.match(refused.cure, /^Grant it: az role assignment create .*\/keys\/cmek"$/, 'it can be pasted: no request id behind it');
  const opened = await data('decrypt', { ciphertext: sealed.json.ciphertext });
  assert.equal(opened.status, 400, opened.bytes);
  assert.equal(opened.json.error.details.error_code, 'cmek_key_disabled');

  role = await customer.grant(principal, 'cmek');
  await stateIs('healthy');
  const again = await data('decrypt', { ciphertext: sealed.json.ciphertext });
  assert.equal(again.json.plaintext, 'aGVsbG8=');

  const told = await activities('org_external_key_health_changed');
  assert.deepEqual(told.map(({ external_key_id, previous_state, current_state, reason, actor }) =>
    ({ external_key_id, previous_state, current_state, reason, actor })), [
    { external_key_id: key, previous_state: 'healthy', current_state: 'refused', reason: 'role_missing', actor: { type: 'system_actor' } },
    { external_key_id: key, previous_state: 'refused', current_state: 'healthy', reason: null, actor: { type: 'system_actor' } },
  ]);
});

test('the command line shows it', () => {
  const listed = dev.cli(['keys', 'list']);
  assert.match(listed.out, /HEALTH/);
  assert.match(listed.out, new RegExp(`${key} +attached +healthy +cmek`));
  const shown = dev.cli(['keys', 'health', key]);
  assert.match(shown.out, /state +healthy/);
  assert.equal(JSON.parse(dev.cli(['keys', 'health', key, '-o', 'json']).out).type, 'external_key_health');
});

test('a stream that is running when its key is suspended ends within soft', async () => {
  const child = new Child(binary, ['encrypt', '--local', '--workspace', workspace, '--out', join(folder, 'never')], {
    env: { PATH: process.env.PATH, HOME: folder, ...dev.env, LATCHKEY_WORKSPACE_KEY: dev.env.LATCHKEY_SERVICE_KEY }, stdio: ['pipe', 'ignore', 'pipe'],
  });
  child.process.stdin.on('error', () => {});
  const piece = Buffer.alloc(1 << 20);
  let taken;
  const goOn = () => new Promise((resolve) => child.process.stdin.write(piece, (error) => {
    if (!error) taken = Date.now();
    // Not at once: where the command takes no more input, the event that it has ended must come first.
    setImmediate(resolve);
  }));
  const before = await dataKeyRequests();
  try {
    // The command is beyond its first lease, and has renewed it.
    while (child.isRunning && (await dataKeyRequests()) < before + 2) await goOn();
    assert.ok(child.isRunning, child.stderr);
    assert.equal(dev.cli(['keys', 'suspend', key, '--reason', 'incident 6', '--yes']).code, 0);
    const began = Date.now();
    while (child.isRunning) await goOn();
    const { code } = await child.ended;
    assert.ok(taken - began < kSoft + kSlack, `it took its last piece after ${taken - began} ms`);
    assert.notEqual(code, 0);
    assert.match(child.stderr, /was suspended here by .*incident 6/);
    assert.equal(existsSync(join(folder, 'never')), false, 'what was written so far is not kept');
  } finally {
    await child.kill();
    dev.cli(['keys', 'resume', key]);
  }
  await stateIs('healthy');
});

test('a suspended key is shut at every door, over kill -9, until it is resumed', async () => {
  const sealed = await data('encrypt', { plaintext: 'aGVsbG8=' });
  const { ciphertext, data_key_id: dataKey } = sealed.json;

  const asked = dev.cli(['keys', 'suspend', key]);
  assert.equal(asked.code, 2, asked.err);
  assert.match(asked.err, /stops every encrypt and decrypt .*--yes/s);
  assert.equal((await data('decrypt', { ciphertext })).status, 200);

  const suspended = dev.cli(['keys', 'suspend', key, '--reason', 'incident 7', '--yes', '-o', 'json']);
  assert.equal(suspended.code, 0, suspended.err);
  assert.equal(JSON.parse(suspended.out).state, 'suspended');

  const doors = async () => {
    for (const [verb, body] of [
      ['encrypt', { plaintext: 'aGVsbG8=' }], ['encrypt', Buffer.from('raw')], ['decrypt', { ciphertext }],
      ['decrypt', Buffer.from(ciphertext, 'base64')], ['encrypt_batch', { items: [{ plaintext: 'aGVsbG8=' }] }],
      ['decrypt_batch', { items: [{ ciphertext }] }], ['data_keys', undefined], [`data_keys/${dataKey}/unwrap`, undefined],
    ]) {
      const response = await data(verb, body);
      assert.equal(response.status, 400, `${verb}: ${response.bytes}`);
      const { details, message } = response.json.error;
      assert.deepEqual(details, { error_code: 'cmek_key_disabled', reason: 'suspended' });
      assert.match(message, new RegExp(`${key} was suspended here by apikey_\\w+ at 20.* \\("incident 7"\\)\\. .*latchkey keys resume ${key}`));
    }
  };
  // A check that was on its way may end meanwhile; the requests themselves ask nobody.
  await eventually(async () => {
    const before = await calls();
    await doors();
    return (await calls()) === before;
  });

  await dev.kill('SIGKILL');
  await dev.start();
  const before = await calls();
  await doors();
  const shown = await health();
  assert.equal(shown.state, 'suspended');
  assert.equal(shown.since, JSON.parse(suspended.out).since);
  assert.match(dev.cli(['keys', 'list']).out, /suspended/);
  const validated = await dev.request('POST', `${kKeys}/${key}/validate`, { body: {} });
  assert.match(validated.json.error, /was suspended here by/);
  assert.equal(await calls(), before, 'nobody asked the key meanwhile');

  assert.equal(dev.cli(['keys', 'resume', key]).code, 0);
  assert.equal((await data('decrypt', { ciphertext })).json.plaintext, 'aGVsbG8=');
  await stateIs('healthy');
  assert.equal((await activities('org_external_key_suspended')).at(-1).reason, 'incident 7');
  assert.equal((await activities('org_external_key_resumed')).length, 2);
});
