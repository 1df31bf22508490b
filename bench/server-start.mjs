// How soon a server answers after it was started, and the memory of one that nobody has asked for anything else.
import { fileURLToPath } from 'node:url';

import { kBinary, makeOrganization, serveCommand } from './latchkey.mjs';
import { kLoadCore, kServerCore, onStage } from './stage.mjs';
import { inRounds } from './turns.mjs';

const kAsker = fileURLToPath(new URL('first-answer.mjs', import.meta.url));

export const start = (bench) => onStage(async (stage) => {
  // A database and root key that are there: not the first start of all, which makes them.
  makeOrganization(stage.folder);
  // The asker asks without pause, so it has a core of its own.
  const run = async () => {
    const { port, args } = await serveCommand(stage.folder);
    return JSON.parse(await stage.run(kLoadCore, process.execPath, [kAsker, String(port), 'taskset', '-c', kServerCore, kBinary, ...args]));
  };
  await run();
  return inRounds(bench.rounds, run);
});
