// As many requests as a server takes, by wrk.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { kLoadCore } from './stage.mjs';

const lua = (text) => `"${[...Buffer.from(text)].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
const kReport = `
done = function(summary, latency)
  local failed = {}
  for what, count in pairs(summary.errors) do if count > 0 then failed[#failed + 1] = what .. ' ' .. count end end
  io.write(string.format('{"requests":%d,"us":%d,"failed":"%s","p50":%.1f,"p99":%.1f}\\n', summary.requests, summary.duration,
    table.concat(failed, ', '), latency:percentile(50), latency:percentile(99)))
end`;
// One line each: a path and a key. The heads are made before the load begins. The bodies are put behind them as they are
// sent: ten thousand whole requests in memory would drive what the server works with out of the cache that both cores share.
const cycling = (list) => `
local heads, at = {}, 0
init = function()
  for path, key in io.open(${lua(list)}):read('*a'):gmatch('(%S+) (%S+)') do
    wrk.headers['x-api-key'] = key
    heads[#heads + 1] = wrk.format(nil, path):sub(1, -1 - #wrk.body)
  end
end
request = function()
  at = at % #heads + 1
  return heads[at] .. wrk.body
end`;

let runs = 0;

/**
 * One run: requests a second, latencies in µs, and how busy the load's own core was. `request` has headers and a body; and
 * `each`, where the requests differ: { path, key } of each, asked in turn.
 */
export async function wrk(stage, { url, request, connections = 32 }, seconds, core = kLoadCore) {
  const at = (name) => join(stage.folder, `wrk-${runs}-${name}`);
  runs += 1;
  writeFileSync(at('body'), request.body);
  const headers = Object.entries(request.headers).map(([name, value]) => `wrk.headers[${lua(name)}] = ${lua(value)}`).join('\n');
  if (request.each) writeFileSync(at('list'), request.each.map(({ path, key }) => `${path} ${key}\n`).join(''));
  writeFileSync(at('load.lua'), `wrk.method = "POST"\nwrk.body = io.open(${lua(at('body'))}, 'rb'):read('*a')\n${headers}\n${kReport}${request.each ? cycling(at('list')) : ''}`);
  const out = await stage.run(core, '/usr/bin/time', ['-f', '%e %U %S', '-o', at('time'), 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '-s', at('load.lua'), url]);
  const told = JSON.parse(out.trim().split('\n').pop());
  if (told.failed) throw new Error(`of ${told.requests} requests to ${url} some failed: ${told.failed}`);
  const [wall, user, system] = readFileSync(at('time'), 'utf8').trim().split(' ').map(Number);
  return { per_second: told.requests / told.us * 1e6, p50_us: told.p50, p99_us: told.p99, load_core: (user + system) / wall };
}
