// Many workspaces of many organisations in turn, against one: what it costs that requests do not repeat.
import { makeOrganization, rawHeaders, startLatchkey } from './latchkey.mjs';
import { call, pooled } from './pool.mjs';
import { kRecord } from './server-throughput.mjs';
import { onStage } from './stage.mjs';
import { inTurns } from './turns.mjs';
import { wrk } from './wrk.mjs';

const kOrganizations = 100;
const kAtATime = 64;
// Set-up makes thousands of workspaces in a minute.
const kSettings = { 'limits.writes_per_key': 10_000_000, 'limits.writes_per_organization': 10_000_000, 'quotas.live_workspaces': 1000 };

export const workspaces = (bench) => onStage(async (stage) => {
  const perOrganization = bench.quick ? 5 : 100;
  const organizations = Array.from({ length: kOrganizations }, (_, at) => makeOrganization(stage.folder, `Bench ${at}`));
  const { origin } = await startLatchkey(stage, kSettings);
  // Each has one workspace already. Neighbours in this list are of different organisations.
  const wanted = Array.from({ length: kOrganizations * (perOrganization - 1) }, (_, at) => organizations[at % kOrganizations]);
  const made = await pooled(wanted, kAtATime, async (org, at) => {
    const { id } = await call(`${origin}/v1/organizations/workspaces`, org.admin, { name: `Bench ${at}` });
    return { path: `/v1/workspaces/${id}/encrypt`, key: org.service };
  });
  const each = [...organizations.map((org) => ({ path: `${org.path}/encrypt`, key: org.service })), ...made];
  const body = Buffer.alloc(kRecord, 'p');
  // The first use of each makes its data key.
  await pooled(each, kAtATime, ({ path, key }) => call(origin + path, key, body));
  const side = (list) => ({ url: origin, request: { headers: rawHeaders(list[0].key), body, each: list } });
  const many = side(each);
  // As long a list, so that the load has as much to do.
  const one = side(each.map(() => each[0]));
  const run = (target) => () => wrk(stage, target, bench.seconds);
  await run(many)();
  return { workspaces: each.length, organizations: kOrganizations, ...await inTurns(bench.rounds, run(many), run(one), ({ per_second: perSecond }) => perSecond) };
});
