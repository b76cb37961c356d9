import type { Request } from '@zauberflote/proto';
import { contentKey, RefuseReason } from '@zauberflote/proto';
import type { Connections } from '../connection/types.ts';
import type { MemoryStore } from '../store/memory-store.ts';
import type { PeerId } from '../tracker/types.ts';

/** Requests one peer may have open here: eight downloads with the engine's pipeline of eight. */
export const MAX_OPEN_REQUESTS = 64;

/** Bytes in one fragment: small enough that several peers' fragments interleave on a slow uplink. */
export const FRAGMENT_BYTES = 16 * 1024;

interface Asker {
  /** Open requests by id, oldest first. */
  readonly queue: Map<number, Request>;
  sending: boolean;
}

/** Serves stored contents to peers, one range at a time and peer, as fast as each one reads. */
export class Uploads {
  readonly #connections: Connections;
  readonly #store: MemoryStore;
  readonly #askers = new Map<PeerId, Asker>();
  /** Bytes of content handed to the network since the page was opened. */
  bytes = 0;

  constructor(connections: Connections, store: MemoryStore) {
    this.#connections = connections;
    this.#store = store;
  }

  /** @returns false if the request breaks the protocol: its id is open already. */
  request(peer: PeerId, request: Request): boolean {
    let asker = this.#askers.get(peer);
    if (!asker) {
      asker = { queue: new Map(), sending: false };
      this.#askers.set(peer, asker);
    }
    if (asker.queue.has(request.requestId)) return false;
    if (asker.queue.size >= MAX_OPEN_REQUESTS)
      this.#refuse(peer, request.requestId, RefuseReason.BUSY);
    else {
      asker.queue.set(request.requestId, request);
      void this.#pump(peer, asker);
    }
    return true;
  }

  cancel(peer: PeerId, requestId: number): void {
    this.#askers.get(peer)?.queue.delete(requestId);
  }

  /** The peer takes more. */
  writable(peer: PeerId): void {
    const asker = this.#askers.get(peer);
    if (asker) void this.#pump(peer, asker);
  }

  closed(peer: PeerId): void {
    this.#askers.get(peer)?.queue.clear();
    this.#askers.delete(peer);
  }

  async #pump(peer: PeerId, asker: Asker): Promise<void> {
    if (asker.sending) return;
    asker.sending = true;
    for (const [id, request] of asker.queue) {
      if (!this.#connections.isWritable(peer)) break;
      await this.#serve(peer, asker, request);
      if (asker.queue.get(id) === request) asker.queue.delete(id);
    }
    asker.sending = false;
  }

  /** Sends one range, or why not. */
  async #serve(peer: PeerId, asker: Asker, request: Request): Promise<void> {
    const { requestId, content, length } = request;
    const asset = content && this.#store.get(contentKey(content));
    const start = Number(request.offset);
    if (!asset || start + length > asset.blob.size) {
      const reason = asset ? RefuseReason.OUT_OF_RANGE : RefuseReason.NOT_HELD;
      return this.#refuse(peer, requestId, reason);
    }
    const data = new Uint8Array(await asset.blob.slice(start, start + length).arrayBuffer());
    const step = Math.min(FRAGMENT_BYTES, this.#connections.maxFragmentBytes(peer));
    for (let offset = 0; offset < length; offset += step) {
      // Cancelled, or the peer gone, while this was read.
      if (asker.queue.get(requestId) !== request) return;
      const fragment = data.subarray(offset, offset + step);
      const value = { requestId, offset, data: fragment };
      if (!this.#connections.send(peer, { case: 'fragment', value })) return;
      this.bytes += fragment.length;
    }
  }

  #refuse(peer: PeerId, requestId: number, reason: RefuseReason): void {
    this.#connections.send(peer, { case: 'refuse', value: { requestId, reason } });
  }
}
