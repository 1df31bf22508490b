// As many requests as a server takes: ours, and a peer with the same body, in turns.
import { makeOrganization, rawHeaders, startLatchkey } from './latchkey.mjs';
import { bytesOfItsOwn, startNginx } from './nginx.mjs';
import { onStage } from './stage.mjs';
import { inTurns } from './turns.mjs';
import { wrk } from './wrk.mjs';

export const kRecord = 1024;
const kBatch = 100;
const kBatchItem = 256;

/** What one request is: `target({ org, origin })` resolves with { path, request }. */
const encryptRaw = (size) => async ({ org }) => ({ path: '/encrypt', request: { headers: rawHeaders(org.service), body: Buffer.alloc(size, 'p') } });

async function decryptRaw(place) {
  const { request: { headers, body } } = await encryptRaw(kRecord)(place);
  const sealed = await fetch(`${place.origin}${place.org.path}/encrypt`, { method: 'POST', headers, body });
  return { path: '/decrypt', request: { headers, body: Buffer.from(await sealed.arrayBuffer()) } };
}

const json = (path, value) => async ({ org }) => ({ path, request: { headers: { ...rawHeaders(org.service), 'content-type': 'application/json' }, body: JSON.stringify(value) } });
const plaintext = (size) => Buffer.alloc(size, 'p').toString('base64');

/** One run of each first: what is cold at the start is not measured. */
async function beside(bench, stage, ours, peer) {
  const run = (side) => () => wrk(stage, side, bench.seconds);
  await wrk(stage, ours, 1);
  await wrk(stage, peer, 1);
  return inTurns(bench.rounds, run(ours), run(peer), ({ per_second: perSecond }) => perSecond);
}

const measure = (target, more = {}) => (bench) => onStage(async (stage) => {
  const org = makeOrganization(stage.folder);
  const { origin } = await startLatchkey(stage);
  const { path, request } = await target({ org, origin });
  const peer = await startNginx(stage, bytesOfItsOwn(1100));
  return { ...more, ...await beside(bench, stage, { url: origin + org.path + path, request }, { url: `${peer.origin}/`, request }) };
});

export const encrypt = measure(encryptRaw(kRecord));
export const decrypt = measure(decryptRaw);
export const encryptJson = measure(json('/encrypt', { plaintext: plaintext(kRecord), context: { table: 'users', row: '7' } }));
export const encryptBatch = measure(json('/encrypt_batch', { items: Array.from({ length: kBatch }, (_, row) => ({ plaintext: plaintext(kBatchItem), context: { row: String(row) } })) }), { items: kBatch });
