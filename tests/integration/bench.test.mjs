// The benchmarks' table and page, from numbers that were made up: what is measured is measured by scripts/bench alone.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { drawTable } from '../../bench/draw.mjs';

const kBench = fileURLToPath(new URL('../../scripts/bench', import.meta.url));
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

test('the command explains itself', () => {
  const help = spawnSync(kBench, ['--help'], { encoding: 'utf8' });
  assert.equal(help.status, 0);
  assert.match(help.stdout, /^scripts\/bench envelope \[--quick\]/);
  assert.equal(spawnSync(kBench, ['nothing']).status, 2);
});
