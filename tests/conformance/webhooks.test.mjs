// The public client unwraps the events that Latchkey sends when a customer's key fails, with its types and its checks.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';
import { Webhook } from 'standardwebhooks';

import { Dev, eventually } from '../support/dev.mjs';
import { Receiver } from '../support/receiver.mjs';

const dev = new Dev();
const receiver = new Receiver();
let endpoint;
let key;

const unwrap = ({ body, headers }, webhookKey = endpoint.secret) =>
  new Anthropic({ apiKey: 'none', webhookKey }).beta.webhooks.unwrap(body, { headers });

before(async () => {
  await Promise.all([dev.start(), receiver.start()]);
  const made = await dev.request('POST', '/v1/organizations/external_keys', { body: { provider_config: dev.azureKeyBody() } });
  key = made.json.id;
  const home = await dev.request('POST', '/v1/organizations/workspaces', { body: { name: 'Locked', external_key_id: key } });
  assert.equal(home.status, 200, home.bytes);
  const added = dev.cli(['webhooks', 'add', receiver.url, '-o', 'json']);
  assert.equal(added.code, 0, added.err);
  endpoint = JSON.parse(added.out);
});
after(async () => {
  await dev.stop();
  await receiver.stop();
});

test('the public client unwraps external_key.failed and external_key.recovered', async () => {
  assert.equal(dev.cli(['keys', 'suspend', key, '--yes']).code, 0);
  await eventually(() => receiver.received.length >= 1);
  const failed = unwrap(receiver.received[0]);
  assert.equal(failed.type, 'event');
  assert.match(failed.id, /^evt_/);
  assert.ok(Math.abs(Date.parse(failed.created_at) - Date.now()) < 60_000);
  assert.deepEqual(failed.data, {
    type: 'external_key.failed', id: key, organization_id: dev.env.LATCHKEY_ORGANIZATION_ID,
  });
  assert.equal(receiver.received[0].headers['webhook-id'], failed.id);

  assert.equal(dev.cli(['keys', 'resume', key]).code, 0);
  await eventually(() => receiver.received.length >= 2);
  const recovered = unwrap(receiver.received[1]);
  assert.equal(recovered.data.type, 'external_key.recovered');
  assert.equal(recovered.data.id, key);
  assert.notEqual(recovered.id, failed.id);
});

test('it refuses what was changed on the way, and what another secret signed', () => {
  const [{ body, headers }] = receiver.received;
  assert.throws(() => unwrap({ body: body.replace('failed', 'recovered'), headers }), /No matching signature/);
  assert.throws(() => unwrap({ body, headers: { ...headers, 'webhook-id': 'evt_other' } }), /No matching signature/);
  assert.throws(() => unwrap({ body, headers: { ...headers, 'webhook-timestamp': '1' } }), /too old/);
  assert.throws(() => unwrap({ body, headers }, `whsec_${Buffer.alloc(32, 1).toString('base64')}`), /No matching signature/);
});

test('while secrets are exchanged a receiver with either takes it; after, with the new one alone', async () => {
  const rotated = JSON.parse(dev.cli(['webhooks', 'rotate', endpoint.id, '-o', 'json']).out);
  assert.equal((await dev.cliWhileServing(['webhooks', 'test', endpoint.id])).code, 0);
  const both = receiver.received.at(-1);
  for (const secret of [endpoint.secret, rotated.secret]) {
    assert.equal(unwrap(both, secret).data.type, 'webhook_endpoint.test');
    new Webhook(secret).verify(both.body, both.headers);
  }
  const last = JSON.parse(dev.cli(['webhooks', 'rotate', endpoint.id, '--overlap', '0s', '-o', 'json']).out);
  assert.equal((await dev.cliWhileServing(['webhooks', 'test', endpoint.id])).code, 0);
  const one = receiver.received.at(-1);
  assert.equal(unwrap(one, last.secret).data.id, endpoint.id);
  assert.throws(() => unwrap(one, rotated.secret), /No matching signature/);
});
