// Runs az, unchanged, in the environment of azure.env: Debian 12's own, or Debian 13's in a root of its own.
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where scripts/azure-cli-root puts Debian 13. */
export const kDebian13 = fileURLToPath(new URL('../../build/azure-cli-13', import.meta.url));

/** Why this az cannot be run here; undefined where it can. */
export function whyNot(root) {
  if (!process.env.LATCHKEY_SLOW) return 'slow: run scripts/test --slow';
  if (root && process.getuid() !== 0) return 'only root can enter the other Debian';
  if (!existsSync(`${root ?? ''}/usr/bin/az`)) return `there is no ${root ?? ''}/usr/bin/az: scripts/test --slow installs it`;
  return undefined;
}

function execute([command, ...args]) {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 600_000, maxBuffer: 16 * 1024 * 1024 }, (error, out, err) => {
      resolve({ code: error ? (error.code ?? error.signal) : 0, out, err });
    });
  });
}

export class AzureCli {
  /** `root`: the root of the Debian whose az this is; undefined for this machine's. */
  constructor(dev, root) {
    this.dev = dev;
    this.root = root;
    this.folder = mkdtempSync(join(root ? join(root, 'tmp') : tmpdir(), 'latchkey-az-'));
    this.inside = root ? this.folder.slice(root.length) : this.folder;
    copyFileSync(dev.env.LATCHKEY_CA_FILE, join(this.folder, 'ca.pem'));
    mkdirSync(join(this.folder, 'config'));
  }

  /** The words that run `command` where this az is, in its environment. */
  within(command, variables = {}) {
    const environment = {
      PATH: '/usr/bin:/bin',
      HOME: this.inside,
      LC_ALL: 'C.UTF-8',
      AZURE_CONFIG_DIR: `${this.inside}/config`,
      AZURE_CORE_COLLECT_TELEMETRY: '0',
      ...this.dev.env,
      ...this.dev.azureEnv,
      REQUESTS_CA_BUNDLE: `${this.inside}/ca.pem`,
      ...variables,
    };
    const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    return [...(this.root ? ['chroot', this.root] : []), 'env', '-i', ...settings, ...command];
  }

  /** One command line, as a person types it into a shell; `$NAME` may be any of dev.env's and of `variables`. */
  run(line, variables) {
    return execute(this.within(['bash', '-euo', 'pipefail', '-c', line], variables));
  }

  /** The last line of a script that becomes this az, with the script's own arguments. */
  asLine() {
    const words = this.within(['az']).map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
    return `exec ${words.join(' ')} "$@"\n`;
  }

  /** The output of a command that must succeed; an object where it is JSON. */
  async ok(line, variables) {
    const done = await this.run(line, variables);
    if (done.code !== 0) throw new Error(`${line}\n${done.code}: ${done.out}${done.err}`);
    try {
      return JSON.parse(done.out);
    } catch {
      return done.out.trim();
    }
  }

  close() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
