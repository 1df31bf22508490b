// Warm encrypts while the leases of a thousand customers' keys are renewed at an emulated vault, beside the same while none is.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { atConstantRate } from './constant-rate.mjs';
import { kBinary, makeOrganization, rawHeaders, startLatchkey } from './latchkey.mjs';
import { call, pooled } from './pool.mjs';
import { besideQuiet, leftOver } from './server-quiet.mjs';
import { kRecord } from './server-throughput.mjs';
import { onStage } from './stage.mjs';

const kAtATime = 16;
const kToken = 'the-benchmark-reads-the-metrics';

/** The settings by which a server uses the keys of an emulated Azure, and a key there. */
async function startVault(bench, stage) {
  const folder = join(stage.folder, 'azure');
  const child = leftOver(bench, stage, kBinary, ['emulator', 'azure', '--port', '0', '--no-throttling', '--data-dir', folder, '-o', 'json']);
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.ended.then(({ code }) => reject(new Error(`the emulator ended with ${code}`)), reject);
  });
  const environment = Object.fromEntries(['emulator.env', 'azure.env'].flatMap((name) => [...readFileSync(join(folder, name), 'utf8').matchAll(/^export (\w+)='(.*)'$/gm)].map(([, variable, value]) => [variable, value])));
  return {
    settings: {
      'azure.client_id': environment.LATCHKEY_APP_CLIENT_ID, 'azure.certificate_file': join(folder, 'app-certificate.pem'), 'azure.private_key_file': join(folder, 'app-private-key.pem'),
      'outbound.proxy': environment.HTTPS_PROXY, 'outbound.ca_file': environment.SSL_CERT_FILE,
    },
    key: { type: 'azure', vault_uri: environment.AZURE_VAULT_URI, key_name: environment.AZURE_KEY_NAME, tenant_id: environment.AZURE_TENANT_ID },
  };
}

async function unwraps(origin) {
  const response = await fetch(`${origin}/metrics`, { headers: { authorization: `Bearer ${kToken}` } });
  return Number(/^latchkey_kms_calls_total\{(?=.*operation="unwrap")(?=.*outcome="ok").*\} (\S+)$/m.exec(await response.text())[1]);
}

export const renewals = (bench) => onStage(async (stage) => {
  const keys = bench.quick ? 50 : 1000;
  // Each lease is renewed once in a run, or a little more often.
  const soft = bench.quick ? 4 : 10;
  const vault = await startVault(bench, stage);
  const token = join(stage.folder, 'metrics.token');
  writeFileSync(token, kToken, { mode: 0o600 });
  const org = makeOrganization(stage.folder);
  const server = await startLatchkey(stage, {
    ...vault.settings, 'keys.organization_binding': 'off', 'health.interval': '0s', 'keyring.kms_calls_per_10s': 100_000, 'metrics.token_file': token,
    'limits.writes_per_key': 10_000_000, 'limits.writes_per_organization': 10_000_000, 'quotas.live_workspaces': 2000,
  });
  const admin = (path, body) => call(`${server.origin}/v1/organizations/${path}`, org.admin, body);
  const body = Buffer.alloc(kRecord, 'p');
  const requests = await pooled(Array.from({ length: keys }), kAtATime, async (_, at) => {
    // To the server these are different customers' keys, each with a lease of its own, although the vault has one.
    const { id: key } = await admin('external_keys', { display_name: `Bench ${at}`, provider_config: vault.key });
    const { id } = await admin('workspaces', { name: `Bench ${at}`, external_key_id: key });
    const path = `/v1/workspaces/${id}/encrypt`;
    await call(server.origin + path, org.service, body);
    return { path, headers: rawHeaders(org.service), body };
  });
  const ages = (seconds) => admin('me/leases', { soft_seconds: seconds, hard_seconds: 3600 });
  const begin = async (rate) => {
    await ages(soft);
    // Until then all are renewed together, for they were all older.
    await atConstantRate(stage, server.port, requests, rate, 1.5 * soft);
    const before = await unwraps(server.origin);
    return async () => await unwraps(server.origin) - before;
  };
  const quiet = async (rate) => {
    await ages(300);
    await atConstantRate(stage, server.port, requests, rate, 1);
  };
  // The load leaves the vault, on the same core, two thirds of it: a vault that is short of time is another measurement.
  const measured = await besideQuiet({ ...bench, seconds: soft }, { stage, server, requests, begin, quiet, ofPeak: 1 / 6 });
  return { leases: keys, soft_seconds: soft, ...measured };
});
