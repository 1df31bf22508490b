// The table for people, and docs/benchmarks.md with its drawing.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { described } from './machine.mjs';
import { markdownTable, textTable } from './table.mjs';

function time(ns) {
  if (ns < 1e3) return `${ns.toFixed(0)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(2)} µs`;
  if (ns < 1e9) return `${(ns / 1e6).toFixed(2)} ms`;
  return `${(ns / 1e9).toFixed(2)} s`;
}
function value(one, unit) {
  if (!one) return '';
  if (unit === 'MiB') return `${one.median.toFixed(1)} MiB`;
  return one.low === undefined ? time(one.median) : `${time(one.median)} (${time(one.low)} – ${time(one.high)})`;
}
// Ratios below the absolute measures are shown as what they are.
const kAbsolute = { 'record 64 B, encrypt': (x) => time(x), 'record 64 B, decrypt': (x) => time(x), 'range read of 64 KiB of 1 GiB': (x) => `${x.toFixed(3)} ms`, 'memory of encrypting 10 GiB': (x) => `${x.toFixed(1)} MiB` };
function verdictOf({ reached, reached_aim: aim }) {
  if (reached === false) return 'missed';
  if (aim === true) return 'aim reached';
  return aim === false ? `${reached === undefined ? '' : 'reached, '}aim missed` : 'reached';
}
function cells(row) {
  const show = kAbsolute[row.what] ?? ((x) => `${x >= 100 ? x.toFixed(0) : x.toFixed(2)} ×`);
  const bound = (x) => (x === undefined ? '' : `${row.better === 'above' ? '≥' : '≤'} ${show(x)}`);
  const verdict = verdictOf(row);
  return [row.what, value(row.ours, row.unit), row.peer_name, value(row.peer, row.unit), show(row.ratio), bound(row.must), bound(row.aim), verdict];
}

const kHead = ['measure', 'Latchkey', 'beside', 'the peer', 'counts', 'must', 'aim', ''];

/** Bars of time for a record of 1 KiB, each ten times longer a step further: the peers are that far apart. */
function drawing({ cases, aws }) {
  const bars = [
    ['Latchkey', cases['record_seal/1024'].median], ['raw OpenSSL AES-GCM (no key of its own, no commitment)', cases['openssl_seal/1024'].median],
    ['libmongocrypt, cached key', cases['mongocrypt_seal/1024'].median], ['@aws-crypto/client-node, cached key, unsigned', aws.committing.seal.median],
  ];
  const [left, top, step, width] = [10, 46, 46, 640];
  const longest = Math.log10(Math.max(...bars.map(([, ns]) => ns)));
  const scale = (ns) => (Math.max(Math.log10(ns) - 1.5, 0.05) / (longest - 1.5)) * width;
  const lines = bars.map(([name, ns], at) => `  <text x="${left}" y="${top + at * step}">${name}: ${time(ns)}</text>
  <rect x="${left}" y="${top + at * step + 6}" width="${scale(ns).toFixed(1)}" height="16" class="${at === 0 ? 'ours' : 'peer'}"/>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 ${top + bars.length * step}" role="img" aria-label="Time to encrypt a record of 1 KiB">
  <style>text { font: 14px sans-serif; fill: #57606a } .title { font-weight: bold } .ours { fill: #1a7f37 } .peer { fill: #8c959f } @media (prefers-color-scheme: dark) { text { fill: #c9d1d9 } }</style>
  <text x="${left}" y="20" class="title">Encrypting a record of 1 KiB, one thread (median; logarithmic)</text>
${lines.join('\n')}
</svg>
`;
}

function files(result) {
  const row = (place, name, tool) => [place, name, `${tool.wall.median.toFixed(2)} s (${tool.wall.low.toFixed(2)} – ${tool.wall.high.toFixed(2)})`, `${tool.user.median.toFixed(2)} s`, `${tool.system.median.toFixed(2)} s`, `${tool.memory.median.toFixed(0)} MiB`];
  const rows = Object.entries(result.files).flatMap(([place, tools]) => Object.entries(tools).map(([name, tool]) => row(place, name, tool)));
  const head = ['on', 'tool', 'wall', 'user', 'system', 'memory'];
  return `${markdownTable(head, rows)}\n`;
}

function page(result, rows) {
  return `# Benchmarks

Rerun them with one command; it installs the peers and writes all numbers to \`build/bench/envelope.json\`:

\`\`\`text
./scripts/bench envelope
\`\`\`

![Time to encrypt a record of 1 KiB](benchmarks.svg)

The numbers are medians (and quartiles) of ${result.cases['record_seal/64'].runs} runs in turns: CPU time of one thread, in one process. @aws-crypto/client-node runs in
a process of its own in the same run, measured by the clock, for its CPU time would count its garbage collector's threads too. A record
has a key of its own, 24 random bytes, and a commitment. The "raw" peers have a key that is ready, a counter for a nonce, and neither of
the others; @aws-crypto/client-node has all three with the suite
\`AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY\`, and signs each message with its default. Made at ${result.made_at} on: ${described(result.machine)}.

${markdownTable(kHead, rows)}

**Where the time of a record goes** (\`perf record\` on an AMD EPYC 9004, sealing 1 KiB): 35 % AES-GCM itself, 32 % the powers of
the hash key that intel-ipsec-mb prepares for each new key, 11 % expanding that key and the five AES blocks of its derivation and
commitment, 12 % the nonce with what keeps those of cloned machines apart (a digest of the message, the time-stamp counter and a
block of AES); the rest is copying and wiping. A raw AES-GCM whose key is ready has the first of these alone. At 64 KiB the same
fixed cost is the whole difference from raw intel-ipsec-mb. Where the table says "missed", Latchkey misses the bound.

## A file of 1 GiB, whole processes

${Object.values(result.files)[0].cp.wall.runs} rounds in turns, everything in the page cache. Latchkey asks a server for the data key, and syncs the file to the disk before the
file has its name; the others do neither.

${files(result)}`;
}

/** The text; and, where \`docs\` is given, the page and its drawing there. */
export function drawTable(result, docs) {
  const rows = result.rows.map(cells);
  if (docs) {
    writeFileSync(join(docs, 'benchmarks.md'), page(result, rows));
    writeFileSync(join(docs, 'benchmarks.svg'), drawing(result));
  }
  return textTable(kHead, rows);
}
