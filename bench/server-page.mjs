// docs/server-benchmarks.md, from what was measured.
import { described } from './machine.mjs';
import { cells, kHead } from './server-table.mjs';
import { markdownTable } from './table.mjs';

const percent = (share) => `${Math.round(share * 100)} %`;

/** The shares that bench/flame.mjs wrote beside its pictures. */
function whereTheTimeGoes({ before, after }) {
  const share = (group) => `${percent(after.groups[group])} (before: ${percent(before.groups[group])})`;
  return `
## Where the time goes

The thread of \`latchkey serve\` that encrypts raw records of 1 KiB for 32 connections, by \`scripts/bench flame\`: before, at ${before.commit}, and
after, at ${after.commit}. A box is as wide as its share of that thread's time, with what it calls above it; each picture has a whole of
its own, so a box that is wider in the second need not take longer. Opened alone, a picture says the name and the share of each box.

![A flame graph of the server before](benchmarks/server-before.svg)

![A flame graph of the server after](benchmarks/server-after.svg)

By the innermost frame, the kernel now has ${share('kernel')}, Latchkey's own code ${share('ours')}, Asio and Beast
${share('asio')}, malloc and free ${share('malloc')}, OpenSSL and intel-ipsec-mb ${share('crypto')}, and all else
${share('other')}. TCP and IP, with what they do for the load's end of the connection, are ${percent(after.tcp)} of all. Were everything
but the kernel free, the server would take at most ${(1 / after.groups.kernel).toFixed(1)} times as many requests.
`;
}

export function serverPage(result, flame) {
  return `# The server beside others

\`\`\`text
./scripts/bench server
\`\`\`

![Latchkey as a multiple of what is beside it](server-benchmarks.svg)

Each row is ours and its peer in turns: medians of ${result.rounds} rounds. Made at ${result.made_at} on:
${described(result.machine)}.

${markdownTable(kHead, result.rows.map(cells))}

- **As many requests as it takes:** one server thread on one core, the load (wrk, 32 connections where the row does not say) on another,
  ${result.seconds} s a round. nginx has one worker on the same core, takes the same POST and answers with 1.1 KiB of its own; for 16 MiB, with
  the body that it was sent, from memory (its module echo). Where the load's core was busy all the time, the row says so: that side may be
  faster than it could be asked. \`node:http\` with \`node:crypto\` encrypts with one key, and knows neither tenants nor contexts.
- **At a constant rate:** 32 connections, requests sent when they are due, whether or not the last has its response. A request takes its
  time from when it is due, so that one that waits for a connection counts its wait; only where the load itself was late to send, for
  the system let it sleep on, does its time begin with the sending. The load, and for p99 beside nginx both servers, run at
  real-time priority where that is allowed: the system's own threads pause a core for longer than a request takes, and that shows in
  p99.9.
- **While something else goes on:** at a third of our peak, beside renewals at a sixth. What asks for the other thing gets what the load
  leaves of its core, and so does the vault, a \`latchkey emulator azure\`: at a third of our peak it is short of time, and requests wait for
  it. The leases are of as many external keys, and all their workspaces are in use. The feed has 200 000
  activities, in pages of 5 000. Each checkpoint copies everything that the Admin API wrote for another organisation in the 100 ms before.
- **Many workspaces:** all have a data key that is ready, and wrk sends requests of as many prepared heads in turn on both sides. Made with the
  limits of writes raised; the keyring holds 100 000 leases without a setting.
- **Two cores:** load from outside the two cores is not to be had on a machine with two. So each core has a server thread's share and a
  wrk with 16 connections, and one core has one of each.
- **Start:** from before the process is started, by a process that does so and then opens connections without pause and asks for
  \`/readyz\`, to its first 200; the database is there already. The memory (resident) is that of a second later.
- **Idle connections:** each has sent one encrypt of 1 KiB. What resident memory grew by, through them alone; the system's own memory
  for a connection is not in it. Made with \`server.max_connections\` and \`server.max_connections_per_address\` raised.
${flame ? whereTheTimeGoes(flame) : ''}`;
}
