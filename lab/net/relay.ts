import { connect, type Socket } from 'node:net';
import type { TokenBucket } from './bucket.ts';

/** Per connection: about what a server's own socket holds. */
const READ_AHEAD_BYTES = 64 * 1024;

/** Connects clients to a server on this machine; all that servers send shares one bucket. */
export class Relay {
  upBytes = 0;
  downBytes = 0;
  readonly #bucket: TokenBucket;
  readonly #sockets = new Set<Socket>();

  constructor(bucket: TokenBucket) {
    this.#bucket = bucket;
  }

  /**
   * Connects a client, which half-closing must not close.
   * @param port of the server; a client of none is disconnected
   */
  join(client: Socket, port: number): void {
    const server = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (!socket.readableEnded) other.destroy();
      });
    }
    client.on('data', (data: Buffer) => {
      this.downBytes += data.length;
      if (!server.write(data)) client.pause();
    });
    server.on('drain', () => client.resume());
    client.on('end', () => server.end());
    this.#shape(server, client);
  }

  /**
   * Passes on what `from` sends as the bucket allows. It reads ahead: a server on a busy machine must
   * not leave the link idle as long as it has something to send.
   */
  #shape(from: Socket, to: Socket): void {
    let held: Buffer = Buffer.alloc(0);
    let state: 'empty' | 'waiting' | 'draining' = 'empty';
    let ended = false;
    const next = () => {
      if (to.destroyed) return;
      state = held.length > 0 ? 'waiting' : 'empty';
      if (state === 'waiting') this.#bucket.wait(take);
      else if (ended) to.end();
    };
    const take = (most: number): number => {
      if (to.destroyed) return 0;
      const part = held.subarray(0, most);
      held = held.subarray(part.length);
      this.upBytes += part.length;
      if (held.length < READ_AHEAD_BYTES) from.resume();
      if (to.write(part)) next();
      else {
        // A reader that is slower than the link must not keep others waiting.
        state = 'draining';
        to.once('drain', next);
      }
      return part.length;
    };
    from.on('data', (data: Buffer) => {
      held = held.length > 0 ? Buffer.concat([held, data]) : data;
      if (held.length >= READ_AHEAD_BYTES) from.pause();
      if (state === 'empty') next();
    });
    from.on('end', () => {
      ended = true;
      if (state === 'empty') next();
    });
  }

  /** Ends all connections. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
