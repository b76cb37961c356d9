import type { Request } from '@zauberflote/proto';
import { contentKey, RefuseReason } from '@zauberflote/proto';
import type { Connections } from '../connection/types.ts';
import type { MemoryStore } from '../store/memory-store.ts';
import type { PeerId } from '../tracker/types.ts';

/** Requests one peer may have open here: a page of 60 assets, each with the engine's pipeline of 8. */
export const MAX_OPEN_REQUESTS = 512;

/** Bytes in one fragment: small enough that several peers' fragments interleave on a slow uplink. */
export const FRAGMENT_BYTES = 16 * 1024;

/**
 * Peers that take less in one message are not served: RFC 8841 has 65,536 bytes for the default,
 * and tiny messages cost more than they carry.
 */
export const MIN_FRAGMENT_BYTES = 1024;

/** A range that is being sent. */
interface Job {
  readonly request: Request;
  /** Bytes of it that were handed to the network. */
  sent: number;
}

interface Asker {
  /** Open requests by id, oldest first. */
  readonly queue: Map<number, Job>;
  state: 'idle' | 'sending';
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
      asker = { queue: new Map(), state: 'idle' };
      this.#askers.set(peer, asker);
    }
    if (asker.queue.has(request.requestId)) return false;
    if (asker.queue.size >= MAX_OPEN_REQUESTS)
      this.#refuse(peer, request.requestId, RefuseReason.BUSY);
    else {
      asker.queue.set(request.requestId, { request, sent: 0 });
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
    if (asker.state === 'sending') return;
    asker.state = 'sending';
    for (const [id, job] of asker.queue) {
      if (!this.#connections.isWritable(peer)) break;
      const current = () => asker.queue.get(id) === job;
      const refusal = await this.#send(peer, job, current).catch(() => RefuseReason.NOT_HELD);
      if (!current()) continue;
      if (refusal !== undefined) this.#refuse(peer, id, refusal);
      else if (job.sent < job.request.length) break;
      asker.queue.delete(id);
    }
    asker.state = 'idle';
  }

  /**
   * Sends the rest of a range, as far as the peer takes it for now.
   * @param current whether it is still wanted
   * @returns why it cannot be sent at all
   */
  async #send(peer: PeerId, job: Job, current: () => boolean): Promise<RefuseReason | undefined> {
    const { requestId, content, length } = job.request;
    const asset = content && this.#store.get(contentKey(content));
    const start = Number(job.request.offset);
    if (!asset) return RefuseReason.NOT_HELD;
    if (start + length > asset.blob.size) return RefuseReason.OUT_OF_RANGE;
    const step = Math.min(FRAGMENT_BYTES, this.#connections.maxFragmentBytes(peer));
    if (step < MIN_FRAGMENT_BYTES) return RefuseReason.NOT_SERVING;
    const from = job.sent;
    const slice = asset.blob.slice(start + from, start + length);
    const data = new Uint8Array(await slice.arrayBuffer());
    while (job.sent < length && current() && this.#connections.isWritable(peer)) {
      const fragment = data.subarray(job.sent - from, job.sent - from + step);
      const value = { requestId, offset: job.sent, data: fragment };
      if (!this.#connections.send(peer, { case: 'fragment', value })) break;
      job.sent += fragment.length;
      this.bytes += fragment.length;
    }
    return undefined;
  }

  #refuse(peer: PeerId, requestId: number, reason: RefuseReason): void {
    this.#connections.send(peer, { case: 'refuse', value: { requestId, reason } });
  }
}
