// Starts a `latchkey serve` with one organisation; on a small file system of its own where one is asked for.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Dev, binary } from './dev.mjs';

// A mount that only the server sees: unshare, then mount, in a shell that becomes the server.
const kNamespace = ['unshare', ...(process.getuid() === 0 ? [] : ['--user', '--map-root-user']), '--mount'];

/** Why a small file system cannot be made here; false where it can. */
export function noSmallDisk() {
  const tried = spawnSync(kNamespace[0], [...kNamespace.slice(1), 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'latchkey', '/mnt'], {
    encoding: 'utf8',
  });
  return tried.status === 0 ? false : `no private mounts here: ${tried.error?.message ?? tried.stderr.trim()}`;
}

export class Serve extends Dev {
  /** diskBytes: the size of a file system of its own. */
  async start() {
    const database = join(this.folder, 'latchkey.db');
    const script = `set -e
      ${this.options.diskBytes ? `mount -t tmpfs -o size=${this.options.diskBytes} latchkey "$1"` : ''}
      umask 077
      "$0" org create Test --database "$2" -o json > "$1/organization.json"
      "$0" org keys create --role service --database "$2" -o json > "$1/service.json"
      exec "$0" serve --database "$2" --port 0 --set root_key.file="$1/root.key"`;
    const command = [...(this.options.diskBytes ? kNamespace : []), 'sh', '-c', script, binary, this.folder, database];
    this.process = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
    await this.untilReady();
    const read = (name) => JSON.parse(readFileSync(this.seen(name), 'utf8'));
    const organization = read('organization.json');
    this.env = {
      LATCHKEY_URL: /http:\/\/127\.0\.0\.1:\d+/.exec(this.log)[0],
      LATCHKEY_ADMIN_KEY: organization.key,
      LATCHKEY_WORKSPACE_ID: organization.default_workspace_id,
      LATCHKEY_SERVICE_KEY: read('service.json').key,
    };
    return this;
  }

  /** A file of the server's folder, as seen from outside its mounts. */
  seen(name) {
    return join('/proc', String(this.process.pid), 'root', this.folder, name);
  }
}
