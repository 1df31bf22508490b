// How long requests take at half of the server's own peak, beside nginx at the same rate, in turns.
import { atConstantRate } from './constant-rate.mjs';
import { makeOrganization, rawHeaders, startLatchkey } from './latchkey.mjs';
import { bytesOfItsOwn, startNginx } from './nginx.mjs';
import { kRecord } from './server-throughput.mjs';
import { ahead, onStage } from './stage.mjs';
import { inTurns } from './turns.mjs';
import { wrk } from './wrk.mjs';

/** Encrypts a second that the server takes at most: the median of that row where it was measured, else one run. */
export async function peakOf(bench, stage, { origin }, { path, headers, body }) {
  return bench.measured.encrypt?.ours.per_second.median ?? (await wrk(stage, { url: origin + path, request: { headers, body } }, bench.seconds)).per_second;
}

export const latency = (bench) => onStage(async (stage) => {
  const org = makeOrganization(stage.folder);
  const ours = await startLatchkey(stage, {}, { as: ahead });
  const peer = await startNginx(stage, bytesOfItsOwn(1100), { as: ahead });
  const request = { path: `${org.path}/encrypt`, headers: rawHeaders(org.service), body: Buffer.alloc(kRecord, 'p') };
  const rate = Math.round(await peakOf(bench, stage, ours, request) / 2);
  const run = ({ port }, seconds = bench.seconds) => () => atConstantRate(stage, port, [request], rate, seconds);
  await run(ours, 1)();
  await run(peer, 1)();
  return { rate, ...await inTurns(bench.rounds, run(ours), run(peer), ({ p99_us: p99 }) => p99) };
});
