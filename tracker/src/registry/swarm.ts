import type { Peer } from './peer.ts';

/** One peer's place in one swarm. */
export interface Membership<C> {
  readonly peer: Peer<C>;
  readonly swarm: Swarm<C>;
  /** Size in bytes as announced. */
  size: bigint;
  /** Where it stands in the swarm's list; kept by the swarm. */
  index: number;
}

/** The holders of one content. Every operation takes time independent of how many there are. */
export class Swarm<C> {
  readonly key: string;
  // The order means nothing, so removing moves the last into the gap and sampling may shuffle.
  readonly #members: Membership<C>[] = [];

  constructor(key: string) {
    this.key = key;
  }

  get size(): number {
    return this.#members.length;
  }

  add(peer: Peer<C>, size: bigint): Membership<C> {
    const membership = { peer, swarm: this, size, index: this.#members.length };
    this.#members.push(membership);
    return membership;
  }

  remove(membership: Membership<C>): void {
    this.#swap(membership.index, this.#members.length - 1);
    this.#members.pop();
  }

  /**
   * Up to `count` members, each set of them equally likely, without `except`, in O(count).
   * @param random uniform over [0, 1)
   */
  sample(
    count: number,
    except: Membership<C> | undefined,
    random: () => number,
  ): readonly Membership<C>[] {
    let candidates = this.#members.length;
    if (except) this.#swap(except.index, --candidates);
    const taken = Math.min(count, candidates);
    // The first steps of a Fisher-Yates shuffle.
    for (let i = 0; i < taken; i++) this.#swap(i, i + Math.floor(random() * (candidates - i)));
    return this.#members.slice(0, taken);
  }

  #swap(i: number, j: number): void {
    const a = this.#members[i]!;
    const b = this.#members[j]!;
    this.#members[i] = b;
    this.#members[j] = a;
    b.index = i;
    a.index = j;
  }
}
