// The emulator's control interface, /_emulator/, and `latchkey emulator azure` alone.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Child, binary } from './child.mjs';

/** One call of /_emulator/ of the emulator that `env` names. */
export function control(env, method, path, body) {
  const text = body === undefined ? '' : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const call = request(`${env.LATCHKEY_EMULATOR_URL}/_emulator/${path}`, {
      method,
      ca: readFileSync(env.LATCHKEY_CA_FILE),
      agent: false,
      headers: { 'content-length': Buffer.byteLength(text) },
    }, (response) => {
      let received = '';
      response.setEncoding('utf8');
      response.on('data', (data) => (received += data));
      response.on('end', () => resolve({ status: response.statusCode, json: received ? JSON.parse(received) : undefined }));
    });
    call.on('error', reject);
    call.end(text);
  });
}

export class Emulator {
  constructor(folder) {
    this.folder = folder ?? mkdtempSync(join(tmpdir(), 'latchkey-emulator-'));
  }

  /** Resolves when the emulator is ready; `env` is what it printed. */
  async start(extra = []) {
    const args = ['emulator', 'azure', '--data-dir', this.folder, '--port', '0', '-o', 'json', ...extra];
    this.child = new Child(binary, args);
    const [line] = await this.child.says(/^.*\n/, 'stdout');
    this.env = JSON.parse(line).environment;
    return this;
  }

  async stop(signal = 'SIGTERM') {
    await this.child?.kill(signal);
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }

  run(args) {
    return spawnSync(binary, ['emulator', 'azure', '--data-dir', this.folder, ...args], { encoding: 'utf8' });
  }
}
