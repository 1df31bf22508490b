// Draws the benchmarks' table and page from invented numbers; scripts/bench alone measures.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { percentiles } from '../../bench/constant-rate.mjs';
import { drawTable } from '../../bench/draw.mjs';
import { flameDrawing, fold, shares, shortName } from '../../bench/flame-drawing.mjs';
import { keyringPage, keyringRows, keyringTable } from '../../bench/keyring-table.mjs';
import { machine } from '../../bench/machine.mjs';
import { serverDrawing } from '../../bench/server-drawing.mjs';
import { serverPage } from '../../bench/server-page.mjs';
import { kRows } from '../../bench/server-rows.mjs';
import { serverRows, serverTable } from '../../bench/server-table.mjs';

const kRoot = fileURLToPath(new URL('../..', import.meta.url));
const kBench = join(kRoot, 'scripts/bench');
const one = (median) => ({ median, low: median * 0.9, high: median * 1.1, runs: 15 });
const tool = { wall: one(0.5), user: one(0.1), system: one(0.4), memory: one(20) };
const kResult = {
  made_at: '2027-01-31T00:00:00Z', machine: { cpu: 'a CPU', cores: 2, load: [1] },
  cases: { 'record_seal/64': one(200), 'record_seal/1024': one(300), 'openssl_seal/1024': one(430), 'mongocrypt_seal/1024': one(7000) },
  aws: { committing: { seal: one(2e5), open: one(2e5) }, signing: { seal: one(2e6), open: one(2e6) } },
  files: { tmpfs: { latchkey: tool, cp: tool }, disk: { latchkey: tool, cp: tool } },
  rows: [
    { what: 'record 1 KiB, encrypt', ours: one(300), peer: one(430), peer_name: 'OpenSSL', ratio: 1.43, must: 1.2, aim: 1.5, unit: 'ns', better: 'above', reached: true, reached_aim: false },
    { what: 'record 64 B, encrypt', ours: one(450), peer: one(210), peer_name: 'OpenSSL', ratio: 450, must: 400, aim: 250, unit: 'ns', better: 'below', reached: false, reached_aim: false },
    { what: 'memory of encrypting 10 GiB', ours: { median: 20 }, peer_name: '', ratio: 20, must: 32, unit: 'MiB', better: 'below', reached: true },
  ],
};

test('the table says what was reached and what was missed', () => {
  const lines = drawTable(kResult).split('\n');
  assert.match(lines[1], /^record 1 KiB, encrypt +300 ns \(270 ns – 330 ns\) +OpenSSL +430 ns .* 1\.43 × +≥ 1\.20 × +≥ 1\.50 × +reached, aim missed$/);
  assert.match(lines[2], /450 ns +≤ 400 ns +≤ 250 ns +missed$/);
  assert.match(lines[3], /20\.0 MiB +≤ 32\.0 MiB +reached$/);
});

test('the page names the machine, and has a drawing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-test-'));
  try {
    drawTable(kResult, folder);
    const page = readFileSync(join(folder, 'benchmarks.md'), 'utf8');
    for (const text of ['cpu: a CPU', '2027-01-31', '| record 1 KiB, encrypt |', '| disk | cp | 0.50 s (0.45 – 0.55) |']) assert.ok(page.includes(text), text);
    assert.match(readFileSync(join(folder, 'benchmarks.svg'), 'utf8'), /^<svg .*Latchkey: 300 ns/s);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the keyring's table holds each measure against what it must reach", () => {
  const spread = (median) => ({ median, low: median, high: median, most: median + 1, runs: 3 });
  const measured = {
    herd: { latency_ms: 50, slowest_ms: spread(60), unwraps: 1, failed: 0 },
    cold_start: { requests: 100000, limit: 1000, most_in_10s: 1001, throttled: 1, failed: 0, took_ms: 10000 },
    revocation: { soft_ms: 5000, latency_ms: 50, after_ms: { decrypt: spread(5049), stream: spread(5050) } },
    outage: { requests: 120000, failed: 0, calls_per_key_and_minute: 2 },
    neighbour: { p99_alone_ms: spread(0.01), p99_beside_nothing_ms: spread(0.011), p99_beside_ms: spread(0.02), ratio: spread(2) },
    steady: { keys: 100, calls_per_key_and_soft: 1, failed: 0 },
    refreshing: { renewals: 1000, p999_without_ms: spread(0.1), p999_with_ms: spread(0.19), ratio: spread(1.9) },
  };
  const rows = keyringRows(measured);
  assert.deepEqual(rows.map(({ reached }) => reached), [true, false, true, false, true, false, true, true]);
  assert.match(keyringTable(rows), /a running stream.* 5050 ms \(5050 ms – 5050 ms\), at most 5051 ms +≤ soft \+ 1 probe: 5050 ms +missed/);
  const page = keyringPage({ made_at: '2027-01-31', machine: { cpu: 'a CPU' }, rows });
  assert.ok(page.includes('| KMS calls in an hour of 100 keys in use, 50 data keys each (simulated clock) | 1.00 a key and soft; 0 failed |'), page);
});

