// `latchkey serve` as the benchmarks start it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { asUsual, freePort, kServerCore } from './stage.mjs';

export const kBinary = fileURLToPath(new URL('../build/bench/src/cli/latchkey', import.meta.url));
let binary = kBinary;

/** From here on, this build is the one that is started. */
export function useBinary(path) {
  binary = path;
}

/** The command line that serves a database in `folder`, with these settings, at `origin`. */
export async function serveCommand(folder, more = {}) {
  const settings = {
    'server.port': await freePort(), 'server.threads': 1, 'store.database': join(folder, 'latchkey.db'), 'root_key.file': join(folder, 'root.key'),
    // Limits that no load here reaches: what is measured is the server, not when it refuses.
    'limits.data_per_key': 10_000_000, 'limits.data_per_organization': 10_000_000, 'log.level': 'error', ...more,
  };
  const scheme = settings['server.tls_certificate_file'] ? 'https' : 'http';
  return {
    origin: `${scheme}://127.0.0.1:${settings['server.port']}`, port: settings['server.port'],
    args: ['serve', ...Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`])],
  };
}

/** Runs a command of `latchkey org` on the database in `folder`. */
export function latchkeyOrg(folder, ...args) {
  const place = ['--database', join(folder, 'latchkey.db'), '--root-key', join(folder, 'root.key'), '-o', 'json'];
  const done = spawnSync(binary, ['org', ...args, ...place], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  return JSON.parse(done.stdout);
}

/** An organisation with a workspace under the platform's own key, an admin key and a service key. */
export function makeOrganization(folder, name = 'Bench') {
  const { key: admin, organization_id: id, default_workspace_id: workspace } = latchkeyOrg(folder, 'create', name);
  const { key: service } = latchkeyOrg(folder, 'keys', 'create', '--role', 'service', '--organization', id);
  return { id, admin, service, path: `/v1/workspaces/${workspace}` };
}

export const rawHeaders = (key) => ({ 'x-api-key': key, 'content-type': 'application/octet-stream' });

/** Starts the server on the core and waits until it is ready; `as`: how, of stage.mjs. */
export async function startLatchkey(stage, settings = {}, { core = kServerCore, as = asUsual } = {}) {
  const { origin, port, args } = await serveCommand(stage.folder, settings);
  const child = stage.start(core, ...as(binary, args));
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => String(text).includes('ready\n') && resolve());
    child.ended.then(({ code }) => reject(new Error(`latchkey serve ended with ${code}`)), reject);
  });
  // The measurement fails, for requests do; this says why.
  child.ended.then(({ code }) => stage.isOpen && process.stderr.write(`latchkey serve ended with ${code}\n`), () => {});
  return { child, origin, port };
}
