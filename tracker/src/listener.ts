import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Pair } from './certificate.ts';
import { Http2 } from './connect/http2.ts';
import { Sniffer } from './connect/sniff.ts';

export interface ListenerOptions {
  /** Undefined: without TLS. */
  readonly pair: Pair | undefined;
  readonly maxConnections: number;
  /** Hears of each connection beyond them. */
  readonly dropped: () => void;
  /** Whether a new connection may stay; if not, it is closed unanswered. */
  readonly admits: (socket: Socket) => boolean;
  /** Longest that the head of a request may take, in milliseconds. */
  readonly headersTimeoutMs: number;
  /** Longest that a whole request may take over HTTP/1.1, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** Pause between pings of HTTP/2, in milliseconds. */
  readonly heartbeatMs: number;
  readonly http1: (request: IncomingMessage, response: ServerResponse) => void;
  readonly http2: (request: Http2ServerRequest, response: Http2ServerResponse) => void;
  readonly upgrade: (request: IncomingMessage, stream: Duplex, head: Buffer) => void;
}

/** One port for HTTP/1.1, WebSocket and HTTP/2. */
export class Listener {
  readonly #tlsServer: ReturnType<typeof createTlsServer> | undefined;
  readonly #server: ReturnType<typeof createServer> | ReturnType<typeof createTlsServer>;
  readonly #http2: Http2;
  readonly #sniffer: Sniffer;
  /** Nobody else knows those in the middle of their handshake. */
  readonly #encrypted = new Set<Socket>();

  constructor(options: ListenerOptions) {
    const { pair, headersTimeoutMs, requestTimeoutMs, heartbeatMs } = options;
    const serverOptions = {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      // Both are looked for only so often.
      connectionsCheckingInterval: headersTimeoutMs / 2,
      // Some clients offer to switch to HTTP/2 in passing, which is to be ignored.
      shouldUpgradeCallback: ({ headers }: IncomingMessage) =>
        headers.upgrade?.toLowerCase() === 'websocket',
    };
    this.#tlsServer =
      pair &&
      createTlsServer({
        ...serverOptions,
        ...pair,
        ALPNProtocols: ['h2', 'http/1.1'],
        handshakeTimeout: headersTimeoutMs,
      });
    const server = this.#tlsServer ?? createServer(serverOptions);
    this.#server = server;
    server.maxConnections = options.maxConnections;
    server.on('drop', options.dropped);
    server.on('request', options.http1);
    server.on('upgrade', options.upgrade);
    const http2 = new Http2(options.http2, heartbeatMs);
    this.#http2 = http2;
    // The one listener is Node's own, which takes every connection for HTTP/1.1.
    const arrival = this.#tlsServer ? 'secureConnection' : 'connection';
    const [http1] = server.listeners(arrival) as [(socket: Socket) => void];
    server.removeListener(arrival, http1);
    const sniffer = new Sniffer({
      http1: (socket) => http1.call(server, socket),
      http2: http2.accept,
      timeoutMs: headersTimeoutMs,
    });
    this.#sniffer = sniffer;
    server.on(arrival, (socket: Socket) => sniffer.accept(socket));
    // Of TLS as well before its handshake, which costs most.
    server.on('connection', (socket: Socket) => {
      if (!options.admits(socket)) socket.destroy();
    });
    this.#tlsServer?.on('connection', (socket: Socket) => {
      this.#encrypted.add(socket);
      socket.once('close', () => this.#encrypted.delete(socket));
    });
  }

  /** @throws {NodeJS.ErrnoException} if it cannot */
  async listen(port: number, host: string | undefined): Promise<AddressInfo> {
    this.#server.listen({ port, host });
    await once(this.#server, 'listening');
    return this.#server.address() as AddressInfo;
  }

  /** New connections get this certificate. */
  renew(pair: Pair): void {
    this.#tlsServer?.setSecureContext(pair);
  }

  /** Takes no more connections. Settles when there are none. */
  async close(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined;
    this.#server.close();
    this.#sniffer.close();
    await closed;
  }

  /** Has clients of HTTP/2 end their connections. */
  closeHttp2(): void {
    this.#http2.close();
  }

  /** Ends all connections of HTTP, and those that are no such yet. */
  destroy(): void {
    this.#server.closeAllConnections();
    this.#http2.destroy();
    for (const socket of this.#encrypted) socket.destroy();
  }
}
