import type { Socket } from 'node:net';

/** How a connection of HTTP/2 begins that was not negotiated (RFC 9113, section 3.4). No method of
 * HTTP/1.1 begins like that. */
const PREFACE = Buffer.from('PRI');

export interface Sniffed {
  readonly http1: (socket: Socket) => void;
  readonly http2: (socket: Socket) => void;
  /** Longest wait for the first bytes, in milliseconds; then the connection is ended. */
  readonly timeoutMs: number;
}

/** Hands a new connection to the one whose protocol its first bytes are of. */
export function sniff(socket: Socket, { http1, http2, timeoutMs }: Sniffed): void {
  let head = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), timeoutMs).unref();
  // One that vanishes before it has said anything concerns nobody.
  const ignore = () => {};
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
  const forget = () => {
    clearTimeout(timer);
    socket.off('data', read);
    socket.off('error', ignore);
    socket.off('close', forget);
    socket.off('end', end);
  };
  // Half a connection that has not said what it speaks gets no answer.
  const end = () => socket.destroy();
  socket.on('end', end);
  socket.on('error', ignore);
  socket.on('close', forget);
  socket.on('data', read);
}
