// Starts a `latchkey dev` for a test file: with free ports and a folder of its own, which it removes at the end.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Child, binary } from './child.mjs';
import { seed } from './seed.mjs';

export { binary };

/** Reads `export NAME='value'` lines. */
export function readEnvFile(path) {
  const values = {};
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const match = /^export ([A-Za-z_]+)='(.*)'$/.exec(line);
    if (match) values[match[1]] = match[2].replaceAll(`'\\''`, `'`);
  }
  return values;
}

export class Dev {
  constructor(options = {}) {
    this.options = options;
    this.folder = options.folder ?? mkdtempSync(join(tmpdir(), 'latchkey-test-'));
  }

  /** Resolves when the process says that it is ready. It begins with a seed (seed.mjs), unless `options.fresh`. */
  async start(extra = []) {
    if (!this.options.fresh) await seed(this.folder, this.options.args?.includes('--bare') ? ['--bare'] : []);
    const args = ['dev', '--data-dir', this.folder, '--port', '0', '--emulator-port', '0',
      // Many tests validate one key again and again.
      '--set', 'keys.validations_per_minute=100000', ...(this.options.args ?? []), ...extra];
    this.child = new Child(binary, args);
    await this.child.says(/^ready$/m, 'stdout');
    this.env = readEnvFile(join(this.folder, 'dev.env'));
    this.azureEnv = readEnvFile(join(this.folder, 'azure.env'));
    return this;
  }

  get process() {
    return this.child.process;
  }

  /** What the process has printed since its start. */
  get log() {
    return this.child?.stderr ?? '';
  }

  async kill(signal = 'SIGKILL') {
    return this.child?.kill(signal);
  }

  async stop() {
    await this.kill('SIGTERM');
    if (!this.options.folder) rmSync(this.folder, { recursive: true, force: true });
  }

  /** One request to the server. `body` an object: JSON; a Buffer: raw bytes. */
  async request(method, path, { key = this.env.LATCHKEY_ADMIN_KEY, body, headers = {} } = {}) {
    const raw = Buffer.isBuffer(body);
    const response = await fetch(this.env.LATCHKEY_URL + path, {
      method,
      headers: {
        ...(key ? { 'x-api-key': key } : {}),
        ...(body === undefined ? {} : { 'content-type': raw ? 'application/octet-stream' : 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : raw || typeof body === 'string' ? body : JSON.stringify(body),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    let json;
    try {
      json = JSON.parse(bytes.toString('utf8'));
    } catch {
      json = undefined;
    }
    return { status: response.status, headers: response.headers, bytes, json };
  }

  azureKeyBody(name = this.env.AZURE_KEY_NAME) {
    return {
      type: 'azure',
      vault_uri: this.env.AZURE_VAULT_URI,
      key_name: name,
      tenant_id: this.env.AZURE_TENANT_ID,
    };
  }

  /** Runs the CLI against this server. */
  cli(args, { input, env = {} } = {}) {
    const done = spawnSync(binary, args, {
      input: input === undefined ? undefined : Buffer.from(input),
      env: { PATH: process.env.PATH, HOME: this.folder, ...this.env, ...env },
      encoding: 'buffer',
      maxBuffer: 64 * 1024 * 1024,
    });
    return { code: done.status, stdout: done.stdout, out: done.stdout.toString('utf8'), err: done.stderr.toString('utf8') };
  }

  /** Does the same while this process goes on, for commands that make the server call this process. */
  async cliWhileServing(args) {
    const child = new Child(binary, args, { env: { PATH: process.env.PATH, HOME: this.folder, ...this.env } });
    const { code } = await child.ended;
    return { code, out: child.stdout, err: child.stderr };
  }

  /** Runs `latchkey azure ...` as the customer's admin, in the environment of both files. */
  azure(args, env = {}) {
    const done = this.cli(['azure', ...args], { env: { ...this.azureEnv, ...env } });
    let json;
    try {
      json = JSON.parse(done.out);
    } catch {
      json = undefined;
    }
    return { ...done, json, of: (name) => json.find((each) => each.check === name || each.step === name) };
  }

  /** Begins `latchkey azure ...` as azure() runs it; `says` resolves once it has printed that to stderr, `done` once it has ended. */
  azureBegun(args, env = {}) {
    const child = new Child(binary, ['azure', ...args], {
      env: { PATH: process.env.PATH, HOME: this.folder, ...this.env, ...this.azureEnv, ...env },
    });
    return {
      says: async (text) => (await child.says(text)).input,
      done: child.ended.then(({ code }) => ({ code, out: child.stdout, err: child.stderr })),
    };
  }

  /** Runs a Node program in the environment of azure.env: public names, through the emulator's proxy. */
  node(file, env = {}) {
    return spawnSync(process.execPath, [file], {
      env: { PATH: process.env.PATH, HOME: this.folder, ...this.env, ...this.azureEnv, ...env },
      encoding: 'utf8',
      timeout: 600_000,
    });
  }
}

// Far longer than anything takes that happens at all, even on a busy machine.
const kTimeout = 180_000;

/** Waits until `probe` returns something truthy. */
export async function eventually(probe) {
  const end = Date.now() + kTimeout;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The vault's own audit log, oldest line first, as the emulator shows it. */
export async function audit(dev, vault = dev.env.AZURE_VAULT_NAME) {
  const url = `${dev.env.LATCHKEY_EMULATOR_URL}/_emulator/audit?vault=${vault}`;
  const ca = readFileSync(dev.env.LATCHKEY_CA_FILE);
  const text = await new Promise((resolve, reject) => {
    const request = get(url, { ca, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (data) => (body += data));
      response.on('end', () => (response.statusCode === 200 ? resolve(body) : reject(new Error(body))));
    });
    request.on('error', reject);
  });
  return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}
