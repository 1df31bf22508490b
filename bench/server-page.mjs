// docs/server-benchmarks.md, from what was measured.
import { described } from './machine.mjs';
import { cells, kHead } from './server-table.mjs';
import { markdownTable } from './table.mjs';

export function serverPage(result) {
  return `# The server beside others

\`\`\`text
./scripts/bench server
\`\`\`

Each row is ours and its peer in turns: medians of ${result.rounds} rounds. Made at ${result.made_at} on:
${described(result.machine)}.

${markdownTable(kHead, result.rows.map(cells))}

- **As many requests as it takes:** one server thread on one core, the load (wrk, 32 connections) on another,
  ${result.seconds} s a round. nginx has one worker on the same core, takes the same POST and answers with 1.1 KiB of its own. Where the load's
  core was busy all the time, the row says so: that side may be faster than it could be asked.
`;
}
