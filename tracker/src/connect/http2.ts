import type { Http2Server, ServerHttp2Session } from 'node:http2';
import { createServer } from 'node:http2';
import type { Socket } from 'node:net';
import * as limits from '../limits.ts';

type Handler = NonNullable<Parameters<typeof createServer>[1]>;

/** A server of HTTP/2 for connections that another one accepts. */
export class Http2 {
  readonly #server: Http2Server;
  readonly #timer: NodeJS.Timeout;
  readonly #sessions = new Map<ServerHttp2Session, 'alive' | 'waiting'>();

  /** @param heartbeatMs pause between pings, and the time to answer one, in milliseconds */
  constructor(handler: Handler, heartbeatMs: number) {
    const settings = { maxConcurrentStreams: limits.MAX_HTTP2_STREAMS };
    const options = { maxSessionMemory: limits.MAX_HTTP2_MEGABYTES, settings };
    this.#server = createServer(options, handler);
    this.#server.on('session', (session) => {
      this.#sessions.set(session, 'alive');
      session.on('error', () => {});
      session.on('close', () => this.#sessions.delete(session));
    });
    this.#timer = setInterval(() => this.#beat(), heartbeatMs).unref();
  }

  /** Takes over a connection. */
  readonly accept = (socket: Socket): void => {
    // A client that goes on holding its half would hold up the tracker's stop.
    socket.once('finish', () => socket.destroy());
    // One that has closed its half will read no reply for long: its peers are gone.
    socket.once('end', () => socket.end());
    this.#server.emit('connection', socket);
  };

  /** Takes no more streams; connections end with their last one. */
  close(): void {
    clearInterval(this.#timer);
    for (const session of this.#sessions.keys()) session.close();
  }

  /** Ends every connection. */
  destroy(): void {
    for (const session of this.#sessions.keys()) session.destroy();
  }

  #beat(): void {
    for (const [session, state] of this.#sessions) {
      // One that is ending is here until its socket has closed, and may not be pinged.
      if (session.destroyed || session.closed) continue;
      if (state === 'waiting') {
        session.destroy();
        continue;
      }
      this.#sessions.set(session, 'waiting');
      session.ping((error) => {
        if (!error && this.#sessions.has(session)) this.#sessions.set(session, 'alive');
      });
    }
  }
}
