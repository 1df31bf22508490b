// All measurements of the server, by the names that --only takes, in the order in which they run.
import { cores } from './server-cores.mjs';
import { idle } from './server-idle.mjs';
import { latency } from './server-latency.mjs';
import { checkpoint, scan } from './server-quiet.mjs';
import { renewals } from './server-renewals.mjs';
import { start } from './server-start.mjs';
import { decrypt, encrypt, encryptBatch, encryptJson, large, nodePeer, tls } from './server-throughput.mjs';
import { workspaces } from './server-workspaces.mjs';

export const kRows = { encrypt, decrypt, json: encryptJson, batch: encryptBatch, large, tls, node: nodePeer, latency, workspaces, cores, renewals, scan, checkpoint, start, idle };
