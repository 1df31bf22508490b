// Two cores against one. The load needs a core too, and there may be no third: each core has the server and its share of the load.
import { makeOrganization, rawHeaders, startLatchkey } from './latchkey.mjs';
import { kRecord } from './server-throughput.mjs';
import { onStage } from './stage.mjs';
import { inTurns } from './turns.mjs';
import { wrk } from './wrk.mjs';

const kConnections = 16;

/** A server with a thread for each core, which resolves with a run of a load of its own on each of them. */
async function onCores(bench, stage, cores) {
  const org = makeOrganization(stage.folder);
  const { origin } = await startLatchkey(stage, { 'server.threads': cores.length }, { core: cores.join(',') });
  const target = { url: `${origin}${org.path}/encrypt`, request: { headers: rawHeaders(org.service), body: Buffer.alloc(kRecord, 'p') }, connections: kConnections };
  return async (seconds = bench.seconds) => {
    const runs = await Promise.all(cores.map((core) => wrk(stage, target, seconds, core)));
    return { per_second: runs.reduce((sum, { per_second: perSecond }) => sum + perSecond, 0) };
  };
}

export const cores = (bench) => onStage((one) => onStage(async (two) => {
  const onTwo = await onCores(bench, two, ['0', '1']);
  const onOne = await onCores(bench, one, ['0']);
  await onTwo(1);
  return inTurns(bench.rounds, onTwo, onOne, ({ per_second: perSecond }) => perSecond);
}));