// What each row of the server measures, invented: all reach what they must, unless told otherwise.
const spreadOf = (median) => ({ median, low: median * 0.9, high: median * 1.1, runs: 5 });
const side = (fields) => Object.fromEntries(Object.entries(fields).map(([name, median]) => [name, spreadOf(median)]));
const asMany = (ratio, busy = 0.5) => ({ ours: side({ per_second: 100_000 * ratio, load_core: 0.5 }), peer: side({ per_second: 100_000, load_core: busy }), ratio: spreadOf(ratio) });
const atRate = (ratio, field, more = {}) => ({ rate: 8000, ours: side({ [field]: 1000 * ratio, rate_reached: 1, done: 1000 }), peer: side({ [field]: 1000, rate_reached: 1 }), ratio: spreadOf(ratio), ...more });
const kMeasured = {
  encrypt: asMany(0.6, 0.99), decrypt: asMany(0.59), json: asMany(0.4), batch: { ...asMany(0.1), items: 100 }, large: { ...asMany(0.7), bytes: 16 << 20 }, tls: asMany(0.5),
  node: asMany(0.3), latency: atRate(1.9, 'p99_us'), workspaces: { ...asMany(0.95), workspaces: 10_000, organizations: 100 }, cores: asMany(1.6),
  renewals: atRate(2.1, 'p999_us', { leases: 1000, soft_seconds: 10 }), scan: atRate(14, 'p999_us'), checkpoint: atRate(2, 'p999_us'),
  start: side({ first_answer_ms: 60, resident_mib: 24.1 }), idle: { connections: 9000, wanted: 10_000, bytes_each: spreadOf(8192) },
};

test("the server's table holds each measure against its peer, and says where the load was the limit", () => {
  const rows = serverRows(kMeasured);
  assert.deepEqual(Object.keys(kMeasured), Object.keys(kRows), 'each measurement has a row');
  const missed = rows.filter(({ reached }) => reached === false).map(({ what }) => what);
  assert.deepEqual(missed, [
    'decrypt raw 1 KiB', 'encrypt raw 1 KiB over TLS 1.3', 'encrypt raw 1 KiB, two cores with their load',
    'p99.9 of encrypts, 8 000 a second, while 1 000 leases are renewed in 10 s (1 000 renewals)',
    'p99.9 of encrypts, 8 000 a second, while the activity feed is read page after page (1 000 pages)',
    'memory of a server that was not asked yet',
  ]);
  assert.deepEqual(rows.filter(({ reached }) => reached === undefined).map(({ peer_name: name }) => name), ['node:http with node:crypto'], 'that one is for orientation');
  const table = serverTable(rows);
  for (const line of [
    /^encrypt raw 1 KiB +60 000 \(54 000 – 66 000\) +nginx +100 000 \(90 000 – 110 000\) +0\.60 × \(.*\) +≥ 0\.6 +reached; the load was the limit of nginx$/m,
    /^encrypt_batch of 100 × 256 B, records a second +1 000 000 .* – +– +1\.00 M +≥ 1\.0 M +reached$/m,
    /^encrypt raw 16 MiB, 4 connections +1174\.41 GB\/s/m,
    /^p99 of encrypts at half of our peak, 8 000 a second +1\.90 ms \(1\.71 ms – 2\.09 ms\) +nginx +1\.00 ms .* ≤ 2 +reached$/m,
    /^memory of each of 9 000 idle connections \(for 10 000 this system lets a process open too few files\) +8\.00 KiB .* ≤ 8 KiB +reached$/m,
  ]) assert.match(table, line);
});

