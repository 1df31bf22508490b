// Two sides measured in turns, so that what the machine does besides strikes both.
import { summary } from './summary.mjs';

/** The median, the lowest and the highest. */
export const spread = (values) => summary(values, { low: 0, high: 1 });

const spreads = (runs) => Object.fromEntries(Object.keys(runs[0]).map((field) => [field, spread(runs.map((run) => Number(run[field])))]));

/** Runs ours() and peer(), which resolve with numbers by name, in turns; `ratio` is of what `count` takes from each. */
export async function inTurns(rounds, ours, peer, count) {
  const runs = { ours: [], peer: [] };
  for (let round = 0; round < rounds; ++round) {
    runs.ours.push(await ours());
    runs.peer.push(await peer());
  }
  return { ours: spreads(runs.ours), peer: spreads(runs.peer), ratio: spread(runs.ours.map((run, round) => count(run) / count(runs.peer[round]))) };
}

/** The same of one side alone. */
export async function inRounds(rounds, run) {
  const runs = [];
  for (let round = 0; round < rounds; ++round) runs.push(await run());
  return spreads(runs);
}
