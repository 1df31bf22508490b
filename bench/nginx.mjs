// nginx with one worker, as the server's peer.
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

import { asUsual, freePort, kServerCore } from './stage.mjs';

// Where Debian's libnginx-mod-http-echo puts it.
const kEcho = '/usr/lib/nginx/modules/ngx_http_echo_module.so';

/** What it answers with: `size` bytes of its own; */
export const bytesOfItsOwn = (size) => ({ location: `return 200 '${'x'.repeat(size)}';` });
/** or the body that it was sent, from memory. */
export const theSameBody = { modules: `load_module ${kEcho};`, location: 'echo_read_request_body; echo_request_body;' };

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

/** It reads each body, into memory, before it answers. `tls`: the files of a certificate and its key. */
export async function startNginx(stage, { modules = '', location }, { tls, as = asUsual } = {}) {
  const port = await freePort();
  const at = join(stage.folder, `nginx-${port}`);
  mkdirSync(at);
  const secure = tls ? `ssl_protocols TLSv1.3; ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key};` : '';
  writeFileSync(join(at, 'nginx.conf'), `${modules} daemon off; worker_processes 1; pid ${at}/pid; error_log ${at}/error.log;
events { worker_connections 20000; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 1h; client_body_buffer_size 32m; client_max_body_size 64m; ${secure}
  client_body_temp_path ${at}/body; proxy_temp_path ${at}/p; fastcgi_temp_path ${at}/f; uwsgi_temp_path ${at}/u; scgi_temp_path ${at}/s;
  server { listen 127.0.0.1:${port} ${tls ? 'ssl ' : ''}reuseport; location / { default_type application/octet-stream; ${location} } }
}
`);
  stage.start(kServerCore, ...as('/usr/sbin/nginx', ['-c', join(at, 'nginx.conf')]));
  await listens(port);
  return { origin: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, port };
}
