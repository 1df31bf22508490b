// Puts the server and its peers under the same load in turns, and prints one table. See scripts/bench.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { debian, failWhereMissed, machine } from './machine.mjs';
import { serverDrawing } from './server-drawing.mjs';
import { serverPage } from './server-page.mjs';
import { kRows } from './server-rows.mjs';
import { serverRows, serverTable } from './server-table.mjs';

const kRoot = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false }, draw: { type: 'boolean', default: false }, check: { type: 'boolean', default: false },
    json: { type: 'string', default: join(kRoot, 'build/bench/server.json') }, only: { type: 'string' },
  },
});
const names = options.only?.split(',') ?? Object.keys(kRows);
const unknown = names.filter((name) => !Object.hasOwn(kRows, name));
if (unknown.length > 0) {
  process.stderr.write(`there is no row ${unknown.join(', ')}: ${Object.keys(kRows).join(', ')}\n`);
  process.exit(2);
}

const rounds = options.quick ? 1 : 5;
const seconds = options.quick ? 1 : 5;
const measured = {};
for (const name of names) {
  process.stderr.write(`${name}, ${rounds} rounds ...\n`);
  measured[name] = await kRows[name]({ quick: options.quick, rounds, seconds, measured });
}
const packages = ['nginx-light', 'libnginx-mod-http-echo', 'wrk'];
const result = {
  made_at: new Date().toISOString(), quick: options.quick, rounds, seconds,
  machine: { ...machine(), ...Object.fromEntries(packages.map((name) => [name, debian(name)])) }, measured, rows: serverRows(measured),
};
mkdirSync(dirname(options.json), { recursive: true });
writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
process.stdout.write(serverTable(result.rows));
if (options.draw) {
  const flame = JSON.parse(readFileSync(join(kRoot, 'docs/benchmarks/server-flame.json'), 'utf8'));
  writeFileSync(join(kRoot, 'docs/server-benchmarks.md'), serverPage(result, flame));
  writeFileSync(join(kRoot, 'docs/server-benchmarks.svg'), serverDrawing(result.rows));
}
if (options.check) failWhereMissed(result.rows);
process.stderr.write(`all of it: ${options.json}\n`);
