// An endpoint for webhooks: it keeps what it receives, and responds as a test says.
import { createServer } from 'node:http';

export class Receiver {
  constructor() {
    this.received = [];
    this.status = 204;
    this.headers = {};
    this.body = '';
  }

  async start() {
    this.server = createServer((request, response) => {
      let body = '';
      request.on('data', (data) => (body += data));
      request.on('end', () => {
        this.received.push({ status: this.status, path: request.url, method: request.method, headers: request.headers, body });
        response.writeHead(this.status, this.headers);
        response.end(this.body);
      });
    });
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}/hooks`;
    return this;
  }

  /** The data of the events that came. */
  get events() {
    return this.received.map(({ body }) => JSON.parse(body).data);
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
