// The memory of connections that have sent one request and may send another.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { makeOrganization, startLatchkey } from './latchkey.mjs';
import { resident } from './resident.mjs';
import { kRecord } from './server-throughput.mjs';
import { kLoadCore, onStage } from './stage.mjs';
import { inRounds } from './turns.mjs';

const kClient = fileURLToPath(new URL('idle-connections.mjs', import.meta.url));

/** As many as the hard limit of open files lets both processes have: the server keeps an eighth of it for other things. */
function connectionsThatFit(wanted) {
  const [, hard] = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  return Math.min(wanted, Math.floor(Number(hard) * 7 / 8) - 256);
}

const aSecond = () => new Promise((resolve) => setTimeout(resolve, 1000));

const run = (connections) => onStage(async (stage) => {
  const org = makeOrganization(stage.folder);
  const { child, port } = await startLatchkey(stage, { 'server.max_connections': connections + 100, 'server.max_connections_per_address': connections + 100 });
  const open = async (count) => {
    const client = stage.start(kLoadCore, process.execPath, [kClient, port, count, `${org.path}/encrypt`, org.service, kRecord].map(String));
    await new Promise((resolve, reject) => {
      client.stdout.once('data', resolve);
      client.ended.then(({ code }) => reject(new Error(`the client ended with ${code}`)), reject);
    });
    return client;
  };
  // What any server has that has served something is none of the connections'.
  await stage.stop(await open(100));
  await aSecond();
  const before = resident(child.pid);
  const client = await open(connections);
  await aSecond();
  const each = (resident(child.pid) - before) * 1024 / connections;
  if (client.exitCode !== null) throw new Error('the server closed a connection that was to be kept');
  return { bytes_each: each };
});

export const idle = async (bench) => {
  const wanted = bench.quick ? 1000 : 10_000;
  const connections = connectionsThatFit(wanted);
  return { connections, wanted, ...await inRounds(bench.rounds, () => run(connections)) };
};
