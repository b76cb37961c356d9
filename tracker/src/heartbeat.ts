import type { WebSocket } from 'ws';
import { HEARTBEAT_SLICES } from './limits.ts';

/**
 * Finds half-open sockets: pings each once an interval, and reports one that gave no sign of life
 * (a pong, a ping or a message) since the ping before. One timer serves all; it goes through a part of
 * them at a time, so that 10,000 pings hold nobody up.
 */
export class Heartbeat<S extends WebSocket> {
  readonly #timer: NodeJS.Timeout;
  readonly #slices = Array.from(
    { length: HEARTBEAT_SLICES },
    () => new Map<S, 'waiting' | 'alive'>(),
  );
  /** The slice that the next socket is put into, so that all are as large. */
  #next = 0;

  /** @param onBeat called once an interval, after the sockets were looked at */
  constructor(intervalMs: number, onDead: (socket: S) => void, onBeat: () => void) {
    let at = 0;
    this.#timer = setInterval(() => {
      const slice = this.#slices[at]!;
      for (const [socket, state] of slice) {
        if (state === 'waiting') {
          slice.delete(socket);
          onDead(socket);
        } else {
          slice.set(socket, 'waiting');
          socket.ping();
        }
      }
      at = (at + 1) % HEARTBEAT_SLICES;
      if (at === 0) onBeat();
    }, intervalMs / HEARTBEAT_SLICES);
  }

  watch(socket: S): void {
    const slice = this.#slices[this.#next]!;
    this.#next = (this.#next + 1) % HEARTBEAT_SLICES;
    slice.set(socket, 'alive');
    const alive = () => {
      if (slice.has(socket)) slice.set(socket, 'alive');
    };
    socket.on('pong', alive);
    socket.on('ping', alive);
    socket.on('message', alive);
    socket.on('close', () => slice.delete(socket));
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
