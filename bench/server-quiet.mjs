// Warm encrypts at a constant rate while the server has something else to do, beside the same while it has not, in turns.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { atConstantRate } from './constant-rate.mjs';
import { latchkeyOrg, makeOrganization, rawHeaders, startLatchkey } from './latchkey.mjs';
import { peakOf } from './server-latency.mjs';
import { kRecord } from './server-throughput.mjs';
import { kLoadCore, onStage } from './stage.mjs';
import { inTurns } from './turns.mjs';

const kBusy = fileURLToPath(new URL('busy.mjs', import.meta.url));

/**
 * What asks for the other thing has what the load leaves of its core, for it is not what is measured. Not in a quick run, which
 * must work on a busy machine too, that leaves nothing.
 */
export const leftOver = (bench, stage, command, args) => (bench.quick ? stage.start(kLoadCore, command, args) : stage.start(kLoadCore, 'chrt', ['--idle', '0', command, ...args]));

/**
 * `begin(rate)` resolves once the other thing goes on, with a function that ends it and resolves with how often it was done.
 * `quiet(rate)` comes before each run without it. The rate is this part of our peak.
 */
export async function besideQuiet(bench, { stage, server, requests, begin, quiet = () => {}, ofPeak = 1 / 3 }) {
  const rate = Math.round(await peakOf(bench, stage, server, requests[0]) * ofPeak);
  const run = () => atConstantRate(stage, server.port, requests, rate, bench.seconds);
  const beside = async () => {
    const end = await begin(rate);
    const told = await run();
    return { ...told, done: await end() };
  };
  const alone = async () => {
    await quiet(rate);
    return run();
  };
  await run();
  return { rate, ...await inTurns(bench.rounds, beside, alone, ({ p999_us: p999 }) => p999) };
}

/** A program that goes on until it is told to end, and then prints how often it has done what it does. */
async function busy(bench, stage, ...args) {
  const child = leftOver(bench, stage, process.execPath, [kBusy, ...args]);
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.ended.then(() => reject(new Error(`${args[0]} did not begin`)), reject);
  });
  return async () => {
    await stage.stop(child);
    return Number((await child.ended).out.trim().split('\n').pop());
  };
}

const rowBesides = (settings, prepare) => (bench) => onStage(async (stage) => {
  const org = makeOrganization(stage.folder);
  const server = await startLatchkey(stage, settings);
  const requests = [{ path: `${org.path}/encrypt`, headers: rawHeaders(org.service), body: Buffer.alloc(kRecord, 'p') }];
  const begin = prepare(bench, { stage, org, server });
  return besideQuiet(bench, { stage, server, requests, begin });
});

const kManyReads = { 'limits.reads_per_key': 10_000_000, 'limits.reads_per_organization': 10_000_000 };
const kManyWrites = { 'limits.writes_per_key': 10_000_000, 'limits.writes_per_organization': 10_000_000 };

/** The whole activity feed, page after page of the most that a page may have. */
export const scan = rowBesides(kManyReads, (bench, { stage, org, server }) => {
  const { key } = latchkeyOrg(stage.folder, 'keys', 'create', '--role', 'compliance', '--organization', org.id);
  const made = spawnSync('sqlite3', ['-cmd', '.timeout 20000', join(stage.folder, 'latchkey.db'), `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${bench.quick ? 20_000 : 200_000})
    INSERT INTO activities (id, type, created_at, organization, actor_id, actor, details)
    SELECT 'activity_bench' || i, 'org_external_key_validated', ${Date.now()} * 1000 + i, x'${org.id.replaceAll('-', '')}', 'apikey_' || (i % 7),
      '{"type":"system_actor"}', '{}' FROM n`], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
  return () => busy(bench, stage, 'scan', server.origin, key);
});

/** Writes of another organisation by the Admin API, and each 100 ms a checkpoint that copies all of them into the database. */
export const checkpoint = rowBesides(kManyWrites, (bench, { stage, server }) => async () => {
  const other = makeOrganization(stage.folder, 'Other');
  const endWrites = await busy(bench, stage, 'writes', server.origin, other.admin, other.path.split('/').pop());
  const endCheckpoints = await busy(bench, stage, 'checkpoints', join(stage.folder, 'latchkey.db'));
  return async () => {
    await endWrites();
    return endCheckpoints();
  };
});
