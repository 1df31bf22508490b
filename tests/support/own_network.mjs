// A network that nobody else is in, with public addresses and a resolver of its own, for tests in which a program looks names up
// itself. Its processes see 127.0.0.1 and 20.0.0.0/24, all of them on this machine, and ask 127.0.0.1 for names.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Child } from './child.mjs';

const kMark = 'LATCHKEY_TEST_OWN_NETWORK';
const kPrepare = `
  ip link set lo up
  ip address add 20.0.0.1/24 dev lo
  mount --bind "$1/resolv.conf" /etc/resolv.conf
  mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
  shift
  exec "$@"`;

/** Whether this process is in such a network. */
export const isInOwnNetwork = process.env[kMark] !== undefined;

function withWords(command, use) {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-network-'));
  writeFileSync(join(folder, 'resolv.conf'), 'nameserver 127.0.0.1\nsearch .\n');
  writeFileSync(join(folder, 'nsswitch.conf'), 'hosts: files dns\n');
  const asRoot = process.getuid() === 0 ? [] : ['--user', '--map-root-user'];
  const clean = () => rmSync(folder, { recursive: true, force: true });
  return use(['unshare', ...asRoot, '--mount', '--net', '--', 'sh', '-euc', kPrepare, 'sh', folder, ...command], clean);
}

/** Why this machine cannot make one; undefined where it can. */
export function whyNoOwnNetwork() {
  return withWords(['true'], ([command, ...args], clean) => {
    const done = spawnSync(command, args, { encoding: 'utf8' });
    clean();
    if (done.status === 0) return undefined;
    return `unshare and ip cannot make a network of its own: ${(done.error?.message ?? done.stderr).trim()}`;
  });
}

/** Runs this test file once more in a network of its own; fails where its tests fail. */
export function passesInOwnNetwork(file) {
  return withWords([process.execPath, file], async ([command, ...args], clean) => {
    // Else it reports to this process's runner, in its language.
    const child = new Child(command, args, { env: { ...process.env, [kMark]: '1', NODE_TEST_CONTEXT: undefined } });
    const { code } = await child.ended;
    clean();
    assert.equal(code, 0, child.stdout + child.stderr);
  });
}