test('a rate that a side did not keep up with is named', () => {
  const latency = atRate(1.5, 'p99_us');
  latency.ours.rate_reached.low = 0;
  assert.match(serverTable(serverRows({ latency })), /reached; behind the rate: latchkey$/m);
});

test("the server's page has the table of what was measured, and its drawing the bars and marks", () => {
  const rows = serverRows(kMeasured);
  const page = serverPage({ made_at: '2027-01-31', machine: { cpu: 'a CPU' }, rounds: 5, seconds: 5, rows });
  for (const text of ['cpu: a CPU', 'medians of 5 rounds', '| encrypt raw 1 KiB | 60 000 (54 000 – 66 000) | nginx |', '(server-benchmarks.svg)']) assert.ok(page.includes(text), text);
  assert.ok(!page.includes('## Where the time goes'), 'without pictures it says nothing of them');
  const groups = { kernel: 0.64, ours: 0.16, asio: 0.05, malloc: 0.04, crypto: 0.03, other: 0.08 };
  const withFlame = serverPage({ made_at: '2027-01-31', machine: {}, rounds: 5, seconds: 5, rows }, { before: { commit: 'abc', groups: { ...groups, kernel: 0.37 } }, after: { commit: 'def', tcp: 0.55, groups } });
  for (const text of ['before, at abc, and\nafter, at def', '(benchmarks/server-before.svg)', '(benchmarks/server-after.svg)', 'the kernel now has 64 % (before: 37 %)', 'are 55 % of all', 'at most 1.6 times']) assert.ok(withFlame.includes(text), text);
  const drawing = serverDrawing(rows);
  assert.match(drawing, /^<svg [\s\S]*<\/svg>\n$/);
  assert.equal(drawing.match(/<rect /g).length, 12, 'as many bars as rows that have a ratio');
  assert.equal(drawing.match(/<line /g).length, 11, 'and a mark where something is demanded');
  assert.ok(drawing.includes('>encrypt raw 1 KiB, beside nginx: 0.60 ×, at least 0.6</text>\n  <rect x="10" y="70" width="144.0" height="14" class="ours"/>\n  <line x1="154.0" x2="154.0"'), drawing);
  assert.match(drawing, /: 14\.00 ×, at most 2<\/text>\n {2}<rect x="10" y="\d+" width="600\.0" height="14" class="missed"\/>\n {2}<text [^>]*>…</, 'a bar that is too long is cut');
});

test('a C++ name is shortened to what it names', () => {
  for (const [name, short] of [
    ['boost::asio::detail::awaitable_thread<boost::asio::any_io_executor>::pump', 'boost::asio::detail::awaitable_thread::pump'],
    ['latchkey::http::(anonymous namespace)::Connection::respond(latchkey::Request const&, std::span<char, 4ul>) [clone .actor]', 'latchkey::http::Connection::respond'],
    ['std::string latchkey::join<std::vector<int> >(std::vector<int> const&)', 'latchkey::join'], ['latchkey::Key::bytes(int) const', 'latchkey::Key::bytes'],
    ['operator new', 'operator new'], ['operator new(unsigned long)', 'operator new'], ['latchkey::Order::operator()(int) const', 'latchkey::Order::operator()'],
    ['latchkey::Key::operator<(latchkey::Key const&) const', 'latchkey::Key::operator<'],
    ['tcp_sendmsg', 'tcp_sendmsg'], ['latchkey::run()::{lambda(int)#1}::operator()(int) const', 'latchkey::run::{lambda#1}::operator()'],
  ]) assert.equal(shortName(name), short);
});

