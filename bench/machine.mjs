// Describes the machine and the software of a measurement.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** The first line of a command's output. */
export function version(command, ...args) {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  return `${done.stdout}${done.stderr}`.trim().split('\n')[0];
}
export const debian = (name) => version('dpkg-query', '-W', '-f', '${Version}', name);

function governor() {
  const path = '/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor';
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : 'not told';
}

/** The measured commit, and whether the working tree differs from it. */
function commit() {
  const git = (...args) => spawnSync('git', args, { cwd: fileURLToPath(new URL('.', import.meta.url)), encoding: 'utf8' });
  const head = git('rev-parse', '--short=12', 'HEAD');
  if (head.status !== 0) return 'not told';
  return head.stdout.trim() + (git('status', '--porcelain', '--untracked-files=no').stdout.trim() ? ' and changes that are not committed' : '');
}

export function machine() {
  return {
    cpu: cpus()[0].model, cores: cpus().length, memory_gib: Math.round(totalmem() / 2 ** 30), kernel: release(),
    governor: governor(), commit: commit(), compiler: version('g++', '--version'), node: process.version,
  };
}

/** Names the rows that miss their limit and ends the process with 1 where there are any: for nightly runs. */
export function failWhereMissed(rows) {
  const missed = rows.filter(({ reached }) => reached === false).map(({ what }) => what);
  for (const what of missed) process.stderr.write(`missed: ${what}\n`);
  if (missed.length > 0) process.exitCode = 1;
}

/** The machine as part of a sentence: "cpu: …; cores: …". */
export const described = (of) => Object.entries(of).filter(([name]) => name !== 'load').map(([name, what]) => `${name.replaceAll('_', ' ')}: ${what}`).join('; ');
