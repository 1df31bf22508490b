// Two organisations share a server, and one is noisy: its endless requests cost itself, and not the other.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Dev, binary, eventually } from '../support/dev.mjs';

const kWrites = 20;
const kActivities = 200_000;
const kAncient = 1_200;
const folder = mkdtempSync(join(tmpdir(), 'latchkey-noisy-'));
const settings = [`limits.writes_per_key=${kWrites}`, `limits.writes_per_organization=${2 * kWrites}`, 'quotas.external_keys=3'];
const dev = new Dev({ folder, args: settings.flatMap((setting) => ['--set', setting]) });
let mallory; // her admin key
let organization; // hers

const sqlite = (sql) => {
  const done = spawnSync('sqlite3', ['-cmd', '.timeout 20000', join(folder, 'latchkey.db'), sql], { encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout.trim();
};
const record = (count, microseconds, prefix) =>
  sqlite(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO activities (id, type, created_at, organization, actor_id, actor, details)
    SELECT '${prefix}' || i, 'org_external_key_validated', ${microseconds} + i, x'${organization.replaceAll('-', '')}', 'apikey_' || (i % 7),
      '{"type":"system_actor"}', '{}' FROM n`);
const encrypt = () =>
  dev.request('POST', `/v1/workspaces/${dev.env.LATCHKEY_WORKSPACE_ID}/encrypt`, { key: dev.env.LATCHKEY_SERVICE_KEY, body: { plaintext: 'aGVsbG8=' } });
const median = async (times) => {
  const took = [];
  for (let i = 0; i < times; ++i) {
    const began = process.hrtime.bigint();
    const response = await encrypt();
    assert.equal(response.status, 200, response.bytes);
    took.push(Number(process.hrtime.bigint() - began) / 1e6);
  }
  return took.sort((a, b) => a - b)[Math.floor(times / 2)];
};

before(async () => {
  await dev.start();
  const made = spawnSync(binary, ['org', 'create', 'Mallory', '--database', join(folder, 'latchkey.db'),
    '--root-key', join(folder, 'root.key'), '-o', 'json'], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  ({ key: mallory, organization_id: organization } = JSON.parse(made.stdout));
});
after(async () => {
  await dev.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('scans of a long feed do not hold up another organization\'s encrypts', async () => {
  record(kActivities, Date.now() * 1000, 'activity_long');
  const alone = await median(31);
  let scanning = true;
  let responses = 0;
  const scans = ['activity_types[]=nope', 'exclude_activity_types[]=org_external_key_validated', 'actor_ids[]=nobody',
    'created_at.lt=1999-01-01T00:00:00Z', 'order=asc&activity_types[]=nope', 'actor_ids[]=apikey_1&activity_types[]=nope',
    'limit=100', 'activity_types[]=nope&limit=1'].map(async (query) => {
    while (scanning) {
      const response = await dev.request('GET', `/v1/compliance/activities?${query}`, { key: mallory });
      assert.equal(response.status, 200, response.bytes);
      assert.ok(response.headers.has('anthropic-ratelimit-requests-remaining'));
      ++responses;
    }
  });
  const beside = await median(31);
  scanning = false;
  await Promise.all(scans);
  assert.ok(responses > 0);
  // Eight busy connections take their share of the machine. If encrypts waited for the scans, they would take a thousand times as long.
  assert.ok(beside < 20 * alone + 100, `${beside} ms beside the scans, ${alone} ms without`);
});

test('a flood of writes is refused with the time to wait, and is nobody else\'s', async () => {
  const flood = await Promise.all(Array.from({ length: 4 * kWrites }, (_, i) =>
    dev.request('POST', '/v1/organizations/workspaces', { key: mallory, body: { name: `Flood ${i}` } })));
  const served = flood.filter(({ status }) => status === 200).length;
  const refused = flood.filter(({ status }) => status === 429);
  assert.ok(served >= kWrites && served < 2 * kWrites, `${served} served`);
  assert.equal(served + refused.length, flood.length);
  for (const { headers, json } of refused) {
    assert.equal(json.error.type, 'rate_limit_error');
    assert.ok(Number(headers.get('retry-after')) >= 1);
    assert.equal(headers.get('anthropic-ratelimit-requests-limit'), String(kWrites));
    assert.equal(headers.get('anthropic-ratelimit-requests-remaining'), '0');
    assert.ok(Date.parse(headers.get('anthropic-ratelimit-requests-reset')) > Date.now() - 60_000);
  }
  const mine = await dev.request('POST', '/v1/organizations/workspaces', { body: { name: 'Mine' } });
  assert.equal(mine.status, 200, mine.bytes);
  assert.equal((await encrypt()).status, 200);
  const read = await dev.request('GET', '/v1/organizations/workspaces', { key: mallory });
  assert.equal(read.status, 200, 'reads are another matter');
});

test('an organization has so many external keys and no more', async () => {
  const make = () => dev.request('POST', '/v1/organizations/external_keys', { body: { provider_config: dev.azureKeyBody() } });
  for (let i = 0; i < 3; ++i) assert.equal((await make()).status, 200);
  const refused = await make();
  assert.equal(refused.status, 400);
  assert.match(refused.json.error.message, /has 3 external keys, and may have at most 3\. Delete one/);
});

test('activities that are older than their retention go, and no others', async () => {
  record(kAncient, 1_000_000, 'activity_ancient');
  const count = (prefix) => Number(sqlite(`SELECT count(*) FROM activities WHERE id GLOB '${prefix}*'`));
  assert.equal(count('activity_ancient'), kAncient);
  await dev.kill('SIGTERM');
  await dev.start();
  await eventually(() => count('activity_ancient') === 0);
  assert.equal(count('activity_long'), kActivities);
  const gone = spawnSync('sqlite3', [join(folder, 'latchkey.db'), 'DELETE FROM activities'], { encoding: 'utf8' });
  assert.match(gone.stderr, /append-only/);
});
