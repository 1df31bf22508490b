// From what was measured of the keyring to its table, and docs/keyring-benchmarks.md.
import { described } from './machine.mjs';
import { markdownTable, textTable } from './table.mjs';

const ms = (value) => (value < 0.01 ? `${(value * 1000).toFixed(1)} µs` : value < 1 ? `${(value * 1000).toFixed(0)} µs` : `${value.toFixed(0)} ms`);
const spread = ({ median, low, high }) => `${ms(median)} (${ms(low)} – ${ms(high)})`;
const times = (value) => `${value.toFixed(2)} ×`;

/** { what, measured, must, reached } each. */
export function keyringRows({ herd, cold_start: cold, revocation, outage, neighbour, steady, refreshing }) {
  const bound = revocation.soft_ms + revocation.latency_ms;
  return [
    {
      what: `1 000 concurrent first decrypts of one cold data key, KMS latency ${herd.latency_ms} ms`,
      measured: `${herd.unwraps} unwrap; all finished in ${spread(herd.slowest_ms)}, ${herd.failed} failed`,
      must: `exactly 1 unwrap; ≤ ${2 * herd.latency_ms} ms`, reached: herd.unwraps === 1 && herd.failed === 0 && herd.slowest_ms.median <= 2 * herd.latency_ms,
    },
    {
      what: `${cold.requests} requests after a restart, over a vault that allows ${cold.limit} calls in 10 s`,
      measured: `at most ${cold.most_in_10s} in any 10 s, ${cold.throttled} throttled, ${cold.failed} failed, in ${ms(cold.took_ms)}`,
      must: 'never more than the limit; no request fails', reached: cold.most_in_10s <= cold.limit && cold.throttled === 0 && cold.failed === 0,
    },
    ...Object.entries(revocation.after_ms).map(([door, after]) => ({
      what: `revoke → last plaintext (${door === 'stream' ? 'a running stream' : door}), soft = ${revocation.soft_ms / 1000} s`,
      measured: `${spread(after)}, at most ${ms(after.most)}`, must: `≤ soft + 1 probe: ${bound} ms`, reached: after.most <= bound,
    })),
    {
      what: 'KMS down for 10 min, soft 5 s, hard 15 min, 200 requests a second (simulated clock)',
      measured: `${outage.failed} of ${outage.requests} failed; ${outage.calls_per_key_and_minute.toFixed(1)} calls a key and minute`, must: '0 failed', reached: outage.failed === 0,
    },
    {
      what: "tenant A's KMS hangs (30 s a call) at 200 requests a second to A: tenant B's p99",
      measured: `${times(neighbour.ratio.median)} (${times(neighbour.ratio.low)} – ${times(neighbour.ratio.high)}): ${spread(neighbour.p99_beside_ms)} beside ${spread(neighbour.p99_beside_nothing_ms)}; alone ${spread(neighbour.p99_alone_ms)}`,
      must: "≤ 1.20 × B's p99 beside as many requests that ask for nothing", reached: neighbour.ratio.median <= 1.2,
    },
    {
      what: `KMS calls in an hour of ${steady.keys} keys in use, 50 data keys each (simulated clock)`,
      measured: `${steady.calls_per_key_and_soft.toFixed(2)} a key and soft; ${steady.failed} failed`, must: '≤ 1 a key and soft', reached: steady.calls_per_key_and_soft <= 1 && steady.failed === 0,
    },
    {
      what: `p99.9 of warm requests while ${refreshing.renewals} leases are renewed in 5 s`,
      measured: `${times(refreshing.ratio.median)} (${times(refreshing.ratio.low)} – ${times(refreshing.ratio.high)}): ${spread(refreshing.p999_with_ms)} beside ${spread(refreshing.p999_without_ms)}`,
      must: '≤ 2.00 × the p99.9 without', reached: refreshing.ratio.median <= 2,
    },
  ];
}

const kHead = ['measure', 'measured: median (quartiles)', 'must', ''];
const cells = ({ what, measured, must, reached }) => [what, measured, must, reached ? 'reached' : 'missed'];

export function keyringTable(rows) {
  return textTable(kHead, rows.map(cells));
}

export function keyringPage(result) {
  return `# The keyring's promises, measured

\`\`\`text
./scripts/bench keyring
\`\`\`

The measurement runs the real keyring, limiter and SQLite store in one process, against simulated vaults that respond after a set
time, throttle, refuse, fail and hang. It leaves out RSA, which is the vault's work. Measures of minutes or an hour use a clock that
the measurement moves; the others use the real one. A tenant beside a neighbour is compared with itself beside requests that ask for nothing
([why](decisions/0013-neighbours-beside-requests-that-ask-for-nothing.md)). Made at ${result.made_at} on: ${described(result.machine)}.

${markdownTable(kHead, result.rows.map(cells))}
`;
}
