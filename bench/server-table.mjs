// From what was measured of the server to its table.
import { textTable } from './table.mjs';

const grouped = (value) => Math.round(value).toLocaleString('en').replaceAll(',', ' ');
const count = (value) => grouped(value >= 10_000 ? Math.round(value / 1000) * 1000 : value);
const times = (value) => `${value.toFixed(2)} ×`;
const ms = (us) => (us < 1000 ? `${us.toFixed(0)} µs` : `${(us / 1000).toFixed(us < 10_000 ? 2 : 0)} ms`);
const gigabytes = (perSecond) => `${(perSecond / 1e9).toFixed(2)} GB/s`;
const spread = ({ median, low, high }, show) => `${show(median)} (${show(low)} – ${show(high)})`;
const scaled = (one, factor) => Object.fromEntries(['median', 'low', 'high'].map((field) => [field, one[field] * factor]));
// Above this the load's own core was busy: then not the server was the limit.
const kBusy = 0.95;

/** Which sides had a load with no time left, and which responded to fewer requests a second than were due. */
function notesOf(ours, peer, peerName) {
  const busy = [['latchkey', ours], [peerName, peer]].filter(([, side]) => side.load_core?.median > kBusy).map(([name]) => name);
  const late = [['latchkey', ours], [peerName, peer]].filter(([, side]) => side.rate_reached?.low === 0).map(([name]) => name);
  return { limited_by_load: busy, rate_missed: late };
}

/** Ours beside a peer: `of` takes the field that counts, `better` is the side of `must` that the ratio should be on. */
function beside(what, { ours, peer, ratio }, { peerName = 'nginx', must, better = 'above', of = 'per_second', show = count, factor = 1 }) {
  const text = (side) => spread(scaled(side[of], factor), show);
  return {
    what, ours: text(ours), peer_name: peerName, peer: text(peer), measured: spread(ratio, times), ratio: ratio.median, bound: must, better,
    must: must === undefined ? '–' : `${better === 'above' ? '≥' : '≤'} ${must}`,
    reached: must === undefined ? undefined : better === 'above' ? ratio.median >= must : ratio.median <= must,
    ...notesOf(ours, peer, peerName),
  };
}

/** One side alone, held against a number of its own. */
const alone = (what, ours, measured, must, reached) => ({ what, ours, peer_name: '–', peer: '–', measured, must, reached, limited_by_load: [], rate_missed: [] });

function besideQuiet(what, measured, done) {
  return beside(`p99.9 of encrypts, ${grouped(measured.rate)} a second, ${what} (${grouped(measured.ours.done.median)} ${done})`, measured,
    { peerName: 'the same, quiet', must: 2, better: 'below', of: 'p999_us', show: ms });
}

const kOf = {
  encrypt: (m) => beside('encrypt raw 1 KiB', m, { must: 0.6 }),
  decrypt: (m) => beside('decrypt raw 1 KiB', m, { must: 0.6 }),
  json: (m) => beside('encrypt JSON 1 KiB with a context', m, { must: 0.4 }),
  batch(m) {
    const records = scaled(m.ours.per_second, m.items);
    return alone(`encrypt_batch of ${m.items} × 256 B, records a second`, spread(records, count), `${(records.median / 1e6).toFixed(2)} M`, '≥ 1.0 M', records.median >= 1e6);
  },
  large: (m) => beside('encrypt raw 16 MiB, 4 connections', m, { peerName: 'nginx, the same body back', must: 0.6, show: gigabytes, factor: m.bytes }),
  tls: (m) => beside('encrypt raw 1 KiB over TLS 1.3', m, { must: 0.6 }),
  node: (m) => beside('encrypt raw 1 KiB, for orientation', m, { peerName: 'node:http with node:crypto' }),
  latency: (m) => beside(`p99 of encrypts at half of our peak, ${grouped(m.rate)} a second`, m, { must: 2, better: 'below', of: 'p99_us', show: ms }),
  workspaces: (m) => beside(`encrypt raw 1 KiB in ${grouped(m.workspaces)} workspaces of ${m.organizations} organisations in turn`, m, { peerName: 'the same in one workspace', must: 0.9 }),
  cores: (m) => beside('encrypt raw 1 KiB, two cores with their load', m, { peerName: 'one core with its load', must: 1.7 }),
  renewals: (m) => besideQuiet(`while ${grouped(m.leases)} leases are renewed in ${m.soft_seconds} s`, m, 'renewals'),
  scan: (m) => besideQuiet('while the activity feed is read page after page', m, 'pages'),
  checkpoint: (m) => besideQuiet('while writes go on and SQLite checkpoints', m, 'checkpoints'),
  start: ({ first_answer_ms: first, resident_mib: resident }) => [
    alone('start to first answer', spread(first, (value) => `${value.toFixed(0)} ms`), `${first.median.toFixed(0)} ms`, '≤ 60 ms', first.median <= 60),
    alone('memory of a server that was not asked yet', spread(resident, (value) => `${value.toFixed(1)} MiB`), `${resident.median.toFixed(1)} MiB`, '≤ 24 MiB', resident.median <= 24),
  ],
  idle({ connections, wanted, bytes_each: bytes }) {
    const show = (value) => `${(value / 1024).toFixed(2)} KiB`;
    const fewer = connections < wanted ? ` (for ${grouped(wanted)} this system lets a process open too few files)` : '';
    return alone(`memory of each of ${grouped(connections)} idle connections${fewer}`, spread(bytes, show), show(bytes.median), '≤ 8 KiB', bytes.median <= 8192);
  },
};

/** { what, ours, peer_name, peer, measured, must, reached, limited_by_load, rate_missed } each, in the order of the table. */
export const serverRows = (measured) => Object.entries(kOf).flatMap(([name, rows]) => (measured[name] ? rows(measured[name]) : []));

export const kHead = ['measure', 'latchkey: median (lowest – highest)', 'beside', 'the peer', 'measured', 'must', ''];

export function cells({ what, ours, peer_name: peerName, peer, measured, must, reached, limited_by_load: busy, rate_missed: late }) {
  const notes = [
    ...(reached === undefined ? [] : [reached ? 'reached' : 'missed']),
    ...(busy.length > 0 ? [`the load was the limit of ${busy.join(' and ')}`] : []),
    ...(late.length > 0 ? [`behind the rate: ${late.join(' and ')}`] : []),
  ];
  return [what, ours, peerName, peer, measured, must, notes.join('; ')];
}

export const serverTable = (rows) => textTable(kHead, rows.map(cells));
