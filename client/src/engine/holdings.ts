import { Bitfield } from './bitfield.ts';
import type { Candidates } from './candidates.ts';
import type { Chunks } from './chunks.ts';
import type { Layout } from './layout.ts';
import { layoutOf, MAX_CHUNKS } from './layout.ts';
import type { Peer } from './peers.ts';
import type { Effect, EventOf } from './types.ts';

/** Who holds what, as the peers say, and what they are told in return. */
export class Holdings {
  readonly #candidates: Candidates;
  readonly #do: (effect: Effect) => void;
  #chunks: Chunks | undefined;
  /** Chunks that peers were told are coming. */
  #promised = new Bitfield(0);

  constructor(candidates: Candidates, emit: (effect: Effect) => void) {
    this.#candidates = candidates;
    this.#do = emit;
  }

  /** What is to be fetched, from the start. Peers that were greeted are greeted again. */
  begin(chunks: Chunks | undefined): void {
    const before = this.#chunks?.layout;
    this.#chunks = chunks;
    this.#promised = new Bitfield(chunks?.layout.count ?? 0);
    for (const peer of this.#candidates.peers.all()) {
      peer.greeted = false;
      peer.coming = undefined;
      // Who said it in these chunks before they were known here does not say it again.
      if (typeof peer.has === 'object' && before) peer.early = { ...before, has: peer.has };
      if (peer.has !== 'all') peer.has = 'nothing';
      const { early, state } = peer;
      if (early && state === 'open' && this.#isInUse(early)) this.#set(peer, early.has.bytes);
    }
  }

  /** What the peer said is replaced by this. */
  said(peer: Peer, { size, chunkSize, complete, bitfield }: EventOf<'holdings'>): void {
    this.forget(peer);
    if (size > 0) peer.size = size;
    peer.early = undefined;
    peer.has = complete ? 'all' : 'nothing';
    this.#candidates.changed();
    if (complete) return;
    if (this.#isInUse({ size, chunkSize })) return this.#set(peer, bitfield);
    const count = Math.min(layoutOf(size, chunkSize).count, MAX_CHUNKS);
    peer.early = { size, chunkSize, count, has: new Bitfield(count, bitfield) };
  }

  /** The peer has these, too. */
  got(peer: Peer, more: readonly number[]): void {
    const chunks = this.#chunks;
    if (peer.has === 'all') return;
    if (peer.early && peer.early.size > 0) {
      for (const chunk of more) if (chunk < peer.early.count) peer.early.has.add(chunk);
      return;
    }
    // It began with nothing, not even the layout, which it has by now.
    if (!chunks || !this.#maySay(peer)) return;
    if (peer.has === 'nothing') peer.has = new Bitfield(chunks.layout.count);
    for (const chunk of more)
      if (chunks.exists(chunk) && peer.has.add(chunk)) {
        chunks.addHolder(chunk);
        peer.busyWith.delete(chunk);
      }
    if (peer.has.size < chunks.layout.count) return;
    this.forget(peer);
    peer.has = 'all';
    peer.size = chunks.layout.size;
    this.#candidates.changed();
  }

  /** The peer should soon have these, too. */
  coming(peer: Peer, more: readonly number[]): void {
    const chunks = this.#chunks;
    if (!chunks || !this.#maySay(peer)) return;
    peer.coming ??= new Bitfield(chunks.layout.count);
    for (const chunk of more) if (chunks.exists(chunk)) peer.coming.add(chunk);
  }

  /** Whatever parts the peer said it has, it is not asked for them any more. */
  forget(peer: Peer): void {
    const { has } = peer;
    peer.coming = undefined;
    peer.busyWith.clear();
    if (typeof has !== 'object') return;
    peer.has = 'nothing';
    for (let chunk = 0; chunk < (this.#chunks?.layout.count ?? 0); chunk++)
      if (has.has(chunk)) this.#chunks?.removeHolder(chunk);
  }

  /** Complete holders need not know what is here: they are asked for it at once. */
  greet(peer: Peer): void {
    if (peer.greeted || peer.has === 'all') return;
    peer.greeted = true;
    const { layout, servable } = this.#chunks ?? {};
    const bitfield = servable?.bytes.slice() ?? new Uint8Array();
    this.#do({ type: 'holdings', peer: peer.id, layout, bitfield });
  }

  /** Tells those who lack a chunk that it is here. */
  offer(chunk: number): void {
    for (const peer of this.#candidates.open)
      if (peer.greeted && !holdsChunk(peer, chunk))
        this.#do({ type: 'got', peer: peer.id, chunks: [chunk] });
  }

  /** Tells those who lack a chunk that it should soon be here; once, as they need not believe it twice. */
  promise(chunk: number): void {
    if (!this.#promised.add(chunk)) return;
    for (const peer of this.#candidates.open)
      if (peer.greeted && !holdsChunk(peer, chunk) && !peer.coming?.has(chunk))
        this.#do({ type: 'coming', peer: peer.id, chunks: [chunk] });
  }

  isPromised(chunk: number): boolean {
    return this.#promised.has(chunk);
  }

  /** Whether the peer speaks of the chunks here, as far as it said. */
  #maySay({ has, size }: Peer): boolean {
    return has !== 'nothing' || size === 0 || size === this.#chunks?.layout.size;
  }

  /** Whether these are the chunks of the content here. */
  #isInUse({ size, chunkSize }: Pick<Layout, 'size' | 'chunkSize'>): boolean {
    const layout = this.#chunks?.layout;
    return size === layout?.size && chunkSize === layout.chunkSize;
  }

  #set(peer: Peer, bitfield: Uint8Array): void {
    const chunks = this.#chunks as Chunks;
    const has = new Bitfield(chunks.layout.count, bitfield);
    peer.early = undefined;
    peer.has = has.size === chunks.layout.count ? 'all' : has;
    peer.size = chunks.layout.size;
    this.#candidates.changed();
    for (let chunk = 0; chunk < chunks.layout.count; chunk++)
      if (peer.has === has && has.has(chunk)) chunks.addHolder(chunk);
  }
}

export function holdsChunk({ has }: Peer, chunk: number): boolean {
  return has === 'all' || (has !== 'nothing' && has.has(chunk));
}
