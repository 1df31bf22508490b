// Starts a server and asks it until it answers: first-answer.mjs PORT COMMAND ARGUMENT...
// Prints how long that took from before the process began, and its resident memory a second later.
import { spawn } from 'node:child_process';
import { connect } from 'node:net';

import { resident } from './resident.mjs';

const [port, command, ...args] = process.argv.slice(2);

/** One connection and one request; false where nobody listens yet or the answer is not 200. */
const answers = () => new Promise((resolve) => {
  const socket = connect(Number(port), '127.0.0.1', () => socket.write('GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n'));
  socket.once('data', (head) => {
    resolve(head.toString('latin1').startsWith('HTTP/1.1 200 '));
    socket.destroy();
  });
  socket.once('error', () => resolve(false));
});

const began = process.hrtime.bigint();
const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
child.once('exit', (code) => {
  process.stderr.write(`${command} ended with ${code}\n`);
  process.exit(1);
});
// Without pause: the next try begins when the last has failed.
while (!await answers());
const first = Number(process.hrtime.bigint() - began) / 1e6;
await new Promise((resolve) => setTimeout(resolve, 1000));
process.stdout.write(JSON.stringify({ first_answer_ms: first, resident_mib: resident(child.pid) / 1024 }));
child.removeAllListeners('exit');
child.once('exit', () => process.exit(0));
child.kill('SIGTERM');
