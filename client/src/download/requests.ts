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
  /** Those that went with answers, while the connections open. */
  readonly #firsts = new Map<PeerId, number>();

  /**
   * Notes a request and gives it an id.
   * @param isFirst whether it goes to the peer before there is a connection; another may take its place
   */
  add(peer: PeerId, request: OpenRequest, isFirst?: boolean): number {
    if (isFirst) this.dropFirst(peer);
    let table = this.#peers.get(peer);
    if (!table) {
      table = { last: 0, open: new Map() };
      this.#peers.set(peer, table);
    }
    table.open.set(++table.last, request);
    if (isFirst) this.#firsts.set(peer, table.last);
    return table.last;
  }

  /** The id of that one, which is as any other from now on. */
  takeFirst(peer: PeerId): number | undefined {
    const id = this.#firsts.get(peer);
    this.#firsts.delete(peer);
    return id;
  }

  /** Forgets it, if it was not taken. @returns its id */
  dropFirst(peer: PeerId): number | undefined {
    const id = this.takeFirst(peer);
    if (id) this.delete(peer, id);
    return id;
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
    this.#firsts.delete(peer);
  }
}
