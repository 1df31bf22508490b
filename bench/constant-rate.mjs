// Requests at a constant rate, by constant_rate.cpp: how long each took.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ahead, kLoadCore } from './stage.mjs';

const kLoad = fileURLToPath(new URL('../build/bench/bench/latchkey_constant_rate', import.meta.url));
const kConnections = 32;

/** From the log's lines, "took late" in µs each, to percentiles of both. */
export function percentiles(log) {
  const rows = log.trim().split('\n').map((line) => line.split(' ').map(Number));
  const of = (column, share) => {
    const sorted = rows.map((row) => row[column]).sort((one, other) => one - other);
    return sorted[Math.ceil(sorted.length * share) - 1];
  };
  return { requests: rows.length, p50_us: of(0, 0.5), p99_us: of(0, 0.99), p999_us: of(0, 0.999), most_us: of(0, 1), late_p99_us: of(1, 0.99), late_p999_us: of(1, 0.999) };
}

/** The bytes of a request, as the file of requests has them. */
function bytesOf({ path, headers, body }) {
  const lines = Object.entries({ host: '127.0.0.1', ...headers, 'content-length': body.length }).map(([name, value]) => `${name}: ${value}\r\n`);
  const bytes = Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), body]);
  return Buffer.concat([Buffer.from(`${bytes.length}\n`), bytes]);
}

/** One run of `requests` in turn: { path, headers, body } each. */
export async function atConstantRate(stage, port, requests, rate, seconds) {
  const [file, log] = ['requests', 'log'].map((name) => join(stage.folder, `constant-rate-${name}`));
  writeFileSync(file, Buffer.concat(requests.map(bytesOf)));
  const took = Number(await stage.run(kLoadCore, ...ahead(kLoad, [port, kConnections, rate, seconds, file, log].map(String))));
  const told = percentiles(readFileSync(log, 'utf8'));
  const reached = told.requests / took;
  return { ...told, per_second: reached, rate_reached: reached >= 0.99 * rate };
}
