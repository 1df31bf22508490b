// nginx with one worker, as the server's peer.
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

import { freePort, kServerCore } from './stage.mjs';

/** What it answers with: `size` bytes of its own. */
export const bytesOfItsOwn = (size) => ({ location: `return 200 '${'x'.repeat(size)}';` });

async function listens(port) {
  for (let left = 200; ; --left) {
    const connected = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (connected) return;
    if (left === 0) throw new Error('nginx does not listen');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** It reads each body, into memory, before it answers. */
export async function startNginx(stage, { location }) {
  const port = await freePort();
  const at = join(stage.folder, `nginx-${port}`);
  mkdirSync(at);
  writeFileSync(join(at, 'nginx.conf'), `daemon off; worker_processes 1; pid ${at}/pid; error_log ${at}/error.log;
events { worker_connections 20000; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 1h; client_body_buffer_size 32m; client_max_body_size 64m;
  client_body_temp_path ${at}/body; proxy_temp_path ${at}/p; fastcgi_temp_path ${at}/f; uwsgi_temp_path ${at}/u; scgi_temp_path ${at}/s;
  server { listen 127.0.0.1:${port} reuseport; location / { default_type application/octet-stream; ${location} } }
}
`);
  stage.start(kServerCore, '/usr/sbin/nginx', ['-c', join(at, 'nginx.conf')]);
  await listens(port);
  return { origin: `http://127.0.0.1:${port}`, port };
}
