// Opens connections, sends one request on each, and keeps them: idle-connections.mjs PORT COUNT PATH KEY BYTES
// Prints "open" when all have their response, and ends with 1 where one is closed.
import { connect } from 'node:net';

const [port, count, path, key, bytes] = process.argv.slice(2);
const body = 'p'.repeat(Number(bytes));
const request = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: ${key}\r\ncontent-type: application/octet-stream\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const kept = [];

const open = () => new Promise((resolve, reject) => {
  const socket = connect(Number(port), '127.0.0.1', () => socket.write(request));
  kept.push(socket);
  // The response is of one piece on loopback, and its length does not matter here.
  socket.once('data', (head) => (head.toString('latin1').startsWith('HTTP/1.1 200 ') ? resolve() : reject(new Error(head.toString('latin1')))));
  socket.once('error', reject).once('close', () => reject(new Error('the server closed a connection')));
  socket.resume();
});

// A few at a time: the queue of a listening socket is short.
const opened = [];
async function opener() {
  while (opened.length < Number(count)) {
    const one = open();
    opened.push(one);
    await one;
  }
}
await Promise.all(Array.from({ length: 32 }, opener));
for (const socket of kept) socket.once('close', () => process.exit(1));
process.stdout.write('open\n');
