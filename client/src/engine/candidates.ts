import type { Peer } from './peers.ts';
import { Peers } from './peers.ts';
import { TURN_MS } from './tuning.ts';
import type { PeerId } from './types.ts';

/** The peers by what they are good for. */
interface Sorted {
  /** Candidates that are open; these and the ones being opened. */
  readonly open: readonly Peer[];
  readonly engaged: readonly Peer[];
  /** Candidates to be tried, now or later; those of them that failed before, and so pause. */
  readonly known: readonly Peer[];
  readonly failed: readonly Peer[];
  /** All that are open: who is no candidate any more may still have been asked for something. */
  readonly connected: readonly Peer[];
  /** How many connections are being opened, to whomever. */
  readonly connecting: number;
  /** Whether a candidate is said to have the whole; how many engaged ones are. */
  readonly hasSeeder: boolean;
  /** Whether one is said to have a part, or nothing yet. */
  readonly hasLeecher: boolean;
  readonly engagedSeeders: number;
}

/** Which of the known peers may give the content as it is laid out here. */
export class Candidates {
  readonly peers = new Peers();
  /** Bytes of the content; undefined while unknown. */
  #size: number | undefined;
  /** Kept until a peer changes: it is asked for at every event, and there may be hundreds of them. */
  #sorted: Sorted | undefined;
  /** In isolation, whose turn it is: a liar is told from the others by asking one at a time. */
  #soloist: PeerId | 'nobody' | undefined;
  /** Since when. */
  #turnSince = 0;

  /** Those that are open. */
  get open(): readonly Peer[] {
    return this.sorted.open;
  }

  get sorted(): Sorted {
    this.#sorted ??= this.#sort();
    return this.#sorted;
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

  /** A peer is new, or its state, its size or its completeness has changed. */
  changed(): void {
    this.#sorted = undefined;
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
  chooseSoloist(now: number): number | undefined {
    if (this.#soloist === undefined) return undefined;
    const size = this.#size;
    const current = this.#current;
    if (current && current.state !== 'spent' && current.size === size) return undefined;
    this.isolate();
    // Of this size, and then who has let the fewest requests pass.
    const [next] = this.#soloists().sort(
      (a, b) => Number(b.size === size) - Number(a.size === size) || missed(a) - missed(b),
    );
    if (next && next.size === size) [this.#soloist, this.#turnSince] = [next.id, now];
    return next?.size;
  }

  /**
   * In isolation, ends the turn of a silent or slow peer if another may have it that was less so.
   * @returns whether it did
   */
  passTurn(peer: Peer): boolean {
    const isLeast = this.#soloists().every((other) => missed(other) >= missed(peer));
    if (this.#soloist !== peer.id || isLeast) return false;
    this.isolate();
    return true;
  }

  /**
   * In isolation, ends the turn of who had its time for a chunk, if another may have it: else one could keep it with a byte
   * now and then.
   * @param servedAt when a peer last completed a chunk
   * @returns whose turn is over
   */
  endTurn(servedAt: number, now: number): Peer | undefined {
    const peer = this.#current;
    if (!peer || now < this.turnUntil(servedAt)) return undefined;
    this.#turnSince = now;
    peer.turns++;
    return this.passTurn(peer) ? peer : undefined;
  }

  /** When the turn is over of whose it is; 0 where it is nobody's. */
  turnUntil(servedAt: number): number {
    const peer = this.#current;
    return peer ? Math.max(this.#turnSince, servedAt) + TURN_MS * 2 ** Math.min(peer.turns, 3) : 0;
  }

  get #current(): Peer | undefined {
    return typeof this.#soloist === 'bigint' ? this.peers.get(this.#soloist) : undefined;
  }

  /** Who may have a turn. */
  #soloists(): Peer[] {
    return [...this.peers.all()].filter(
      ({ state, has, size }) => state !== 'spent' && has === 'all' && size > 0,
    );
  }

  #sort(): Sorted {
    const all = [...this.peers.all()];
    const candidates = all.filter((peer) => this.includes(peer));
    const known = candidates.filter(({ state }) => state === 'known');
    const engaged = candidates.filter(({ state }) => state !== 'known');
    return {
      open: engaged.filter(({ state }) => state === 'open'),
      engaged,
      known,
      failed: known.filter(({ failures }) => failures > 0),
      connected: all.filter(({ state }) => state === 'open'),
      connecting: all.filter(({ state }) => state === 'connecting').length,
      hasSeeder: candidates.some(
        ({ has, state, failures }) => has === 'all' && (state !== 'known' || failures === 0),
      ),
      hasLeecher: candidates.some(({ has }) => has !== 'all'),
      engagedSeeders: engaged.filter(({ has }) => has === 'all').length,
    };
  }
}

/** Requests and turns that it let pass. */
function missed({ timeouts, turns }: Peer): number {
  return timeouts + turns;
}
