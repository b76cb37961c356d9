import { connect, type Socket } from 'node:net';
import type { TokenBucket } from './bucket.ts';

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

  /** Passes on what `from` sends as the bucket allows, with at most one block of it in hand. */
  #shape(from: Socket, to: Socket): void {
    let block: Buffer = Buffer.alloc(0);
    let ended = false;
    const next = () => {
      if (to.destroyed) return;
      if (block.length > 0) this.#bucket.wait(take);
      else if (ended) to.end();
      else from.resume();
    };
    const take = (most: number): number => {
      if (to.destroyed) return 0;
      const part = block.subarray(0, most);
      block = block.subarray(part.length);
      this.upBytes += part.length;
      // A reader that is slower than the link must not keep others waiting.
      if (to.write(part)) next();
      else to.once('drain', next);
      return part.length;
    };
    from.on('data', (data: Buffer) => {
      from.pause();
      block = data;
      this.#bucket.wait(take);
    });
    from.on('end', () => {
      ended = true;
      // Otherwise the last turn ends it.
      if (block.length === 0) to.end();
    });
  }

  /** Ends all connections. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
