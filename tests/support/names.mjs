// DNS and the hosts that it names, in a network of one's own (own_network.mjs): each host has an address of its own there, and
// one server of this machine is behind all of them.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const kAddress = 1; // types of records
const kFound = 0; // codes of responses
const kServerFailure = 2;
const kNoSuchName = 3;
const kInternet = 1;
// A response, authoritative; recursion was desired and is available.
const kFlags = 0x8580;
const kHeader = 12;

export class Names {
  /** `port`: of the server, on 127.0.0.1. */
  constructor(port) {
    this.port = port;
    this.hosts = new Map();
  }

  async start() {
    this.dns = createSocket('udp4', (query, { address, port }) => this.dns.send(this.#response(query), port, address));
    this.dns.bind(53, '127.0.0.1');
    await once(this.dns, 'listening');
  }

  /** Gives the host a name, and listens at its address. */
  async add(name) {
    const host = { address: `20.0.0.${this.hosts.size + 10}`, sockets: new Set(), code: kFound };
    host.server = createServer((inward) => {
      const outward = connect(this.port, '127.0.0.1');
      for (const [from, to] of [[inward, outward], [outward, inward]]) {
        host.sockets.add(from);
        from.on('error', () => {}).on('close', () => { host.sockets.delete(from); to.destroy(); }).pipe(to);
      }
    }).listen(443, host.address);
    await once(host.server, 'listening');
    this.hosts.set(name, host);
  }

  /** Removes the name, and stops listening at its address. */
  deny(name) {
    this.#take(name, kNoSuchName);
  }

  /** Makes DNS fail to look the name up, and stops listening at its address. */
  fail(name) {
    this.#take(name, kServerFailure);
  }

  stop() {
    for (const host of this.hosts.values()) this.#close(host);
    this.dns?.close();
  }

  #take(name, code) {
    const host = this.hosts.get(name);
    host.code = code;
    this.#close(host);
  }

  #close({ server, sockets }) {
    server.close();
    for (const socket of sockets) socket.destroy();
  }

  // RFC 1035, section 4: reads one question, and of it the name and the type alone.
  #response(query) {
    const labels = [];
    let at = kHeader;
    for (; query[at] > 0; at += 1 + query[at]) labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
    const name = labels.join('.').toLowerCase();
    const type = query.readUInt16BE(at + 1);

    const host = this.hosts.get(name);
    const code = host?.code ?? kNoSuchName;
    const records = code === kFound && type === kAddress ? [this.#record(host.address)] : [];
    const header = Buffer.alloc(kHeader);
    header.writeUInt16BE(query.readUInt16BE(0), 0);
    header.writeUInt16BE(kFlags | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    return Buffer.concat([header, query.subarray(kHeader, at + 5), ...records]);
  }

  // For the name in the question, with a lifetime of zero.
  #record(address) {
    const record = Buffer.alloc(16);
    record.writeUInt16BE(0xc000 | kHeader, 0);
    record.writeUInt16BE(kAddress, 2);
    record.writeUInt16BE(kInternet, 4);
    record.writeUInt16BE(4, 10);
    record.set(address.split('.').map(Number), 12);
    return record;
  }
}
