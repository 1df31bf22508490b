// The folder of a `latchkey dev` that was started once. Its first start makes half a dozen RSA keys, which takes seconds. This file
// keeps the folder for a day and for one binary, and a test begins with a copy of its own.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Child, binary } from './child.mjs';

const kSeeds = fileURLToPath(new URL('../../build/test-seeds', import.meta.url));

// The folder of this binary's seeds. Removes those of another day or binary, which nobody can use.
function seedsOfThisBinary() {
  const { size, mtimeMs } = statSync(binary);
  const day = Math.floor(Date.now() / 86_400_000);
  const name = createHash('sha256').update(`${binary} ${size} ${mtimeMs} ${day}`).digest('hex').slice(0, 16);
  const folder = join(kSeeds, name);
  if (!existsSync(folder)) {
    mkdirSync(kSeeds, { recursive: true, mode: 0o700 });
    mkdirSync(folder, { recursive: true });
    // Other test files run at the same time, and may be copying from any that is younger.
    for (const each of readdirSync(kSeeds).map((each) => join(kSeeds, each))) {
      const made = statSync(each, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
      if (Date.now() - made > 2 * 86_400_000) rmSync(each, { recursive: true, force: true });
    }
  }
  return folder;
}

async function make(seed, args) {
  const folder = mkdtempSync(`${seed}-`);
  const child = new Child(binary, ['dev', '--data-dir', folder, '--port', '0', '--emulator-port', '0', ...args]);
  await child.says(/^ready$/m, 'stdout');
  await child.kill('SIGTERM');
  try {
    renameSync(folder, seed);
  } catch (error) {
    // Another test file was faster.
    if (!['ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Fills `folder` with what a first `latchkey dev` with `args` leaves there; does nothing where there is something already. */
export async function seed(folder, args) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (readdirSync(folder).length > 0) return;
  const from = join(seedsOfThisBinary(), args.join('') || 'whole');
  if (!existsSync(from)) await make(from, args);
  const copied = spawnSync('cp', ['-a', `${from}/.`, folder], { encoding: 'utf8' });
  if (copied.status !== 0) throw new Error(copied.stderr);
}
