import * as limits from '../limits.ts';
import { TokenBucket } from './token-bucket.ts';

/** Whoever's frames can be left unread for a while. */
export interface Parkable {
  /** Whether nothing more is to be read from it for the moment. */
  park(parked: boolean): void;
}

export interface TurnsOptions<S extends Parkable> {
  readonly handle: (socket: S, frame: Uint8Array, isBinary: boolean) => void;
  /** Calls back when what has arrived meanwhile was read: `setImmediate`. */
  readonly soon: (next: () => void) => void;
  /** Milliseconds of a clock that never runs backwards. */
  readonly now: () => number;
}

interface Waiting {
  readonly frame: Uint8Array;
  readonly isBinary: boolean;
}

/**
 * Lets nobody wait long behind others who send much. What a client sends is handled at once up to
 * PROMPT_BYTES, and PROMPT_BYTES_PER_SECOND after that. What it sends beyond waits, it is not read
 * from meanwhile, and all who wait have one frame handled each in turn, TURN_MS at a time.
 */
export class Turns<S extends Parkable> {
  readonly #options: TurnsOptions<S>;
  readonly #prompt = new Map<S, TokenBucket>();
  readonly #waiting = new Map<S, Waiting[]>();

  constructor(options: TurnsOptions<S>) {
    this.#options = options;
  }

  /** Clients that have frames waiting. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whoever sends is to be handed to `forget` when it is gone. */
  receive(socket: S, frame: Uint8Array, isBinary: boolean): void {
    const queue = this.#waiting.get(socket);
    if (queue) {
      queue.push({ frame, isBinary });
      return;
    }
    const { handle, soon, now } = this.#options;
    const cost = frame.byteLength + limits.FRAME_COST_BYTES;
    if (this.#bucket(socket, now()).tryTake(cost, now())) return handle(socket, frame, isBinary);
    if (this.#waiting.size === 0) soon(() => this.#turn());
    this.#waiting.set(socket, [{ frame, isBinary }]);
    socket.park(true);
  }

  /** It is gone, and with it what it had sent. */
  forget(socket: S): void {
    this.#prompt.delete(socket);
    this.#waiting.delete(socket);
  }

  #bucket(socket: S, now: number): TokenBucket {
    let bucket = this.#prompt.get(socket);
    if (!bucket) {
      bucket = new TokenBucket(limits.PROMPT_BYTES_PER_SECOND, limits.PROMPT_BYTES, now);
      this.#prompt.set(socket, bucket);
    }
    return bucket;
  }

  #turn(): void {
    const { handle, soon, now } = this.#options;
    const end = now() + limits.TURN_MS;
    // Ends: whoever has more is moved to the end, and time goes on.
    for (const [socket, queue] of this.#waiting) {
      const next = queue.shift() as Waiting;
      this.#waiting.delete(socket);
      if (queue.length > 0) this.#waiting.set(socket, queue);
      else socket.park(false);
      handle(socket, next.frame, next.isBinary);
      if (now() >= end) break;
    }
    if (this.#waiting.size > 0) soon(() => this.#turn());
  }
}
