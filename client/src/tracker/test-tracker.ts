import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { SessionRequest, SessionResponseBody } from '@zauberflote/proto';
import { decodeSessionRequest, encodeSessionResponse, FIRST_PREFIX } from '@zauberflote/proto';
import { type WebSocket as ServerSocket, WebSocketServer } from 'ws';

/** Values in the order they came, to be awaited one by one. */
export class Mailbox<T> {
  readonly #values: T[] = [];
  readonly #waiting: ((value: T) => void)[] = [];
  put(value: T): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(value);
    else this.#values.push(value);
  }
  next(): Promise<T> {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift()!);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
  get size(): number {
    return this.#values.length;
  }
}

/** A tracker's end of the wire: decodes what it gets, says what the test tells it to. */
export class TestTracker {
  readonly sockets = new Mailbox<ServerSocket>();
  readonly requests = new Mailbox<SessionRequest['body']>();
  /** How many requests came among the subprotocols. */
  first = 0;
  #server!: WebSocketServer;
  async listen(port = 0): Promise<void> {
    this.#server = new WebSocketServer({ port, host: '127.0.0.1' });
    this.#server.on('connection', (socket, { headers }) => {
      const [, ...first] = headers['sec-websocket-protocol']?.split(',') ?? [];
      for (const name of first) {
        const frame = Buffer.from(name.trim().slice(FIRST_PREFIX.length), 'base64url');
        this.first++;
        this.requests.put(decodeSessionRequest(frame).body);
      }
      socket.on('message', (data: Buffer) => this.requests.put(decodeSessionRequest(data).body));
      this.sockets.put(socket);
    });
    await once(this.#server, 'listening');
  }
  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }
  async close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export function say(socket: ServerSocket, body: SessionResponseBody): void {
  socket.send(encodeSessionResponse(body));
}
