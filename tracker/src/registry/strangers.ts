import { Stranger } from './peer.ts';

/** The peers of other nodes that somebody here was named, or signals with. */
export class Strangers<C> {
  readonly #byId = new Map<bigint, Stranger<C>>();
  readonly #isTaken: (id: bigint) => boolean;

  /** @param isTaken whether a peer that is connected here has an id */
  constructor(isTaken: (id: bigint) => boolean) {
    this.#isTaken = isTaken;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: bigint): Stranger<C> | undefined {
    return this.#byId.get(id);
  }

  /** The one with this id; undefined if it is the id of a peer of this node, or of a third. */
  meet(id: bigint, node: string): Stranger<C> | undefined {
    if (this.#isTaken(id)) return undefined;
    const known = this.#byId.get(id);
    if (known) return known.node === node ? known : undefined;
    const stranger = new Stranger<C>(id, node);
    this.#byId.set(id, stranger);
    return stranger;
  }

  /** It is gone: nobody here may signal to it any more. */
  forget(stranger: Stranger<C>): void {
    stranger.forgetIntroductions();
    this.#byId.delete(stranger.id);
  }

  /** Forgets those that nobody here has to do with; looks at all. */
  sweep(): void {
    for (const stranger of this.#byId.values())
      if (stranger.isForgettable) this.#byId.delete(stranger.id);
  }
}
