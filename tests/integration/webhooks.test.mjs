// Uses webhooks as an operator does: events come when a key fails, are tried again, outlive a crash, and never go to private networks.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Dev, eventually } from '../support/dev.mjs';
import { Receiver } from '../support/receiver.mjs';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-webhooks-'));
const dev = new Dev({ folder });
const receiver = new Receiver();
const kWebhooks = '/v1/organizations/webhooks';
let key;

const add = (url, ...more) => JSON.parse(dev.cli(['webhooks', 'add', url, '-o', 'json', ...more]).out);
const deliveries = (id) => JSON.parse(dev.cli(['webhooks', 'deliveries', id, '-o', 'json']).out).data;

before(async () => {
  await Promise.all([dev.start(), receiver.start()]);
  const made = await dev.request('POST', '/v1/organizations/external_keys', { body: { provider_config: dev.azureKeyBody() } });
  key = made.json.id;
  const home = await dev.request('POST', '/v1/organizations/workspaces', { body: { name: 'Locked', external_key_id: key } });
  assert.equal(home.status, 200, home.bytes);
});
after(async () => {
  await dev.stop();
  await receiver.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('an endpoint is added, shown, tested, disabled, enabled and removed', async () => {
  const added = dev.cli(['webhooks', 'add', '-', '--description', 'pager', '--event', 'external_key.failed'], { input: receiver.url });
  assert.equal(added.code, 0, added.err);
  assert.match(added.out, /^whsec_[A-Za-z0-9+/]{43}=$/m);
  assert.match(added.err, /It is not shown again/);
  const [id] = /whep_\w+/.exec(added.out);
  const shown = dev.cli(['webhooks', 'get', id]);
  assert.match(shown.out, /events +external_key\.failed\n/);
  assert.doesNotMatch(shown.out, /whsec_/);
  assert.match(dev.cli(['webhooks', 'list']).out, new RegExp(`${id} +enabled +external_key.failed +${receiver.url} +pager`));

  const before_test = receiver.received.length;
  const tested = await dev.cliWhileServing(['webhooks', 'test', id]);
  assert.equal(tested.code, 0, tested.err);
  assert.match(tested.out, /^delivered: evt_\w+, response 204\n$/);
  assert.equal(receiver.received.length, before_test + 1);
  assert.match(dev.cli(['webhooks', 'disable', id]).out, /status +disabled/);
  assert.match(dev.cli(['webhooks', 'enable', id]).out, /status +enabled/);
  assert.match(dev.cli(['webhooks', 'remove', id]).out, /^removed whep_/);
  const gone = dev.cli(['webhooks', 'get', id]);
  assert.equal(gone.code, 1);
  assert.match(gone.err, /There is no webhook endpoint whep_\w+\. `latchkey webhooks list` shows them/);
});

test('an event that is not taken is sent again, and so after the server was killed', async () => {
  const endpoint = add(receiver.url);
  receiver.status = 500;
  receiver.received.length = 0;
  assert.equal(dev.cli(['keys', 'suspend', key, '--yes']).code, 0);
  await eventually(() => receiver.received.length > 0);
  const pending = await eventually(() => deliveries(endpoint.id).find((one) => one.last_error));
  assert.equal(pending.status, 'pending');
  assert.equal(pending.last_response_status, 500);
  assert.ok(Date.parse(pending.next_attempt_at) > Date.now() - 1000);
  assert.match(dev.cli(['webhooks', 'deliveries', endpoint.id]).out, /external_key\.failed +pending +[1-9]\d* .*answered 500/);

  await dev.kill('SIGKILL');
  receiver.status = 204;
  await dev.start();
  await eventually(() => deliveries(endpoint.id)[0].status === 'delivered');
  // On a busy machine the server may have tried more than once before it was killed; the endpoint takes the event once, at the end.
  const statuses = receiver.received.map(({ status }) => status);
  assert.ok(statuses.length >= 2, statuses.join());
  assert.deepEqual(statuses, [...statuses.slice(1).fill(500), 204]);
  for (const { headers, body } of receiver.received) {
    assert.equal(headers['webhook-id'], receiver.received[0].headers['webhook-id']);
    assert.equal(body, receiver.received[0].body);
  }
  assert.equal(dev.cli(['keys', 'resume', key]).code, 0);
  await eventually(() => receiver.events.some(({ type }) => type === 'external_key.recovered'));
  assert.equal(dev.cli(['webhooks', 'remove', endpoint.id]).code, 0);
});

test('one that answers 410 is disabled, and the activity feed says so', async () => {
  const endpoint = add(receiver.url);
  receiver.status = 410;
  const tested = await dev.cliWhileServing(['webhooks', 'test', endpoint.id]);
  receiver.status = 204;
  assert.equal(tested.code, 1);
  assert.match(tested.out, /^failed: The endpoint answered 410 Gone/);
  assert.match(dev.cli(['webhooks', 'get', endpoint.id]).out, /status +disabled\n[^]*410 Gone/);
  const told = await dev.request('GET', '/v1/compliance/activities?activity_types[]=org_webhook_endpoint_disabled');
  assert.equal(told.json.data[0].webhook_endpoint_id, endpoint.id);
});

test('a redirect is not followed', async () => {
  const endpoint = add(receiver.url);
  receiver.received.length = 0;
  receiver.status = 307;
  receiver.headers = { location: `${receiver.url}/elsewhere` };
  const tested = await dev.cliWhileServing(['webhooks', 'test', endpoint.id]);
  receiver.status = 204;
  receiver.headers = {};
  assert.match(tested.out, /^failed: The endpoint answered 307, a redirect, which is not followed/);
  assert.deepEqual(receiver.received.map(({ path }) => path), ['/hooks']);
});

test('what an endpoint answers is shown to nobody', async () => {
  const endpoint = add(receiver.url);
  receiver.received.length = 0;
  Object.assign(receiver, { status: 500, body: 'said inside', headers: { 'x-inside': 'said inside' } });
  const tested = await dev.request('POST', `${kWebhooks}/${endpoint.id}/test`);
  Object.assign(receiver, { status: 204, body: '', headers: {} });
  assert.equal(receiver.received.length, 1);
  const feed = await dev.request('GET', '/v1/compliance/activities');
  const seen = [tested.bytes, ...tested.headers.values(), feed.bytes, dev.cli(['webhooks', 'get', endpoint.id]).out, JSON.stringify(deliveries(endpoint.id))];
  for (const each of seen) assert.doesNotMatch(String(each), /said inside/);
  assert.match(String(tested.bytes), /500/);
});

test('unless it is for development, nothing is sent to where only the server can go', async () => {
  const strict = new Dev({ args: ['--set', 'webhooks.allow_private_addresses=false'] });
  await strict.start();
  try {
    for (const url of [receiver.url, receiver.url.replace('http:', 'https:'), 'https://169.254.169.254/metadata',
      'https://[::ffff:127.0.0.1]/', 'https://0x7f000001/', 'https://localhost/', 'file:///etc/passwd']) {
      const refused = await strict.request('POST', kWebhooks, { body: { url } });
      assert.equal(refused.status, 400, url);
      assert.match(refused.json.error.message, /^url: It is not /, url);
    }
  } finally {
    await strict.stop();
  }
});

test('a name that leads inside is refused when something is sent', async () => {
  // The endpoint was stored while it was allowed; the server checks the address each time.
  const port = new URL(receiver.url).port;
  const endpoint = add(`http://localhost:${port}/hooks`);
  assert.equal((await dev.cliWhileServing(['webhooks', 'test', endpoint.id])).code, 0);
  await dev.stop();
  receiver.received.length = 0;
  await dev.start(['--set', 'webhooks.allow_private_addresses=false']);
  const tested = await dev.cliWhileServing(['webhooks', 'test', endpoint.id]);
  assert.equal(tested.code, 1);
  const told = /^failed: (The endpoint's name was not found, or leads to no public address\..*)/.exec(tested.out)?.[1];
  assert.ok(told, tested.out);
  assert.doesNotMatch(told, /localhost|127\.0\.0\.1|::1/);
  await dev.child.says(/localhost resolves to (127\.0\.0\.1|::1), which is not a public address/);
  // A name that does not exist gets the same words.
  await dev.stop();
  await dev.start();
  const nowhere = add(`http://there-is-no-such-host.invalid:${port}/hooks`);
  const unknown = await dev.cliWhileServing(['webhooks', 'test', nowhere.id]);
  assert.ok(unknown.out.startsWith(`failed: ${told}`), unknown.out);
  assert.equal(receiver.received.length, 0);
});
