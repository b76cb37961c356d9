import type { PeerId } from '../tracker/types.ts';
import type { Download } from './download.ts';

/** A request this side has open with a peer. */
export interface OpenRequest {
  readonly download: Download;
  readonly chunk: number;
  /** Where the range begins, from the start of the chunk: long chunks take several. */
  readonly base: number;
  readonly length: number;
  /** Bytes of it that have not come. */
  missing: number;
}

/** Request ids by connection: fragments name only these. */
export class Requests {
  readonly #peers = new Map<PeerId, { last: number; open: Map<number, OpenRequest> }>();

  /** Notes a request and gives it an id. */
  add(peer: PeerId, request: OpenRequest): number {
    let table = this.#peers.get(peer);
    if (!table) {
      table = { last: 0, open: new Map() };
      this.#peers.set(peer, table);
    }
    table.open.set(++table.last, request);
    return table.last;
  }

  get(peer: PeerId, id: number): OpenRequest | undefined {
    return this.#peers.get(peer)?.open.get(id);
  }

  delete(peer: PeerId, id: number): boolean {
    return this.#peers.get(peer)?.open.delete(id) ?? false;
  }

  /** The connection ended; a new one numbers anew. */
  closed(peer: PeerId): void {
    this.#peers.delete(peer);
  }
}
