// Runs the envelope's benchmarks and their peers, and prints one table. See scripts/bench.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { drawTable } from './draw.mjs';
import { debian, failWhereMissed, machine, version } from './machine.mjs';
import { summary } from './summary.mjs';

const kRoot = fileURLToPath(new URL('..', import.meta.url));
const kBuild = join(kRoot, 'build/bench');
const kBinary = join(kBuild, 'src/cli/latchkey');
const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false }, draw: { type: 'boolean', default: false }, check: { type: 'boolean', default: false }, json: { type: 'string', default: join(kBuild, 'envelope.json') } } });
const { quick } = options;
const kRepetitions = quick ? 1 : 15;
const kRounds = quick ? 2 : 10;
const kFileSize = quick ? 32 << 20 : 1 << 30;
const kMiB = 1 << 20;

const say = (text) => process.stderr.write(`${text}\n`);

/** The CPU time of each case in nanoseconds, by name. */
function microbenchmarks() {
  say('records and streams, in one process ...');
  const out = execFileSync(join(kBuild, 'bench/latchkey_envelope_bench'), [
    '--benchmark_format=json', `--benchmark_repetitions=${kRepetitions}`, '--benchmark_enable_random_interleaving=true',
    `--benchmark_min_time=${quick ? 0.01 : 0.1}`,
  ], { encoding: 'utf8', maxBuffer: 64 * kMiB, stdio: ['ignore', 'pipe', 'ignore'] });
  const { benchmarks, context } = JSON.parse(out);
  const values = {};
  for (const run of benchmarks.filter((each) => each.run_type === 'iteration')) (values[run.run_name] ??= []).push(run.cpu_time);
  return { context, cases: Object.fromEntries(Object.entries(values).map(([name, all]) => [name, summary(all)])) };
}

function awsEncryption() {
  say('@aws-crypto/client-node ...');
  const out = execFileSync(process.execPath, [join(kRoot, 'bench/peers/aws-encryption.mjs'), '1024', quick ? '0.2' : '5'], {
    encoding: 'utf8', cwd: join(kRoot, 'bench/peers'),
  });
  const scale = ({ median, low, high, runs }) => ({ median: median * 1000, low: low * 1000, high: high * 1000, runs });
  const both = ({ seal, open }) => ({ seal: scale(seal), open: scale(open) });
  const { committing, signing } = JSON.parse(out);
  return { committing: both(committing), signing: both(signing) };
}