// The innermost frame first, as perf prints it.
const kPump = 'boost::asio::detail::awaitable_thread<boost::asio::any_io_executor>::pump';
const sample = (...frames) => `${[...frames, ['main', '/b/latchkey'], ['_start', '/b/latchkey']].map(([name, library]) => `\t  7f0a1 ${name} (${library})`).join('\n')}\n\n`;
const kSending = sample(['tcp_sendmsg', '[kernel.kallsyms]'], ['__libc_send', '/usr/lib/libc.so.6'], ['latchkey::http::(anonymous namespace)::write', '/b/latchkey'],
  [kPump, '/b/latchkey'], ['boost::asio::detail::awaitable_handler<int>::operator()', '/b/latchkey'], [kPump, '/b/latchkey']);
const kOthers = sample(['cfree@GLIBC_2.2.5', '/usr/lib/libc.so.6'], ['latchkey::<a&b>::free', '/b/latchkey']) + sample(['[unknown]', '/usr/lib/libcrypto.so.3'], ['[unknown]', '[unknown]'])
  + sample(['latchkey::serve', '/b/latchkey']) + sample(['boost::beast::http::parse', '/b/latchkey']) + sample(['do_epoll_wait', '[kernel.kallsyms]']) + sample(['__memmove_avx', '/usr/lib/libc.so.6']);

test('what perf printed is folded into stacks, and each group has the share of its innermost frames', () => {
  const stacks = fold(kSending + kSending + kOthers + sample(['latchkey::serve', '/b/latchkey'], ['latchkey::serve', '/b/latchkey']));
  assert.equal(stacks.get('ours main;asio boost::asio::detail::awaitable_thread::pump;ours latchkey::http::write;other __libc_send;kernel tcp_sendmsg'), 2);
  assert.equal(stacks.get('ours main;crypto libcrypto.so.3'), 1, 'what has no name is its library');
  assert.equal(stacks.get('ours main;ours latchkey::serve'), 2, 'a frame that repeats is one');
  const { samples, tcp, groups } = shares(fold(kSending + kSending + kOthers + kSending + kSending));
  assert.deepEqual({ samples, tcp, groups }, { samples: 10, tcp: 0.4, groups: { kernel: 0.5, ours: 0.1, asio: 0.1, malloc: 0.1, crypto: 0.1, other: 0.1 } });
});

test('a flame graph has a box for each frame that is wide enough, and names where they fit', () => {
  const wide = 'x'.repeat(200);
  const drawing = flameDrawing(new Map([['ours main;ours latchkey::serve', 500], ['ours main;kernel tcp_sendmsg', 496], [`ours main;kernel ${wide}`, 4], ['ours a<&b', 0]]), 'A & "B"');
  assert.match(drawing, /^<svg [\s\S]*aria-label="A &amp; &quot;B&quot;">[\s\S]*<\/svg>\n$/);
  assert.equal(drawing.match(/<g>/g).length, 3, 'what has less than 0.5 % is left out');
  assert.ok(drawing.includes('<g><title>main: 100.0 %</title><rect x="0.0" y="64" width="1199.5" height="15" class="ours"/><text x="3.0" y="76">main</text></g>'), drawing);
  assert.ok(drawing.includes('<title>latchkey::serve: 50.0 %</title><rect x="600.0" y="48" width="599.5" height="15" class="ours"/>'), 'what is inside a box is above it');
  const narrow = flameDrawing(new Map([['ours latchkey::http::Connection::respond', 5], ['ours main', 95]]), 'narrow');
  assert.ok(narrow.includes('>respond<') && narrow.includes('<title>latchkey::http::Connection::respond: 5.0 %'), 'a name that does not fit is its last part');
  const deep = flameDrawing(new Map([[Array.from({ length: 40 }, (_, at) => `ours f${at}`).join(';'), 1]]), 'deep');
  assert.ok(deep.includes('<title>f29: 100.0 %') && !deep.includes('f30'), 'it is cut where it is too deep');
});

