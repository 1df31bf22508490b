// What the numbers were made on, and with.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

/** The first line of what a command says. */
export function version(command, ...args) {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  return `${done.stdout}${done.stderr}`.trim().split('\n')[0];
}
export const debian = (name) => version('dpkg-query', '-W', '-f', '${Version}', name);

function governor() {
  const path = '/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor';
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : 'not told';
}

export function machine() {
  return {
    cpu: cpus()[0].model, cores: cpus().length, memory_gib: Math.round(totalmem() / 2 ** 30), kernel: release(),
    governor: governor(), compiler: version('g++', '--version'), node: process.version,
  };
}

/** "cpu: …; cores: …", for a sentence. */
export const described = (of) => Object.entries(of).filter(([name]) => name !== 'load').map(([name, what]) => `${name.replaceAll('_', ' ')}: ${what}`).join('; ');
