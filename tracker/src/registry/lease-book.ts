import type { Grant, Lease } from '@zauberflote/proto';
import * as limits from '../limits.ts';
import { Leases } from './leases.ts';
import type { Membership, Swarm } from './swarm.ts';

/**
 * The leases of all swarms, within a bounded memory. When it is full, tables of the size that takes
 * most of it make room: whoever fills it with large ones drives out large ones only.
 */
export class LeaseBook<C> {
  readonly #tables = new Map<Swarm<C>, Leases<Membership<C>>>();
  /** Swarms by the capacity of their tables, a power of two; the least recently used first. */
  readonly #bySize = new Map<number, Set<Swarm<C>>>();
  /** Of all tables together. */
  #capacity = 0;

  /** Units that are lent. */
  get lent(): number {
    let lent = 0;
    for (const table of this.#tables.values()) lent += table.lent;
    return lent;
  }

  /** What a member of a swarm gets for its Lease. */
  ask(membership: Membership<C>, lease: Lease, now: number): Omit<Grant, 'content'> {
    const { swarm } = membership;
    const table = this.#tableFor(swarm, lease.unitBytes);
    const { unitBytes } = table;
    if (unitBytes !== lease.unitBytes) return { first: 0, count: 0, unitBytes };
    // It may grow, and is the youngest of its size in any case.
    this.forget(swarm);
    const units = table.ask(membership, lease, swarm.partial, now);
    this.#keep(swarm, table);
    while (this.#capacity > limits.MAX_LEASE_UNITS) this.#makeRoom(swarm);
    return { ...units, unitBytes };
  }

  /** To be called before the member is removed from its swarm. */
  leave(membership: Membership<C>, now: number): void {
    this.#tables.get(membership.swarm)?.leave(membership, now);
  }

  forget(swarm: Swarm<C>): void {
    const table = this.#tables.get(swarm);
    if (!table) return;
    this.#capacity -= table.capacity;
    this.#bySize.get(table.capacity)?.delete(swarm);
    this.#tables.delete(swarm);
  }

  /** Ends leases that were not confirmed; looks at every swarm that has leases. */
  expire(now: number): void {
    for (const table of this.#tables.values()) table.expire(now);
  }

  #keep(swarm: Swarm<C>, table: Leases<Membership<C>>): void {
    const { capacity } = table;
    let swarms = this.#bySize.get(capacity);
    if (!swarms) {
      swarms = new Set();
      this.#bySize.set(capacity, swarms);
    }
    swarms.add(swarm);
    this.#capacity += capacity;
    this.#tables.set(swarm, table);
  }

  /** Forgets another table than this swarm's. There is one: none alone is too large. */
  #makeRoom(but: Swarm<C>): void {
    let victim: Swarm<C> | undefined;
    let most = 0;
    for (const [capacity, swarms] of this.#bySize) {
      const [oldest] = swarms;
      if (oldest === but || capacity * swarms.size <= most) continue;
      [victim, most] = [oldest, capacity * swarms.size];
    }
    this.forget(victim as Swarm<C>);
  }

  #tableFor(swarm: Swarm<C>, unitBytes: number): Leases<Membership<C>> {
    const table = this.#tables.get(swarm);
    // Nobody counts in the units of one that is forsaken any more.
    if (table && !(table.isForsaken && table.unitBytes !== unitBytes)) return table;
    this.forget(swarm);
    const fresh = new Leases<Membership<C>>(unitBytes);
    this.#keep(swarm, fresh);
    return fresh;
  }
}