test('the percentiles are those of the log', () => {
  const log = Array.from({ length: 1000 }, (_, at) => `${1000 - at} ${at / 10}\n`).join('');
  assert.deepEqual(percentiles(log), { requests: 1000, p50_us: 500, p99_us: 990, p999_us: 999, most_us: 1000, late_p99_us: 98.9, late_p999_us: 99.8 });
  assert.equal(percentiles('7.5 0\n').p999_us, 7.5);
});

// Where somebody has run scripts/bench here, it still runs.
for (const [what, program, fewest, expected] of [
  ['envelope', 'bench/latchkey_envelope_bench', 8, 'memory of encrypting 10 GiB'], ['keyring', 'bench/latchkey_keyring_bench', 8, 'revoke → last plaintext'],
  ['server', 'bench/latchkey_constant_rate', 16, 'encrypt raw 1 KiB'],
]) {
  const built = existsSync(join(kRoot, 'build/bench', program));
  test(`scripts/bench ${what} --quick measures everything`, { skip: !built && 'scripts/bench was not run here' }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-test-'));
    try {
      const json = join(folder, 'all.json');
      const run = spawnSync(process.execPath, [join(kRoot, `bench/${what}.mjs`), '--quick', '--json', json], { encoding: 'utf8', timeout: 900_000 });
      assert.equal(run.status, 0, run.stderr);
      assert.ok(run.stdout.includes(expected), run.stdout);
      const { rows, machine, quick } = JSON.parse(readFileSync(json, 'utf8'));
      assert.ok(quick && machine.cpu && rows.length >= fewest);
      for (const row of rows) assert.ok(row.reached !== undefined || row.reached_aim !== undefined || row.must === '–', row.what);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

test('a "must" that is missed is an exit code, and is named', () => {
  const run = (rows) => spawnSync(process.execPath, ['--input-type=module', '-e',
    `import { failWhereMissed } from ${JSON.stringify(join(kRoot, 'bench/machine.mjs'))}; failWhereMissed(${JSON.stringify(rows)});`], { encoding: 'utf8' });
  const missed = run([{ what: 'one', reached: true }, { what: 'the other', reached: false }, { what: 'no bound' }]);
  assert.equal(missed.status, 1, missed.stderr);
  assert.equal(missed.stderr, 'missed: the other\n');
  assert.equal(run([{ what: 'one', reached: true }, { what: 'no bound' }]).status, 0);
});

test('the numbers name the commit that they were measured at', () => {
  assert.match(machine().commit, /^([0-9a-f]{12}( and changes that are not committed)?|not told)$/);
});

test('the command explains itself', () => {
  const help = spawnSync(kBench, ['--help'], { encoding: 'utf8' });
  assert.equal(help.status, 0);
  assert.match(help.stdout, /^scripts\/bench envelope \[--quick\]/);
  for (const name of Object.keys(kRows)) assert.match(help.stdout, new RegExp(`\\b${name}\\b`), '--only takes it');
  assert.match(help.stdout, /^scripts\/bench flame \[--binary FILE\]/m);
  for (const wrong of [['nothing'], ['flame', '--quick'], ['flame', '--out']]) assert.equal(spawnSync(kBench, wrong).status, 2);
});

test('a page is of all rows, and an unknown row is refused with the known ones', () => {
  const both = spawnSync(kBench, ['server', '--only', 'tls', '--draw'], { encoding: 'utf8' });
  assert.equal(both.status, 2);
  assert.equal(both.stderr, '--draw writes the page of all rows, and --only measures some\n');
  assert.equal(spawnSync(kBench, ['keyring', '--only', 'tls']).status, 2);
  const unknown = spawnSync(process.execPath, [join(kRoot, 'bench/server.mjs'), '--only', 'tls,nothing'], { encoding: 'utf8' });
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /^there is no row nothing: encrypt, decrypt, json/);
});
