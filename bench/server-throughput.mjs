// As many requests as a server takes: ours, and a peer with the same body, in turns.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { makeOrganization, rawHeaders, startLatchkey } from './latchkey.mjs';
import { bytesOfItsOwn, startNginx, theSameBody } from './nginx.mjs';
import { freePort, kServerCore, onStage } from './stage.mjs';
import { inTurns } from './turns.mjs';
import { wrk } from './wrk.mjs';

export const kRecord = 1024;
const kLarge = 16 << 20;
const kBatch = 100;
const kBatchItem = 256;
const kNode = fileURLToPath(new URL('node-peer.mjs', import.meta.url));

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

const nginxAlone = (answer) => async (stage, tls) => `${(await startNginx(stage, answer, { tls })).origin}/`;

async function nodeAlone(stage) {
  const port = await freePort();
  const child = stage.start(kServerCore, process.execPath, [kNode, String(port)]);
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.ended.then(() => reject(new Error('the node server ended')), reject);
  });
  return `http://127.0.0.1:${port}/`;
}

const measure = (target, { peer = nginxAlone(bytesOfItsOwn(1100)), connections, secure, ...more } = {}) => (bench) => onStage(async (stage) => {
  const tls = secure ? certificate(stage.folder) : undefined;
  const org = makeOrganization(stage.folder);
  const { origin } = await startLatchkey(stage, tls ? { 'server.tls_certificate_file': tls.certificate, 'server.tls_private_key_file': tls.key } : {});
  const { path, request } = await target({ org, origin });
  const other = await peer(stage, tls);
  return { ...more, ...await beside(bench, stage, { url: origin + org.path + path, request, connections }, { url: other, request, connections }) };
});

function certificate(folder) {
  const [certificate, key] = ['certificate.pem', 'key.pem'].map((name) => join(folder, name));
  const done = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost'], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  return { certificate, key };
}

export const encrypt = measure(encryptRaw(kRecord));
export const decrypt = measure(decryptRaw);
export const encryptJson = measure(json('/encrypt', { plaintext: plaintext(kRecord), context: { table: 'users', row: '7' } }));
export const encryptBatch = measure(json('/encrypt_batch', { items: Array.from({ length: kBatch }, (_, row) => ({ plaintext: plaintext(kBatchItem), context: { row: String(row) } })) }), { items: kBatch });
export const large = measure(encryptRaw(kLarge), { peer: nginxAlone(theSameBody), connections: 4, bytes: kLarge });
export const tls = measure(encryptRaw(kRecord), { secure: true });
export const nodePeer = measure(encryptRaw(kRecord), { peer: nodeAlone });
