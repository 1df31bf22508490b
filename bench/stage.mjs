// Where one measurement runs: a folder, and processes on cores of their own. Both go when the measurement ends, however it ends.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Each has a core of its own: what is measured, and what asks it.
export const kServerCore = '0';
export const kLoadCore = '1';

// For latencies: what runs so is not held up by the system's own threads, whose pauses are longer than a request takes.
const mayRunAhead = spawnSync('chrt', ['--fifo', '1', 'true']).status === 0;
export const ahead = (command, args) => (mayRunAhead ? ['chrt', ['--fifo', '1', command, ...args]] : [command, args]);
export const asUsual = (command, args) => [command, args];

const open = new Set();

class Stage {
  #children = new Set();

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
    open.add(this);
  }

  /** Starts a process on the core; `ended` of what it returns resolves with its exit code and what it printed. */
  start(core, command, args, options = {}) {
    // A group of its own: a wrapper's child goes with the wrapper.
    const child = spawn('taskset', ['-c', core, command, ...args], { stdio: ['ignore', 'pipe', 'inherit'], detached: true, ...options });
    this.#children.add(child);
    let out = '';
    child.stdout?.on('data', (text) => (out += text));
    child.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        this.#children.delete(child);
        resolve({ code: code ?? signal, out });
      });
    });
    child.ended.catch(() => {});
    return child;
  }

  /** Runs a process to its end, and returns what it printed. */
  async run(core, command, args, options) {
    const { code, out } = await this.start(core, command, args, options).ended;
    if (code !== 0) throw new Error(`${command} ended with ${code}: ${out}`);
    return out;
  }

  async stop(child, signal = 'SIGTERM') {
    if (this.#children.has(child)) this.#kill(child, signal);
    await child.ended;
  }

  #kill(child, signal) {
    try {
      process.kill(-child.pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }

  get isOpen() {
    return open.has(this);
  }

  close() {
    open.delete(this);
    for (const child of this.#children) this.#kill(child, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export async function onStage(work) {
  const stage = new Stage();
  try {
    return await work(stage);
  } finally {
    stage.close();
  }
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const stage of open) stage.close();
    process.exit(1);
  });
}

/**
 * A port that nothing listens on. It is below those that the kernel gives to outgoing connections: the thousands of them here would
 * take it before its server does, and one that asks whether somebody listens there already would reach itself.
 */
export async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const free = await new Promise((resolve) => server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)));
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
