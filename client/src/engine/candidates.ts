import type { Peer } from './peers.ts';
import { Peers } from './peers.ts';
import type { PeerId } from './types.ts';

/** Which of the known peers may give the content as it is laid out here. */
export class Candidates {
  readonly peers = new Peers();
  /** Bytes of the content; undefined while unknown. */
  #size: number | undefined;
  /** Kept until a state or a size changes: it is asked for at every fragment. */
  #open: readonly Peer[] | undefined;
  /** In isolation, whose turn it is: a liar is told from the others by asking one at a time. */
  #soloist: PeerId | 'nobody' | undefined;

  /** Whether one is left, now or after a pause. */
  get isAny(): boolean {
    for (const peer of this.peers.all()) if (this.includes(peer)) return true;
    return false;
  }

  /** Whether any of them is open or being opened. */
  get isEngaged(): boolean {
    for (const peer of this.peers.all())
      if (this.includes(peer) && peer.state !== 'known') return true;
    return false;
  }

  /** Whether one of them is said to have the whole. */
  get hasSeeders(): boolean {
    for (const peer of this.peers.all()) if (peer.has === 'all' && this.includes(peer)) return true;
    return false;
  }

  /** Those that are open. */
  get open(): readonly Peer[] {
    this.#open ??= [...this.peers.all()].filter(
      (peer) => peer.state === 'open' && this.includes(peer),
    );
    return this.#open;
  }

  /** Whether nobody has its turn: one may still become complete. */
  get areMute(): boolean {
    return this.#soloist === 'nobody';
  }

  includes(peer: Peer): boolean {
    if (peer.state === 'spent') return false;
    if (typeof this.#soloist === 'bigint' && peer.id !== this.#soloist) return false;
    const size = this.#size;
    // Partial holders may not know it yet.
    return size === undefined || peer.size === size || (peer.size === 0 && peer.has !== 'all');
  }

  /** The state, the size or the completeness of a peer has changed. */
  changed(): void {
    this.#open = undefined;
  }

  /** The content has this size from now on. */
  setSize(size: number | undefined): void {
    this.#size = size;
    this.changed();
  }

  /** From now on one peer at a time, and only who has it all. */
  isolate(): void {
    this.#soloist = 'nobody';
    this.changed();
  }

  /**
   * In isolation, chooses whose turn it is.
   * @returns the size to be laid out for that; undefined: there is nothing to change
   */
  chooseSoloist(): number | undefined {
    if (this.#soloist === undefined) return undefined;
    const size = this.#size;
    const now = typeof this.#soloist === 'bigint' ? this.peers.get(this.#soloist) : undefined;
    if (now && now.state !== 'spent' && now.size === size) return undefined;
    this.isolate();
    let next: Peer | undefined;
    for (const peer of this.peers.all())
      if (peer.state !== 'spent' && peer.has === 'all' && peer.size > 0)
        if (!next || (next.size !== size && peer.size === size)) next = peer;
    if (next?.size === size && next) this.#soloist = next.id;
    return next?.size;
  }
}
