import type { Socket } from 'node:net';

/** How a connection of HTTP/2 begins that was not negotiated (RFC 9113, section 3.4). No method of
 * HTTP/1.1 begins like that. */
const PREFACE = Buffer.from('PRI');

export interface SnifferOptions {
  readonly http1: (socket: Socket) => void;
  readonly http2: (socket: Socket) => void;
  /** Longest wait for the first bytes, in milliseconds; then the connection is ended. */
  readonly timeoutMs: number;
}

/** Hands new connections to the one whose protocol their first bytes are of. */
export class Sniffer {
  readonly #options: SnifferOptions;
  readonly #undecided = new Set<Socket>();

  constructor(options: SnifferOptions) {
    this.#options = options;
  }

  accept(socket: Socket): void {
    const { http1, http2, timeoutMs } = this.#options;
    let head = Buffer.alloc(0);
    const end = () => socket.destroy();
    const timer = setTimeout(end, timeoutMs).unref();
    // One that vanishes before it has said anything concerns nobody.
    const ignore = () => {};
    const forget = () => {
      clearTimeout(timer);
      this.#undecided.delete(socket);
      socket.off('data', read).off('end', end).off('error', ignore).off('close', forget);
    };
    const read = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      const length = Math.min(head.length, PREFACE.length);
      const fits = head.subarray(0, length).equals(PREFACE.subarray(0, length));
      if (fits && length < PREFACE.length) return;
      forget();
      socket.pause();
      socket.unshift(head);
      // It reads what was put back by itself.
      if (fits) return http2(socket);
      http1(socket);
      socket.resume();
    };
    this.#undecided.add(socket);
    // Half a connection that has not said what it speaks gets no answer.
    socket.on('end', end).on('error', ignore).on('close', forget).on('data', read);
  }

  /** Ends the connections that have not said what they speak. */
  close(): void {
    for (const socket of this.#undecided) socket.destroy();
  }
}