/** Runs one process; returns its wall, user and system time in seconds, and its peak memory in MiB. */
function timed(command, args, options = {}) {
  const stats = join(folder, 'time');
  const done = spawnSync('/usr/bin/time', ['-f', '%e %U %S %M', '-o', stats, command, ...args], { stdio: ['ignore', 'ignore', 'pipe'], ...options });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr}`);
  const [wall, user, system, memory] = readFileSync(stats, 'utf8').trim().split('\n').pop().split(' ').map(Number);
  return { wall, user, system, memory: memory / 1024 };
}

let folder;
let server;
async function startServer() {
  const data = join(folder, 'dev');
  const child = spawn(kBinary, ['dev', '--data-dir', data, '--port', '0', '--emulator-port', '0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => String(text).includes('ready\n') && resolve());
    child.once('exit', (code) => reject(new Error(`latchkey dev ended with ${code}`)));
  });
  const environment = { ...process.env };
  for (const line of readFileSync(join(data, 'dev.env'), 'utf8').split('\n')) {
    const match = /^export (\w+)='(.*)'$/.exec(line);
    if (match) environment[match[1]] = match[2];
  }
  return { child, environment };
}

/** Runs whole processes in turns and rotates their order each round. `place` is a folder of the file system to measure. */
function wholeFiles(place, what) {
  say(`files of ${kFileSize / kMiB} MiB on ${what}, ${kRounds} rounds ...`);
  const at = (name) => join(place, name);
  execFileSync('sh', ['-c', `head -c ${kFileSize} /dev/urandom > '${at('in')}'`]);
  const recipient = execFileSync('sh', ['-c', `age-keygen 2>/dev/null | tee '${join(folder, 'age.key')}' | sed -n 's/# public key: //p'`], { encoding: 'utf8' }).trim();
  const tools = {
    latchkey: () => timed(kBinary, ['encrypt', '--out', at('out'), at('in')], { env: server.environment }),
    age: () => timed('age', ['-r', recipient, '-o', at('out'), at('in')]),
    openssl: () => timed('openssl', ['enc', '-aes-256-ctr', '-pbkdf2', '-pass', 'pass:bench', '-in', at('in'), '-out', at('out')]),
    cp: () => timed('cp', [at('in'), at('out')]),
  };
  const names = Object.keys(tools);
  const runs = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -1; round < kRounds; ++round) {
    for (let turn = 0; turn < names.length; ++turn) {
      const name = names[(turn + round + names.length) % names.length];
      const run = tools[name]();
      rmSync(at('out'));
      // The first round warms up.
      if (round >= 0) runs[name].push(run);
    }
  }
  rmSync(at('in'));
  return Object.fromEntries(names.map((name) => [name, Object.fromEntries(['wall', 'user', 'system', 'memory'].map((field) => [field, summary(runs[name].map((run) => run[field]))]))]));
}

/** The peak memory of encrypting 10 GiB, from a sparse file to /dev/null. */
function memoryOfLarge() {
  say('memory of encrypting 10 GiB ...');
  const large = join(folder, 'large');
  execFileSync('truncate', ['-s', quick ? '100M' : '10G', large]);
  const out = openSync('/dev/null', 'w');
  const stats = join(folder, 'time');
  const done = spawnSync('/usr/bin/time', ['-f', '%e %U %S %M', '-o', stats, kBinary, 'encrypt', '--out', '-', large], { stdio: ['ignore', out, 'pipe'], env: server.environment });
  closeSync(out);
  if (done.status !== 0) throw new Error(String(done.stderr));
  return Number(readFileSync(stats, 'utf8').trim().split(' ').pop()) / 1024;
}

function machineAndPeers(context) {
  return {
    ...machine(), load: context.load_avg, aead: context.aead, openssl: version('openssl', 'version'),
    'google benchmark': debian('libbenchmark-dev'), 'intel-ipsec-mb': debian('libipsec-mb-dev'), libmongocrypt: debian('libmongocrypt-dev'), age: debian('age'),
    '@aws-crypto/client-node': JSON.parse(readFileSync(join(kRoot, 'bench/peers/package.json'))).dependencies['@aws-crypto/client-node'],
  };
}

// Each row: what, ours, the peer's, the ratio that counts, the limit that it must keep and the aim.
function rowsOf(micro, aws, ram, memory) {
  const { cases } = micro;
  const rows = [];
  const add = (what, ours, peer, peerName, ratio, must, aim, unit = 'ns', better = 'above') => {
    rows.push({ what, ours, peer, peer_name: peerName, ratio, must, aim, unit, better });
  };
  const faster = (what, ours, peer, peerName, must, aim) => add(what, ours, peer, peerName, peer.median / ours.median, must, aim);
  for (const way of ['seal', 'open']) {
    const name = way === 'seal' ? 'encrypt' : 'decrypt';
    const ours = (size) => cases[`record_${way}/${size}`];
    if (cases[`ipsec_mb_${way}/65536`]) faster(`record 64 KiB, ${name}`, ours(65536), cases[`ipsec_mb_${way}/65536`], 'raw intel-ipsec-mb GCM', 0.9, 0.97);
    faster(`record 1 KiB, ${name}`, ours(1024), cases[`openssl_${way}/1024`], 'raw OpenSSL GCM, key ready', 1.2, 1.5);
    faster(`record 1 KiB, ${name}`, ours(1024), cases[`mongocrypt_${way}/1024`], 'libmongocrypt, cached key', 10, 20);
    faster(`record 1 KiB, ${name}`, ours(1024), aws.committing[way], '@aws-crypto/client-node, cached key, unsigned', 500, 1000);
    faster(`record 1 KiB, ${name}`, ours(1024), aws.signing[way], '@aws-crypto/client-node, its default, which signs', 500, 1000);
    add(`record 64 B, ${name}`, ours(64), cases[`openssl_${way}/64`], 'raw OpenSSL GCM, key ready', ours(64).median, 400, 250, 'ns', 'below');
  }
  add('range read of 64 KiB of 1 GiB', cases.stream_range, undefined, '', cases.stream_range.median / 1e6, 0.2, undefined, 'ns', 'below');
  const { latchkey, age, cp } = ram;
  const seconds = (one) => ({ ...one, median: one.median * 1e9, low: one.low * 1e9, high: one.high * 1e9 });
  add('file 1 GiB, wall', seconds(latchkey.wall), seconds(age.wall), 'age', latchkey.wall.median / age.wall.median, 0.7, undefined, 'ns', 'below');
  add('file 1 GiB, user CPU', seconds(latchkey.user), seconds(age.user), 'age', latchkey.user.median / age.user.median, 0.5, undefined, 'ns', 'below');
  add('file 1 GiB, wall', seconds(latchkey.wall), seconds(cp.wall), 'cp', latchkey.wall.median / cp.wall.median, undefined, 1.2, 'ns', 'below');
  add('memory of encrypting 10 GiB', { median: memory }, undefined, '', memory, 32, undefined, 'MiB', 'below');
  for (const row of rows) {
    const reaches = (bound) => (bound === undefined ? undefined : row.better === 'above' ? row.ratio >= bound : row.ratio <= bound);
    Object.assign(row, { reached: reaches(row.must), reached_aim: reaches(row.aim) });
  }
  return rows;
}

folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
try {
  const micro = microbenchmarks();
  const aws = awsEncryption();
  server = await startServer();
  const inMemory = existsSync('/dev/shm') && statfsSync('/dev/shm').bavail * statfsSync('/dev/shm').bsize > 3 * kFileSize;
  const ramFolder = inMemory ? mkdtempSync('/dev/shm/latchkey-bench-') : folder;
  let ram;
  try {
    ram = wholeFiles(ramFolder, inMemory ? 'tmpfs' : 'the disk');
  } finally {
    if (inMemory) rmSync(ramFolder, { recursive: true, force: true });
  }
  const disk = wholeFiles(folder, 'the disk');
  const fileSystem = version('stat', '-f', '-c', '%T', folder);
  const memory = memoryOfLarge();
  const result = { made_at: new Date().toISOString(), quick, machine: machineAndPeers(micro.context), rows: rowsOf(micro, aws, ram, memory), cases: micro.cases, aws, files: { tmpfs: ram, [`disk (${fileSystem})`]: disk } };
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(drawTable(result, options.draw ? join(kRoot, 'docs') : undefined));
  if (options.check) failWhereMissed(result.rows);
  say(`all of it: ${options.json}`);
} finally {
  server?.child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
