// From what was measured of the server to its table, and docs/server-benchmarks.md.
import { described } from './machine.mjs';
import { markdownTable, textTable } from './table.mjs';

const count = (value) => Math.round(value >= 10_000 ? Math.round(value / 1000) * 1000 : value).toLocaleString('en').replaceAll(',', ' ');
const times = (value) => `${value.toFixed(2)} ×`;
const spread = ({ median, low, high }, show) => `${show(median)} (${show(low)} – ${show(high)})`;
// Above this the load's own core was busy: then not the server was the limit.
const kBusy = 0.95;

/** { what, ours, peer, measured, must, reached, limited_by_load } each. */
export function serverRows(measured) {
  const beside = (what, { ours, peer, ratio }, must) => ({
    what, ours: spread(ours.per_second, count), peer: spread(peer.per_second, count), measured: spread(ratio, times),
    must: `≥ ${must}`, reached: ratio.median >= must,
    limited_by_load: [['latchkey', ours], ['nginx', peer]].filter(([, side]) => side.load_core.median > kBusy).map(([name]) => name),
  });
  const records = Object.fromEntries(['median', 'low', 'high'].map((field) => [field, measured.batch.ours.per_second[field] * measured.items]));
  return [
    beside('encrypt raw 1 KiB', measured.encrypt, 0.6),
    beside('decrypt raw 1 KiB', measured.decrypt, 0.6),
    beside('encrypt JSON 1 KiB with a context', measured.encrypt_json, 0.4),
    {
      what: `encrypt_batch of ${measured.items} × 256 B, records a second`, ours: spread(records, count), peer: '–',
      measured: `${(records.median / 1e6).toFixed(2)} M`, must: '≥ 1.0 M', reached: records.median >= 1e6, limited_by_load: [],
    },
  ];
}

const kHead = ['measure', 'latchkey: median (lowest – highest)', 'nginx', 'ratio', 'must', ''];
const cells = ({ what, ours, peer, measured, must, reached, limited_by_load: busy }) => [
  what, ours, peer, measured, must, `${reached ? 'reached' : 'missed'}${busy.length > 0 ? `; the load was the limit of ${busy.join(' and ')}` : ''}`,
];

export function serverTable(rows) {
  return textTable(kHead, rows.map(cells));
}

export function serverPage(result) {
  return `# The server beside a static file server

\`\`\`text
./scripts/bench server
\`\`\`

Requests a second of one server thread on one core, with the load on another, in turns with nginx (one worker on the same core),
which takes the same POST and answers with 1.1 KiB of its own. 32 connections by wrk, 5 rounds of 5 s each. Where the load's core was
busy all the time, the row says so: the server may be faster than it could be asked. Made at ${result.made_at} on:
${described(result.machine)}.

${markdownTable(kHead, result.rows.map(cells))}
`;
}
