import type { ContentId, Departure, Grant, Init, Lease } from '@zauberflote/proto';
import { contentKey } from '@zauberflote/proto';
import * as limits from '../limits.ts';
import { Guests } from './guests.ts';
import { Leases } from './leases.ts';
import type { Swarm } from './swarm.ts';

/** What a peer of another node says with its Lease. */
export interface Guest {
  readonly node: string;
  /** How many there download the content. */
  readonly downloading: number;
}

interface Table {
  /** By the ids of peers. */
  readonly leases: Leases<bigint>;
  /** Most have none. */
  guests?: Guests;
}

/**
 * The leases of all contents, within a bounded memory. When it is full, tables of the size that takes
 * most of it make room: whoever fills it with large ones drives out large ones only.
 */
export class LeaseBook {
  /** By content key. */
  readonly #tables = new Map<string, Table>();
  /** Contents by the capacity of their tables, a power of two; the least recently used first. */
  readonly #bySize = new Map<number, Set<string>>();
  readonly #swarms: ReadonlyMap<string, Pick<Swarm<unknown>, 'partial'>>;
  /** Of all tables together. */
  #capacity = 0;

  /** @param swarms those of this node, by content key */
  constructor(swarms: ReadonlyMap<string, Pick<Swarm<unknown>, 'partial'>>) {
    this.#swarms = swarms;
  }

  /** Units that are lent. */
  get lent(): number {
    let lent = 0;
    for (const { leases } of this.#tables.values()) lent += leases.lent;
    return lent;
  }

  /** Peers of other nodes, each as often as there are contents of which it has sent a Lease. */
  get guests(): number {
    let sum = 0;
    for (const { guests } of this.#tables.values()) sum += guests?.size ?? 0;
    return sum;
  }

  /**
   * What a peer gets for its Lease.
   * @param guest if it is a peer of another node
   */
  ask(peerId: bigint, lease: Lease, now: number, guest?: Guest): Init<Grant> {
    const content = lease.content as ContentId;
    const key = contentKey(content);
    const table = this.#tableFor(key, lease.unitBytes);
    const { leases } = table;
    if (guest) {
      table.guests ??= new Guests();
      table.guests.hear(peerId, guest.node, guest.downloading, now);
    }
    const { unitBytes } = leases;
    if (unitBytes !== lease.unitBytes) return { content, unitBytes };
    // It may grow, and is the youngest of its size in any case.
    this.forget(key);
    const here = this.#swarms.get(key)?.partial ?? 0;
    const units = leases.ask(peerId, lease, here + (table.guests?.downloading(now) ?? 0), now);
    this.#keep(key, table);
    while (this.#capacity > limits.MAX_LEASE_UNITS) this.#makeRoom(key);
    return { content, ...units, unitBytes };
  }

  /** A peer does not hold the content any more. */
  leave(key: string, peerId: bigint, now: number): void {
    const table = this.#tables.get(key);
    if (!table) return;
    table.guests?.leave(peerId);
    table.leases.leave(peerId, now);
    this.tidy(key);
  }

  /** A peer of another node has left, or all: then it looks at every content that has leases. */
  departed(node: string, { peerId, contents }: Departure, now: number): void {
    for (const content of contents) this.leave(contentKey(content), peerId, now);
    if (peerId > 0n) return;
    for (const [key, { guests }] of this.#tables)
      for (const guest of guests?.of(node) ?? []) this.leave(key, guest, now);
  }

  /** Forgets the leases of a content that nobody has to do with, here or elsewhere. */
  tidy(key: string): void {
    const guests = this.#tables.get(key)?.guests?.size ?? 0;
    if (guests === 0 && !this.#swarms.has(key)) this.forget(key);
  }

  forget(key: string): void {
    const table = this.#tables.get(key);
    if (!table) return;
    const { capacity } = table.leases;
    this.#capacity -= capacity;
    this.#bySize.get(capacity)?.delete(key);
    this.#tables.delete(key);
  }

  /** Ends leases that were not confirmed; looks at every content that has leases. */
  expire(now: number): void {
    for (const [key, { leases, guests }] of this.#tables) {
      for (const peerId of guests?.expire(now) ?? []) leases.leave(peerId, now);
      leases.expire(now);
      this.tidy(key);
    }
  }

  #keep(key: string, table: Table): void {
    const { capacity } = table.leases;
    let keys = this.#bySize.get(capacity);
    if (!keys) {
      keys = new Set();
      this.#bySize.set(capacity, keys);
    }
    keys.add(key);
    this.#capacity += capacity;
    this.#tables.set(key, table);
  }

  /** Forgets another table than this content's. There is one: none alone is too large. */
  #makeRoom(but: string): void {
    let victim = '';
    let most = 0;
    for (const [capacity, keys] of this.#bySize) {
      const [oldest] = keys;
      if (oldest === undefined || oldest === but || capacity * keys.size <= most) continue;
      [victim, most] = [oldest, capacity * keys.size];
    }
    this.forget(victim);
  }

  #tableFor(key: string, unitBytes: number): Table {
    const table = this.#tables.get(key);
    // Nobody counts in the units of one that is forsaken any more.
    if (table && !(table.leases.isForsaken && table.leases.unitBytes !== unitBytes)) return table;
    this.forget(key);
    const fresh: Table = { leases: new Leases(unitBytes) };
    this.#keep(key, fresh);
    return fresh;
  }
}
