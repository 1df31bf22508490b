// Puts the server and nginx under the same load in turns, and prints one table. See scripts/bench.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { debian, failWhereMissed, machine } from './machine.mjs';
import { serverPage, serverRows, serverTable } from './server-table.mjs';
import { summary } from './summary.mjs';

const kRoot = fileURLToPath(new URL('..', import.meta.url));
const kBinary = join(kRoot, 'build/bench/src/cli/latchkey');
const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false }, draw: { type: 'boolean', default: false }, check: { type: 'boolean', default: false }, json: { type: 'string', default: join(kRoot, 'build/bench/server.json') } } });
const kRounds = options.quick ? 1 : 5;
const kSeconds = options.quick ? 1 : 5;
const kConnections = 32;
// Each has a core of its own: what is measured, and what asks it.
const kServerCore = '0';
const kLoadCore = '1';
const kRecord = 1024;
const kBatch = 100;
const kBatchItem = 256;

const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
const children = [];
const say = (text) => process.stderr.write(`${text}\n`);

/** A port that nothing listens on; the kernel gives it to nobody else soon. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const spread = (values) => summary(values, { low: 0, high: 1 });

function pinned(core, command, args) {
  const child = spawn('taskset', ['-c', core, command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

/** `latchkey serve` with an organisation, a workspace under the platform's own key, and a service key. */
async function startLatchkey() {
  const database = ['--database', join(folder, 'latchkey.db'), '--root-key', join(folder, 'root.key'), '-o', 'json'];
  const run = (...args) => {
    const done = spawnSync(kBinary, [...args, ...database], { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(done.stderr);
    return JSON.parse(done.stdout);
  };
  const made = run('org', 'create', 'Bench');
  const { key } = run('org', 'keys', 'create', '--role', 'service', '--organization', made.organization_id);
  const port = await freePort();
  const settings = {
    'server.port': port, 'server.threads': 1, 'store.database': join(folder, 'latchkey.db'), 'root_key.file': join(folder, 'root.key'),
    // Limits that no load here reaches: what is measured is the server, not when it refuses.
    'limits.data_per_key': 10_000_000, 'limits.data_per_organization': 10_000_000, 'log.level': 'warn',
  };
  const child = pinned(kServerCore, kBinary, ['serve', ...Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`])]);
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => String(text).includes('ready\n') && resolve());
    child.once('exit', (code) => reject(new Error(`latchkey serve ended with ${code}`)));
  });
  return { url: `http://127.0.0.1:${port}/v1/workspaces/${made.default_workspace_id}`, key };
}

/** nginx with one worker, which reads each body and answers with `size` bytes of its own. */
async function startNginx(size) {
  const port = await freePort();
  const at = join(folder, `nginx-${size}`);
  mkdirSync(at);
  writeFileSync(join(at, 'nginx.conf'), `daemon off; worker_processes 1; pid ${at}/pid; error_log ${at}/error.log;
events { worker_connections 20000; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 1h; client_body_buffer_size 32m; client_max_body_size 64m;
  client_body_temp_path ${at}/body; proxy_temp_path ${at}/p; fastcgi_temp_path ${at}/f; uwsgi_temp_path ${at}/u; scgi_temp_path ${at}/s;
  server { listen 127.0.0.1:${port} reuseport; location / { default_type application/octet-stream; return 200 '${'x'.repeat(size)}'; } }
}
`);
  pinned(kServerCore, '/usr/sbin/nginx', ['-c', join(at, 'nginx.conf')]);
  const url = `http://127.0.0.1:${port}`;
  for (let left = 200; ; --left) {
    try {
      await (await fetch(url, { method: 'POST', body: 'x' })).arrayBuffer();
      return { url };
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

const lua = (text) => `"${[...Buffer.from(text)].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
const kReport = `
done = function(summary, latency)
  io.write(string.format('{"requests":%d,"us":%d,"errors":%d,"p50":%.1f,"p99":%.1f}\\n', summary.requests, summary.duration,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end`;

/** One run of wrk: requests a second, latencies in µs, and how busy the load's own core was. */
function load(url, request) {
  const script = join(folder, 'load.lua');
  const headers = Object.entries(request.headers).map(([name, value]) => `wrk.headers[${lua(name)}] = ${lua(value)}`).join('\n');
  writeFileSync(script, `wrk.method = "POST"\nwrk.body = ${lua(request.body)}\n${headers}\n${kReport}`);
  const stats = join(folder, 'time');
  const done = spawnSync('/usr/bin/time', ['-f', '%e %U %S', '-o', stats, 'taskset', '-c', kLoadCore, 'wrk', '-t1', `-c${kConnections}`, `-d${kSeconds}s`, '-s', script, url], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`wrk: ${done.stderr}`);
  const told = JSON.parse(done.stdout.trim().split('\n').pop());
  if (told.errors > 0) throw new Error(`${told.errors} of ${told.requests} requests to ${url} failed`);
  const [wall, user, system] = readFileSync(stats, 'utf8').trim().split(' ').map(Number);
  return { per_second: told.requests / told.us * 1e6, p50_us: told.p50, p99_us: told.p99, load_core: (user + system) / wall };
}

/** Ours and nginx's in turns. */
function inTurns(what, ours, peer) {
  say(`${what}, ${kRounds} rounds of ${kSeconds} s each ...`);
  const runs = { ours: [], peer: [] };
  load(ours.url, ours.request);
  for (let round = 0; round < kRounds; ++round) {
    runs.ours.push(load(ours.url, ours.request));
    runs.peer.push(load(peer.url, peer.request));
  }
  const of = (side) => Object.fromEntries(Object.keys(runs[side][0]).map((field) => [field, spread(runs[side].map((run) => run[field]))]));
  return { ours: of('ours'), peer: of('peer'), ratio: spread(runs.ours.map((run, round) => run.per_second / runs.peer[round].per_second)) };
}

async function measure() {
  const { url, key } = await startLatchkey();
  const raw = { 'x-api-key': key, 'content-type': 'application/octet-stream' };
  const json = { ...raw, 'content-type': 'application/json' };
  const plain = Buffer.alloc(kRecord, 'p');
  const sealed = Buffer.from(await (await fetch(`${url}/encrypt`, { method: 'POST', headers: raw, body: plain })).arrayBuffer());
  const of = (path, headers, body) => ({ url: url + path, request: { headers, body } });
  const cases = {
    encrypt: of('/encrypt', raw, plain),
    decrypt: of('/decrypt', raw, sealed),
    encrypt_json: of('/encrypt', json, JSON.stringify({ plaintext: plain.toString('base64'), context: { table: 'users', row: '7' } })),
    batch: of('/encrypt_batch', json, JSON.stringify({ items: Array.from({ length: kBatch }, (_, row) => ({ plaintext: Buffer.alloc(kBatchItem, 'p').toString('base64'), context: { row: String(row) } })) })),
  };
  const peer = await startNginx(1100);
  const measured = { items: kBatch };
  for (const [name, ours] of Object.entries(cases)) measured[name] = inTurns(name, ours, { url: peer.url, request: ours.request });
  return measured;
}

function clean() {
  for (const child of children) child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    clean();
    process.exit(1);
  });
}

try {
  const measured = await measure();
  const result = { made_at: new Date().toISOString(), quick: options.quick, machine: { ...machine(), nginx: debian('nginx-light'), wrk: debian('wrk') }, measured, rows: serverRows(measured) };
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(serverTable(result.rows));
  if (options.draw) writeFileSync(join(kRoot, 'docs/server-benchmarks.md'), serverPage(result));
  if (options.check) failWhereMissed(result.rows);
  process.stderr.write(`all of it: ${options.json}\n`);
} finally {
  clean();
}
