import type { IpVersion, Peer } from './peer.ts';

/** One peer's place in one swarm. */
export interface Membership<C> {
  readonly peer: Peer<C>;
  readonly swarm: Swarm<C>;
  /** Size in bytes as announced. */
  size: bigint;
  /** Whether it is still downloading; changed by the swarm only. */
  partial: boolean;
  /** Whether another node heard of it by a Lease of its peer. */
  isForwarded: boolean;
  /** Where it stands in the swarm's list of those like it; kept by the swarm. */
  index: number;
}

/**
 * The holders of one content, the complete ones apart from those still downloading. Every operation
 * takes time independent of how many there are.
 */
export class Swarm<C> {
  readonly key: string;
  // Their order means nothing, so removing moves the last into the gap and sampling may shuffle.
  readonly #complete: Membership<C>[] = [];
  readonly #partial: Membership<C>[] = [];

  constructor(key: string) {
    this.key = key;
  }

  /** Complete holders. */
  get complete(): number {
    return this.#complete.length;
  }

  /** Partial holders. */
  get partial(): number {
    return this.#partial.length;
  }

  /** All of them as they are now, in no order. */
  members(): readonly Membership<C>[] {
    return [...this.#complete, ...this.#partial];
  }

  add(peer: Peer<C>, size: bigint, partial: boolean): Membership<C> {
    const membership = { peer, swarm: this, size, partial, isForwarded: false, index: 0 };
    this.#insert(membership);
    return membership;
  }

  /** A member announced the content anew. */
  update(membership: Membership<C>, size: bigint, partial: boolean): void {
    membership.size = size;
    if (membership.partial === partial) return;
    this.remove(membership);
    membership.partial = partial;
    this.#insert(membership);
  }

  remove(membership: Membership<C>): void {
    const list = this.#listOf(membership);
    swap(list, membership.index, list.length - 1);
    list.pop();
  }

  /**
   * Up to `count` members without `except`, in O(count): complete ones, and partial ones only where
   * there are too few of those; of each, every set is equally likely, but that of those drawn
   * that have another version of IP every second gives way to one that has it: nobody is preferred more than twofold.
   * @param ipVersion which to prefer; 0: none
   * @param random uniform over [0, 1)
   */
  sample(
    count: number,
    except: Membership<C> | undefined,
    ipVersion: IpVersion,
    random: () => number,
  ): readonly Membership<C>[] {
    const complete = sample(this.#complete, count, except, ipVersion, random);
    const left = count - complete.length;
    return left > 0
      ? [...complete, ...sample(this.#partial, left, except, ipVersion, random)]
      : complete;
  }

  #insert(membership: Membership<C>): void {
    membership.index = this.#listOf(membership).push(membership) - 1;
  }

  #listOf({ partial }: Membership<C>): Membership<C>[] {
    return partial ? this.#partial : this.#complete;
  }
}

/** Those with most holders among the first `looks` of `swarms`, the largest first. */
export function largest<C>(swarms: Iterable<Swarm<C>>, count: number, looks: number): Swarm<C>[] {
  const holders = ({ complete, partial }: Swarm<C>) => complete + partial;
  const found: Swarm<C>[] = [];
  let left = looks;
  for (const swarm of swarms) {
    if (left-- === 0) break;
    if (found.length === count && holders(swarm) <= holders(found.at(-1)!)) continue;
    const place = found.findIndex((other) => holders(other) < holders(swarm));
    found.splice(place < 0 ? found.length : place, 0, swarm);
    if (found.length > count) found.pop();
  }
  return found;
}

function sample<C>(
  list: Membership<C>[],
  count: number,
  except: Membership<C> | undefined,
  ipVersion: IpVersion,
  random: () => number,
): Membership<C>[] {
  let candidates = list.length;
  if (except && list[except.index] === except) swap(list, except.index, --candidates);
  const taken = Math.min(count, candidates);
  // The first steps of a Fisher-Yates shuffle.
  for (let i = 0; i < taken; i++) {
    const isPreferred = (place: number) => list[place]!.peer.ipVersion === ipVersion;
    const lot = random() * (candidates - i);
    let place = i + Math.floor(lot);
    // In half of those cases: the rest of the number is as much by chance.
    if (ipVersion !== 0 && lot % 1 < 0.5 && !isPreferred(place)) {
      const second = i + Math.floor(random() * (candidates - i));
      if (isPreferred(second)) place = second;
    }
    swap(list, i, place);
  }
  return list.slice(0, taken);
}

function swap<C>(list: Membership<C>[], i: number, j: number): void {
  const a = list[i]!;
  const b = list[j]!;
  list[i] = b;
  list[j] = a;
  b.index = i;
  a.index = j;
}
