// A child process of a test: its output, its end, and that it ends with the test file.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const binary =
  process.env.LATCHKEY_BINARY ?? fileURLToPath(new URL('../../build/release/src/cli/latchkey', import.meta.url));

// A test file that ends early leaves no process behind.
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export class Child {
  constructor(command, args, options = {}) {
    this.stdout = '';
    this.stderr = '';
    this.process = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    running.add(this.process);
    for (const stream of ['stdout', 'stderr']) {
      this.process[stream]?.setEncoding('utf8').on('data', (text) => (this[stream] += text));
    }
    // 'exit' may come before this process has read all output; 'close' does not.
    this.ended = new Promise((resolve) => {
      this.process.on('error', (error) => resolve({ code: error.message, signal: null }));
      this.process.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.ended.then(() => running.delete(this.process));
  }

  get isRunning() {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Resolves with the match once the process has printed `pattern`; rejects where it ends without. */
  says(pattern, stream = 'stderr') {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this[stream]);
        if (match) resolve(match);
      };
      this.process[stream].on('data', look);
      look();
      this.ended.then(({ code, signal }) => reject(new Error(`it ended with ${code ?? signal}: ${this.stderr}, and never said ${pattern}`)));
    });
  }

  /** Resolves with how it ended. */
  kill(signal = 'SIGKILL') {
    if (this.isRunning) this.process.kill(signal);
    return this.ended;
  }
}

/** `latchkey serve` with these settings, on a free port. Resolves when it is ready; `url` is where it is. */
export async function serving(settings, more = []) {
  const set = Object.entries({ 'server.port': 0, ...settings }).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const child = new Child(binary, ['serve', ...set, ...more]);
  await child.says(/^ready$/m, 'stdout');
  // The log comes by another pipe than "ready"; what follows the number shows that it is whole.
  child.url = (await child.says(/https?:\/\/127\.0\.0\.1:\d+(?=\D)/))[0];
  return child;
}
