import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { SessionResponse } from '@zauberflote/proto';
import { decodeSessionResponse, encodeSessionRequest, SUBPROTOCOL } from '@zauberflote/proto';
import type { ClientOptions } from 'ws';
import { WebSocket } from 'ws';
import type { Body } from './messages.ts';
import { have, want } from './messages.ts';

export type Reply = SessionResponse['body'];

/** A well-behaved client over a real socket. */
export class Client {
  readonly socket: WebSocket;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  #id = 0n;
  readonly #arrived: Reply[] = [];
  #wanted: ((reply: Reply | undefined) => void) | undefined;

  private constructor(url: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(url, SUBPROTOCOL, options);
    this.socket.on('message', (data: Buffer) => {
      const { body } = decodeSessionResponse(data);
      const wanted = this.#wanted;
      // Several may arrive before the one that waits goes on.
      this.#wanted = undefined;
      if (wanted) wanted(body);
      else this.#arrived.push(body);
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        this.#wanted?.(undefined);
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  /** Connects and waits for Welcome. */
  static async open(url: string, options?: ClientOptions): Promise<Client> {
    const client = new Client(url, options);
    await once(client.socket, 'open');
    const welcome = await client.next();
    assert.ok(welcome.case === 'welcome');
    client.#id = welcome.value.peerId;
    return client;
  }

  get id(): bigint {
    return this.#id;
  }

  send(body: Body): void {
    this.socket.send(encodeSessionRequest(body));
  }

  /** The next message; fails if the connection closes before it. */
  async next(): Promise<Reply> {
    const arrived = this.#arrived.shift();
    if (arrived) return arrived;
    assert.notEqual(this.socket.readyState, WebSocket.CLOSED, 'closed while a message was awaited');
    const reply = await new Promise<Reply | undefined>((resolve) => {
      this.#wanted = resolve;
    });
    this.#wanted = undefined;
    return reply ?? assert.fail('closed while a message was awaited');
  }

  async ask(body: Body): Promise<Reply> {
    this.send(body);
    return this.next();
  }

  /** Waits for an Error as the last message, and the close that must follow with its code. */
  async ended() {
    const last = await this.next();
    assert.ok(last.case === 'error', `${last.case} instead of an error`);
    const { code, message, retryAfterMs } = last.value;
    assert.deepEqual(await this.closed, { code: 4000 + code, reason: message });
    assert.equal(this.#arrived.length, 0, 'a message after the Error');
    return { code, message, retryAfterMs };
  }

  async leave(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}

/** A TCP connection that has become a WebSocket, for a client that breaks its rules. */
export async function openRaw(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    [
      'GET / HTTP/1.1',
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
      '\r\n',
    ].join('\r\n'),
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  assert.match(head.toString('latin1'), /^HTTP\/1\.1 101 /);
  return socket;
}

/** A holder of content 1 and a peer to which it was named. */
export async function openPair(url: string) {
  const holder = await Client.open(url);
  holder.send(have([1], 786_432n));
  await holder.ask(want([2]));
  const asker = await Client.open(url);
  const reply = await asker.ask(want([1]));
  return { holder, asker, reply };
}
