import { Arrivals } from '@zauberflote/client/src/connection/arrivals.ts';
import {
  HIGH_WATER_BYTES,
  LOW_WATER_BYTES,
} from '@zauberflote/client/src/connection/open-connection.ts';
import type { PeerId } from '@zauberflote/client/src/engine/types.ts';
import type { PeerMessageBody } from '@zauberflote/proto';
import type { Visitor } from './visitor.ts';

/** A chunk one visitor asked another for. */
export interface Asked {
  readonly chunk: number;
  readonly length: number;
}

/**
 * One end of an open connection. Control messages take as long as a packet does; fragments go by
 * the sender's uplink and the receiver's downlink.
 */
export class Connection {
  readonly #own: Visitor;
  readonly #other: Visitor;
  /** The other end; undefined until there is one. */
  #mate: Connection | undefined;
  /** Requests to the other that are open, by id. */
  readonly asked = new Map<number, Asked>();
  #lastId = 0;
  readonly #arrivals = new Arrivals();
  /** Bytes of fragments given to the uplink that have not left. */
  queued = 0;
  /** The sender is told when the queue has shrunk to this. */
  #lowWater = 0;
  usedAt: number;
  #state: 'open' | 'closed' = 'open';

  constructor(own: Visitor, other: Visitor) {
    this.#own = own;
    this.#other = other;
    this.usedAt = own.world.clock.now;
  }

  /** Both ends of a new connection. */
  static pair(one: Visitor, other: Visitor): [Connection, Connection] {
    const pair = [new Connection(one, other), new Connection(other, one)] as const;
    [pair[0].#mate, pair[1].#mate] = [pair[1], pair[0]];
    return [...pair];
  }

  get peer(): PeerId {
    return this.#other.id as PeerId;
  }

  get isWritable(): boolean {
    return this.#state === 'open' && this.queued < HIGH_WATER_BYTES;
  }

  /** Notes a request; the result is its id. */
  ask(asked: Asked): number {
    this.asked.set(++this.#lastId, asked);
    return this.#lastId;
  }

  /** Forgets the request for a chunk. @returns its id, if there was one */
  settle(chunk: number): number | undefined {
    for (const [id, asked] of this.asked)
      if (asked.chunk === chunk) {
        this.asked.delete(id);
        return id;
      }
    return undefined;
  }

  send(body: NonNullable<PeerMessageBody>): boolean {
    if (this.#state === 'closed') return false;
    const { clock } = this.#own.world;
    this.usedAt = clock.now;
    if (body.case !== 'fragment') clock.after(this.#own.oneWayMs, () => this.#arrive(body));
    else this.#queue(body.value.data?.length ?? 0, body);
    return true;
  }

  /** Nothing more leaves, and nothing is heard any more. */
  close(): void {
    this.#state = 'closed';
    this.#own.up.drop(this);
  }

  #queue(bytes: number, body: NonNullable<PeerMessageBody>): void {
    const own = this.#own;
    this.queued += bytes;
    this.#watchQueue();
    own.up.send(this, bytes, () => {
      own.uploaded += bytes;
      this.queued -= bytes;
      this.usedAt = own.world.clock.now;
      own.world.clock.after(own.oneWayMs, () =>
        this.#other.take(this, bytes, () => {
          this.#other.fromPeers += bytes;
          this.#arrive(body);
        }),
      );
      if (this.#state === 'closed' || this.queued > this.#lowWater) return;
      this.#watchQueue();
      own.contacts.onWritable();
    });
  }

  #watchQueue(): void {
    this.#lowWater = Math.min(LOW_WATER_BYTES, this.queued >> 1);
  }

  #arrive(body: NonNullable<PeerMessageBody>): void {
    const mate = this.#mate as Connection;
    if (mate.#state === 'closed') return;
    mate.usedAt = this.#own.world.clock.now;
    if (body.case === 'fragment') {
      const bytes = mate.#arrivals.take(body.value.data?.length ?? 0);
      if (bytes) mate.send({ case: 'received', value: { bytes } });
    }
    this.#other.received(mate, body);
  }
}
