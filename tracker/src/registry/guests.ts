import * as limits from '../limits.ts';

/** A node some of whose peers have sent a Lease. */
interface Node {
  /** How many of them. */
  guests: number;
  /** How many there download the content, and when it said so. */
  readonly downloading: number;
  readonly at: number;
}

/** The peers of other nodes that have sent a Lease of one content. */
export class Guests {
  /** By id: its node, and when it was last heard; the longest ago comes first. */
  readonly #guests = new Map<bigint, { readonly node: string; readonly at: number }>();
  readonly #nodes = new Map<string, Node>();

  get size(): number {
    return this.#guests.size;
  }

  hear(peerId: bigint, node: string, downloading: number, now: number): void {
    this.leave(peerId);
    this.#guests.set(peerId, { node, at: now });
    const guests = (this.#nodes.get(node)?.guests ?? 0) + 1;
    this.#nodes.set(node, { guests, downloading, at: now });
  }

  /** Those of a node. */
  of(node: string): readonly bigint[] {
    return [...this.#guests.keys()].filter((peerId) => this.#guests.get(peerId)?.node === node);
  }

  /** How many download the content at other nodes, as far as these said so lately. */
  downloading(now: number): number {
    let sum = 0;
    for (const { downloading, at } of this.#nodes.values())
      if (now < at + limits.LEASE_TTL_MS) sum += downloading;
    return sum;
  }

  leave(peerId: bigint): void {
    const guest = this.#guests.get(peerId);
    if (!guest) return;
    this.#guests.delete(peerId);
    const node = this.#nodes.get(guest.node);
    if (node && --node.guests === 0) this.#nodes.delete(guest.node);
  }

  /** Forgets those of whom nothing was heard for long: their nodes may have ended. @returns who they were */
  expire(now: number): readonly bigint[] {
    const silent: bigint[] = [];
    for (const [peerId, { at }] of this.#guests) {
      if (now < at + limits.MAX_LEASE_MS) break;
      this.leave(peerId);
      silent.push(peerId);
    }
    return silent;
  }
}
