import {
  HIGH_WATER_BYTES,
  LOW_WATER_BYTES,
} from '@zauberflote/client/src/connection/open-connection.ts';
import { FRAGMENT_BYTES, MAX_OPEN_REQUESTS } from '@zauberflote/client/src/download/uploads.ts';
import type { PeerId } from '@zauberflote/client/src/engine/types.ts';
import type { Visitor } from './visitor.ts';

/** A range one visitor asked another for. */
export interface Request {
  readonly id: number;
  readonly length: number;
}

/**
 * What a visitor has of a connection: its requests on the way to the other, and the other's to it,
 * which it serves as the client's `Uploads` does: in their order, in fragments, as far as the
 * connection takes more.
 */
export class Connection {
  readonly #own: Visitor;
  readonly #other: Visitor;
  /** Open requests to the other, by id. */
  readonly asked = new Map<number, { readonly chunk: number; readonly length: number }>();
  #lastId = 0;
  /** Requests of the other that have not been served. */
  readonly #queue = new Map<number, Request>();
  /** Bytes given to the uplink that have not left. */
  #buffered = 0;
  #state: 'writable' | 'full' | 'closed' = 'writable';

  constructor(own: Visitor, other: Visitor) {
    this.#own = own;
    this.#other = other;
  }

  // --- asking ---

  request(chunk: number, length: number): void {
    const id = ++this.#lastId;
    this.asked.set(id, { chunk, length });
    this.#send((theirs) => theirs.#take({ id, length }));
  }

  /**
   * Forgets a request for a chunk, and takes it back if it was not answered.
   * @returns the length that was asked for; 0 if it was not
   */
  settle(chunk: number, how: 'answered' | 'cancelled'): number {
    for (const [id, asked] of this.asked) {
      if (asked.chunk !== chunk) continue;
      this.asked.delete(id);
      if (how === 'cancelled') this.#send((theirs) => theirs.#queue.delete(id));
      return asked.length;
    }
    return 0;
  }

  /** The visitor leaves, or heard that the other has: nothing more leaves by this. */
  close(): void {
    this.#state = 'closed';
    this.#queue.clear();
    this.#own.up.drop(this);
  }

  // --- serving ---

  #take(request: Request): void {
    if (this.#queue.size >= MAX_OPEN_REQUESTS) {
      this.#send((theirs) => theirs.#own.refused(this.#own, request.id));
      return;
    }
    this.#queue.set(request.id, request);
    this.#pump();
  }

  #pump(): void {
    for (const [id, { length }] of this.#queue) {
      if (this.#state !== 'writable') return;
      this.#queue.delete(id);
      for (let offset = 0; offset < length; offset += FRAGMENT_BYTES)
        this.#fragment(id, offset, Math.min(FRAGMENT_BYTES, length - offset));
      if (this.#buffered >= HIGH_WATER_BYTES) this.#state = 'full';
    }
  }

  #fragment(id: number, offset: number, bytes: number): void {
    this.#buffered += bytes;
    this.#own.up.send(this, bytes, () => {
      this.#own.uploaded += bytes;
      this.#buffered -= bytes;
      const other = this.#other;
      other.world.clock.after(this.#own.oneWayMs, () =>
        other.take(this, bytes, () => other.received(this.#own, id, offset, bytes)),
      );
      if (this.#state !== 'full' || this.#buffered > LOW_WATER_BYTES) return;
      this.#state = 'writable';
      this.#pump();
    });
  }

  /** Runs at the other's end, when a small message has got there and if it still has an end. */
  #send(run: (theirs: Connection) => void): void {
    this.#own.world.clock.after(this.#own.oneWayMs, () => {
      const theirs = this.#other.contacts.get(this.#own.id as PeerId);
      if (theirs) run(theirs);
    });
  }
}
