import { Bitfield } from '../engine/bitfield.ts';
import type { Layout } from '../engine/layout.ts';
import { chunkLength } from '../engine/layout.ts';
import type { PeerId } from '../engine/types.ts';
import { concat } from '../sources/http.ts';
import { RangeBuffer } from './range-buffer.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** A chunk that a peer was asked for. */
interface Pending {
  readonly length: number;
  readonly cancel: () => void;
  /** Made when the first fragment comes: a peer that sends nothing costs nothing. */
  data: Bytes | undefined;
}

/**
 * The bytes of one content on their way: they come in fragments from peers and in ranges from the
 * origin, are taken out chunk by chunk to be hashed, and are kept and served. What happens to which
 * chunk is the engine's to say. A `peer` that is undefined stands for the origin.
 */
export class ChunkBytes {
  layout: Layout | undefined;
  readonly #pending = new Map<PeerId, Map<number, Pending>>();
  readonly #ranges = new Map<number, RangeBuffer>();
  /** Bytes of chunks being hashed. */
  #hashing = 0;
  /** The chunk whose hash is known, until the engine has said what to do with it. */
  #hashed: { chunk: number; peer: PeerId | undefined; data: Bytes } | undefined;
  readonly #kept = new Map<number, Bytes>();
  readonly #servable = new Set<number>();
  #keptBytes = 0;

  /** Of the whole content, once known. */
  get size(): number | undefined {
    return this.layout?.size;
  }

  /** Bytes that are kept or being hashed, and those of the origin on their way. */
  get loaded(): number {
    let loaded = this.#keptBytes + this.#hashing;
    for (const { length } of this.#ranges.values()) loaded += length;
    return loaded;
  }

  /** Chunks that may be given to others. */
  get servable(): Uint8Array<ArrayBuffer> {
    const servable = new Bitfield(this.layout?.count ?? 0);
    for (const chunk of this.#servable) servable.add(chunk);
    return servable.bytes;
  }

  /** A peer was asked for a chunk. */
  expect(peer: PeerId, chunk: number, length: number, cancel: () => void): void {
    let chunks = this.#pending.get(peer);
    if (!chunks) {
      chunks = new Map();
      this.#pending.set(peer, chunks);
    }
    chunks.set(chunk, { length, cancel, data: undefined });
  }

  /**
   * Bytes of a chunk, `offset` from its start; they must not change any more.
   * @returns false if the peer was not asked for it
   */
  fragment(peer: PeerId, chunk: number, offset: number, data: Uint8Array): boolean {
    const pending = this.#pending.get(peer)?.get(chunk);
    if (!pending) return false;
    if (!pending.data && isWhole(data, pending.length)) pending.data = data;
    else if (offset + data.length <= pending.length) {
      pending.data ??= new Uint8Array(pending.length);
      pending.data.set(data, offset);
    }
    return true;
  }

  /** A peer is not to send a chunk any more. */
  cancel(peer: PeerId, chunk: number): void {
    this.#takePending(peer, chunk)?.cancel();
  }

  /** The origin is asked for a range. @returns where its bytes go */
  beginRange(range: number): RangeBuffer {
    const buffer = new RangeBuffer();
    this.#ranges.set(range, buffer);
    return buffer;
  }

  endRange(range: number): void {
    this.#ranges.delete(range);
  }

  /**
   * Takes a chunk that has come, to be hashed. It may come from there again before `hashed`: that
   * copy has nothing to do with this one.
   */
  hash(chunk: number, peer: PeerId | undefined): Bytes {
    const data = this.#take(chunk, peer) as Bytes;
    this.#hashing += data.length;
    return data;
  }

  /** The hash of a chunk is known: `keep` or `drop` of it mean these bytes now, not what has come since. */
  hashed(chunk: number, peer: PeerId | undefined, data: Bytes): void {
    this.#hashing -= data.length;
    this.#hashed = { chunk, peer, data };
  }

  /** Keeps a chunk that was hashed or has come. */
  keep(chunk: number, peer: PeerId | undefined, servable: boolean): void {
    const data = this.drop(chunk, peer);
    if (!data) return;
    this.#kept.set(chunk, data);
    this.#keptBytes += data.length;
    if (servable) this.#servable.add(chunk);
  }

  /** Forgets a chunk that was hashed or has come. @returns what it was */
  drop(chunk: number, peer: PeerId | undefined): Bytes | undefined {
    const hashed = this.#hashed;
    if (hashed?.chunk !== chunk || hashed.peer !== peer) return this.#take(chunk, peer);
    this.#hashed = undefined;
    return hashed.data;
  }

  /** Forgets a chunk that was kept. */
  discard(chunk: number): void {
    this.#keptBytes -= this.#kept.get(chunk)?.length ?? 0;
    this.#kept.delete(chunk);
    this.#servable.delete(chunk);
  }

  /** Kept bytes that may be given to others; undefined if some of them are not here. */
  read(offset: number, length: number): Bytes | undefined {
    if (!this.layout) return undefined;
    const { chunkSize } = this.layout;
    const parts: Bytes[] = [];
    const first = Math.floor(offset / chunkSize);
    for (let chunk = first; chunk * chunkSize < offset + length; chunk++) {
      const data = this.#servable.has(chunk) ? this.#kept.get(chunk) : undefined;
      if (!data) return undefined;
      parts.push(data);
    }
    const start = offset - first * chunkSize;
    return concat(parts).subarray(start, start + length);
  }

  /** What is kept, from the first chunk to the last. */
  inOrder(): Bytes[] {
    return [...this.#kept].sort(([a], [b]) => a - b).map(([, data]) => data);
  }

  /** Cancels what peers were asked for, and forgets everything. */
  clear(): void {
    for (const chunks of this.#pending.values()) for (const { cancel } of chunks.values()) cancel();
    for (const map of [this.#pending, this.#ranges, this.#kept, this.#servable]) map.clear();
    this.#hashed = undefined;
    this.#keptBytes = 0;
  }

  #take(chunk: number, peer: PeerId | undefined): Bytes | undefined {
    if (peer !== undefined) return this.#takePending(peer, chunk)?.data;
    const layout = this.layout as Layout;
    const start = chunk * layout.chunkSize;
    const end = start + chunkLength(layout, chunk);
    for (const buffer of this.#ranges.values())
      if (buffer.has(start, end)) return buffer.take(start, end);
    return undefined;
  }

  #takePending(peer: PeerId, chunk: number): Pending | undefined {
    const chunks = this.#pending.get(peer);
    const pending = chunks?.get(chunk);
    chunks?.delete(chunk);
    return pending;
  }
}

/** Whether it is a whole chunk in a message of its own, of which all but a header is kept along. */
function isWhole(data: Uint8Array, length: number): data is Bytes {
  const { buffer } = data;
  return data.length === length && buffer instanceof ArrayBuffer && buffer.byteLength < 2 * length;
}
