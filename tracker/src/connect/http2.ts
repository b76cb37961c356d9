import type { Http2Server, ServerHttp2Session } from 'node:http2';
import { createServer } from 'node:http2';
import type { Socket } from 'node:net';
import * as limits from '../limits.ts';

type Handler = NonNullable<Parameters<typeof createServer>[1]>;

/** A server of HTTP/2 for connections that another one accepts. */
export class Http2 {
  readonly #server: Http2Server;
  readonly #timer: NodeJS.Timeout;
  readonly #sessions = new Map<
    ServerHttp2Session,
    { state: 'alive' | 'waiting'; readonly socket: Socket }
  >();
  /** Of the session that begins. */
  #arriving: Socket | undefined;

  /** @param heartbeatMs pause between pings, and the time to answer one, in milliseconds */
  constructor(handler: Handler, heartbeatMs: number) {
    const settings = { maxConcurrentStreams: limits.MAX_HTTP2_STREAMS };
    const options = { maxSessionMemory: limits.MAX_HTTP2_MEGABYTES, settings };
    this.#server = createServer(options, handler);
    this.#server.on('session', (session) => {
      // Told within `accept`.
      this.#sessions.set(session, { state: 'alive', socket: this.#arriving as Socket });
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
    this.#arriving = socket;
    this.#server.emit('connection', socket);
    this.#arriving = undefined;
  };

  /** Takes no more streams; connections end with their last one. */
  close(): void {
    clearInterval(this.#timer);
    for (const session of this.#sessions.keys()) session.close();
  }

  /** Ends every connection. */
  destroy(): void {
    for (const { socket } of this.#sessions.values()) socket.destroy();
  }

  #beat(): void {
    for (const [session, entry] of this.#sessions) {
      // One that is ending waits for what it has to send. A client that does not read would keep it.
      if (session.destroyed || entry.state === 'waiting') {
        entry.socket.destroy();
        continue;
      }
      entry.state = 'waiting';
      session.ping((error) => {
        if (!error) entry.state = 'alive';
      });
    }
  }
}
