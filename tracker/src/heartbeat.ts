import type { WebSocket } from 'ws';

/**
 * Finds half-open sockets: pings each once an interval, and reports one that gave no sign of life
 * (a pong, a ping or a message) since the ping before. One timer serves all.
 */
export class Heartbeat<S extends WebSocket> {
  readonly #timer: NodeJS.Timeout;
  readonly #pinged = new Map<S, 'waiting' | 'alive'>();

  /** @param onBeat called once an interval, after the sockets were looked at */
  constructor(intervalMs: number, onDead: (socket: S) => void, onBeat: () => void) {
    this.#timer = setInterval(() => {
      for (const [socket, state] of this.#pinged) {
        if (state === 'waiting') {
          this.#pinged.delete(socket);
          onDead(socket);
        } else {
          this.#pinged.set(socket, 'waiting');
          socket.ping();
        }
      }
      onBeat();
    }, intervalMs);
  }

  watch(socket: S): void {
    this.#pinged.set(socket, 'alive');
    const alive = () => {
      if (this.#pinged.has(socket)) this.#pinged.set(socket, 'alive');
    };
    socket.on('pong', alive);
    socket.on('ping', alive);
    socket.on('message', alive);
    socket.on('close', () => this.#pinged.delete(socket));
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
