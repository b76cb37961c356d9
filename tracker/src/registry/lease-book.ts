import type { Grant, Lease } from '@zauberflote/proto';
import * as limits from '../limits.ts';
import { Leases } from './leases.ts';
import type { Membership, Swarm } from './swarm.ts';

/** The leases of all swarms, within a bounded memory. */
export class LeaseBook<C> {
  /** The least recently used first. */
  readonly #tables = new Map<Swarm<C>, Leases<Membership<C>>>();
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
    const { unitBytes, capacity } = table;
    if (unitBytes !== lease.unitBytes) return { first: 0, count: 0, unitBytes };
    const units = table.ask(membership, lease, swarm.partial, now);
    this.#capacity += table.capacity - capacity;
    // The table in use is the youngest, and no table alone is too large.
    for (const oldest of this.#tables.keys()) {
      if (this.#capacity <= limits.MAX_LEASE_UNITS) break;
      this.forget(oldest);
    }
    return { ...units, unitBytes };
  }

  /** To be called before the member is removed from its swarm. */
  leave(membership: Membership<C>, now: number): void {
    this.#tables.get(membership.swarm)?.leave(membership, now);
  }

  forget(swarm: Swarm<C>): void {
    this.#capacity -= this.#tables.get(swarm)?.capacity ?? 0;
    this.#tables.delete(swarm);
  }

  /** Ends leases that were not confirmed; looks at every swarm that has leases. */
  expire(now: number): void {
    for (const table of this.#tables.values()) table.expire(now);
  }

  #tableFor(swarm: Swarm<C>, unitBytes: number): Leases<Membership<C>> {
    let table = this.#tables.get(swarm);
    // Nobody counts in its units any more.
    if (table?.isForsaken && table.unitBytes !== unitBytes) {
      this.forget(swarm);
      table = undefined;
    }
    if (!table) {
      table = new Leases(unitBytes);
      this.#capacity += table.capacity;
    }
    this.#tables.delete(swarm);
    this.#tables.set(swarm, table);
    return table;
  }
}
