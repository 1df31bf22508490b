// Draws where the server's time goes while it encrypts records of 1 KiB: a flame graph, by perf. See scripts/bench.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { flameDrawing, fold, kGroups, shares } from './flame-drawing.mjs';
import { kBinary, makeOrganization, rawHeaders, startLatchkey, useBinary } from './latchkey.mjs';
import { kLoadCore, kServerCore, onStage } from './stage.mjs';
import { textTable } from './table.mjs';
import { wrk } from './wrk.mjs';

const kSeconds = 3;
const kBytes = 1024;
const { values: options } = parseArgs({
  options: {
    binary: { type: 'string', default: kBinary }, title: { type: 'string', default: 'Encrypting raw 1 KiB: the time of the server' },
    out: { type: 'string', default: fileURLToPath(new URL('../build/bench/server-flame.svg', import.meta.url)) },
  },
});

/** The last commit that changed what the binary is made of. */
function commitOf(binary) {
  const git = (...args) => spawnSync('git', ['-C', dirname(binary), ...args], { encoding: 'utf8' }).stdout.trim();
  const top = git('rev-parse', '--show-toplevel');
  return top === '' ? 'not told' : git('-C', top, 'log', '-1', '--format=%h', '--abbrev=12', '--', 'src', 'include', 'cmake', 'CMakeLists.txt');
}

/** What perf says of the server, and how many requests a second it took meanwhile. */
const sampled = () => onStage(async (stage) => {
  const org = makeOrganization(stage.folder);
  const { child, origin } = await startLatchkey(stage);
  const load = (seconds) => wrk(stage, { url: `${origin}${org.path}/encrypt`, request: { headers: rawHeaders(org.service), body: Buffer.alloc(kBytes, 'p') } }, seconds);
  await load(1);
  const asked = load(kSeconds + 2);
  asked.catch(() => {});
  await sleep(1000);
  // Twice what perf copies of a stack by default: less cuts off where deep ones began.
  const data = join(stage.folder, 'perf.data');
  await stage.run(kLoadCore, 'perf', ['record', '-q', '--call-graph', 'dwarf,16384', '-e', 'cpu-clock', '-F', '499', '-o', data, '-p', String(child.pid), '--', 'sleep', String(kSeconds)]);
  await asked;
  return stage.run(`${kServerCore},${kLoadCore}`, 'perf', ['script', '--no-inline', '-F', 'ip,sym,dso', '-i', data]);
});

useBinary(options.binary);
const stacks = fold(await sampled());
const found = shares(stacks);
mkdirSync(dirname(options.out), { recursive: true });
writeFileSync(options.out, flameDrawing(stacks, options.title));
// The page says what its two pictures show: server-before.svg and server-after.svg.
const [, what, when] = /^(.+)-(before|after)\.svg$/.exec(basename(options.out)) ?? [];
if (what !== undefined) {
  const path = join(dirname(options.out), `${what}-flame.json`);
  const others = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  writeFileSync(path, `${JSON.stringify({ ...others, [when]: { commit: commitOf(options.binary), ...found } }, null, 2)}\n`);
}
const percent = (share) => `${(share * 100).toFixed(1)} %`;
process.stdout.write(textTable(['innermost frame', 'share'], [...Object.entries(found.groups).map(([group, share]) => [kGroups[group], percent(share)]), ['of all, below TCP and IP', percent(found.tcp)]]));
process.stderr.write(`${found.samples} samples; the picture: ${options.out}\n`);
