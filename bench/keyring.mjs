// Runs the keyring's measurements and prints one table. See scripts/bench.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { keyringPage, keyringRows, keyringTable } from './keyring-table.mjs';
import { failWhereMissed, machine } from './machine.mjs';

const kRoot = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false }, draw: { type: 'boolean', default: false }, check: { type: 'boolean', default: false }, json: { type: 'string', default: join(kRoot, 'build/bench/keyring.json') } } });

const done = spawnSync(join(kRoot, 'build/bench/bench/latchkey_keyring_bench'), options.quick ? ['--quick'] : [], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
if (done.status !== 0) throw new Error(`latchkey_keyring_bench ended with ${done.status ?? done.signal}`);
const measured = JSON.parse(done.stdout.trim().split('\n').pop());
const result = { made_at: new Date().toISOString(), quick: options.quick, machine: machine(), measured, rows: keyringRows(measured) };
mkdirSync(dirname(options.json), { recursive: true });
writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
process.stdout.write(keyringTable(result.rows));
if (options.draw) writeFileSync(join(kRoot, 'docs/keyring-benchmarks.md'), keyringPage(result));
if (options.check) failWhereMissed(result.rows);
process.stderr.write(`all of it: ${options.json}\n`);
