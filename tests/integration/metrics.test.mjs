// Scrapes /metrics as Prometheus does: who may read it, and what it shows of traffic, keys and calls.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Dev, audit, eventually } from '../support/dev.mjs';
import { control } from '../support/emulator.mjs';

const dev = new Dev();
let token;
let key;
let workspace;

const scrape = async (headers = { authorization: `Bearer ${token}` }) => {
  const response = await fetch(`${dev.env.LATCHKEY_URL}/metrics`, { headers });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
};
const value = async (series) => {
  const { text } = await scrape();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};

before(async () => {
  await dev.start();
  token = readFileSync(dev.env.LATCHKEY_METRICS_TOKEN_FILE, 'utf8').trim();
  const made = await dev.request('POST', '/v1/organizations/external_keys', { body: { provider_config: dev.azureKeyBody() } });
  key = made.json.id;
  const home = await dev.request('POST', '/v1/organizations/workspaces', { body: { name: 'Locked', external_key_id: key } });
  assert.equal(home.status, 200, home.bytes);
  workspace = home.json.id;
});
after(() => dev.stop());

test('only who has the token reads it', async () => {
  assert.equal(statSync(dev.env.LATCHKEY_METRICS_TOKEN_FILE).mode & 0o777, 0o600);
  assert.equal((await scrape({})).status, 401);
  assert.equal((await scrape({ authorization: 'Bearer wrong' })).status, 401);
  assert.equal((await scrape({ 'x-api-key': dev.env.LATCHKEY_ADMIN_KEY })).status, 401);
  const good = await scrape();
  assert.equal(good.status, 200);
  assert.equal(good.type, 'text/plain; version=0.0.4; charset=utf-8');
});

test('it tells the keys by state, the traffic, and as many calls as the vault saw', async () => {
  const body = { plaintext: 'aGVsbG8=' };
  for (let i = 0; i < 3; ++i) {
    const sealed = await dev.request('POST', `/v1/workspaces/${workspace}/encrypt`, { key: dev.env.LATCHKEY_SERVICE_KEY, body });
    assert.equal(sealed.status, 200, sealed.bytes);
  }
  await dev.request('POST', `/v1/workspaces/${workspace}/encrypt`, { key: dev.env.LATCHKEY_SERVICE_KEY, body: {} });
  const route = 'method="POST",route="/v1/workspaces/{workspace_id}/encrypt"';
  assert.equal(await value(`latchkey_http_requests_total{${route},status="2xx"}`), 3);
  assert.equal(await value(`latchkey_http_requests_total{${route},status="4xx"}`), 1);
  assert.equal(await value(`latchkey_http_request_duration_seconds_count{${route}}`), 4);
  assert.equal(await value('latchkey_data_key_uses_total{use="encrypt"}'), 3);
  await eventually(async () => (await value('latchkey_external_keys{state="healthy"}')) === 1);
  assert.equal(await value('latchkey_leases'), 1);
  // Renewals go on meanwhile.
  await eventually(async () => {
    const seen = (await audit(dev)).filter((line) => line.operationName === 'KeyUnwrap').length;
    return (await value('latchkey_kms_calls_total{operation="unwrap",outcome="ok"}')) === seen && seen > 0;
  });
  assert.equal(dev.cli(['keys', 'suspend', key, '--yes']).code, 0);
  assert.equal(await value('latchkey_external_keys{state="suspended"}'), 1);
  assert.equal(await value('latchkey_external_keys{state="healthy"}'), 0);
  assert.equal(await value('latchkey_leases'), 0);
  assert.equal(await value('latchkey_data_key_requests_total{outcome="served"}'), 3);
  const stopped = await dev.request('POST', `/v1/workspaces/${workspace}/encrypt`, { key: dev.env.LATCHKEY_SERVICE_KEY, body });
  assert.equal(stopped.status, 400, stopped.bytes);
  assert.equal(await value('latchkey_data_key_requests_total{outcome="bridged"}'), 0);
});

test('an outage of the vault shows as calls that leases bridge', async () => {
  const away = new Dev({ args: ['--enable-control', '--set', 'keyring.soft=1s'] });
  await away.start();
  try {
    const [service, admin] = [away.env.LATCHKEY_SERVICE_KEY, away.env.LATCHKEY_ADMIN_KEY];
    const made = await away.request('POST', '/v1/organizations/external_keys', { key: admin, body: { provider_config: away.azureKeyBody() } });
    const home = await away.request('POST', '/v1/organizations/workspaces', { key: admin, body: { name: 'Locked', external_key_id: made.json.id } });
    const encrypt = () => away.request('POST', `/v1/workspaces/${home.json.id}/encrypt`, { key: service, body: { plaintext: 'aGVsbG8=' } });
    assert.equal((await encrypt()).status, 200);
    const fault = { kind: 'error', status: 503, operation: 'KeyUnwrap' };
    assert.ok((await control(away.env, 'POST', 'faults', fault)).status < 300);
    await eventually(async () => {
      assert.equal((await encrypt()).status, 200);
      const bearer = readFileSync(away.env.LATCHKEY_METRICS_TOKEN_FILE, 'utf8').trim();
      const page = await (await fetch(`${away.env.LATCHKEY_URL}/metrics`, { headers: { authorization: `Bearer ${bearer}` } })).text();
      return /^latchkey_data_key_requests_total\{outcome="bridged"\} [1-9]/m.test(page);
    });
  } finally {
    await away.stop();
  }
});

test('promtool has nothing to say against it', async (context) => {
  if (spawnSync('promtool', ['--version']).status !== 0) return context.skip('promtool is not installed (Debian: prometheus)');
  const { text } = await scrape();
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  assert.equal(checked.status, 0, checked.stdout + checked.stderr);
});

test('a token that can be guessed is refused at the start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-metrics-'));
  const file = join(folder, 'token');
  writeFileSync(file, 'secret\n');
  const weak = new Dev({ args: ['--set', `metrics.token_file=${file}`] });
  try {
    await assert.rejects(weak.start(), /metrics\.token_file: the token in .* has 6 characters, which can be guessed/);
  } finally {
    await weak.stop();
    rmSync(folder, { recursive: true });
  }
});

test('without a token there are none', async () => {
  const off = new Dev({ args: ['--set', 'metrics.token_file='] });
  await off.start();
  try {
    const response = await off.request('GET', '/metrics');
    assert.equal(response.status, 404);
    assert.match(response.json.error.message, /Set metrics\.token_file/);
  } finally {
    await off.stop();
  }
});

test('they can be had for each workspace and data key', async () => {
  const detailed = new Dev({ args: ['--set', 'metrics.per_data_key=true'] });
  await detailed.start();
  try {
    const home = detailed.env.LATCHKEY_WORKSPACE_ID;
    const sealed = await detailed.request('POST', `/v1/workspaces/${home}/encrypt`, {
      key: detailed.env.LATCHKEY_SERVICE_KEY, body: { plaintext: 'aGVsbG8=' },
    });
    const response = await detailed.request('GET', '/metrics', {
      key: null, headers: { authorization: `Bearer ${readFileSync(detailed.env.LATCHKEY_METRICS_TOKEN_FILE, 'utf8').trim()}` },
    });
    assert.match(response.bytes.toString(), new RegExp(
      `latchkey_data_key_uses_total{workspace_id="${home}",data_key_id="${sealed.json.data_key_id}",use="encrypt"} 1\n`));
  } finally {
    await detailed.stop();
  }
});
