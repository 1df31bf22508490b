// What somebody would write first: node:http and node:crypto, one key, no tenants, no context. node-peer.mjs PORT
import { createCipheriv, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

const key = randomBytes(32);

createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part)).on('end', () => {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    const sealed = Buffer.concat([nonce, cipher.update(Buffer.concat(parts)), cipher.final(), cipher.getAuthTag()]);
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': sealed.length });
    response.end(sealed);
  });
}).listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('ready\n'));
