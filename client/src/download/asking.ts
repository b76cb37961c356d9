import type { Fragment, Init, Refuse, Request } from '@zauberflote/proto';
import { MAX_REQUEST_BYTES, RefuseReason } from '@zauberflote/proto';
import type { Connections } from '../connection/types.ts';
import type { ChunkRange } from '../engine/types.ts';
import type { PeerId } from '../tracker/types.ts';
import type { Download } from './download.ts';
import { Requests } from './requests.ts';

/** Asks peers for what downloads want of them, and gives each what comes of it. */
export class Asking {
  readonly #connections: Connections;
  readonly #requests = new Requests();

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  /** What a peer is asked for first, so that it can be said while the connection opens. */
  first(
    peer: PeerId,
    active: Iterable<{ readonly download: Download }>,
  ): Init<Request> | undefined {
    for (const { download } of active) {
      const range = download.first(peer);
      if (range) return this.#note(download, peer, range, 0, true);
    }
    return undefined;
  }

  /**
   * A connection is open.
   * @param hasAsked whether what was chosen first went with the answer
   * @param tell tells downloads, who may ask for that
   */
  opened(peer: PeerId, hasAsked: boolean, tell: () => void): void {
    if (!hasAsked) this.#requests.dropFirst(peer);
    tell();
    // Meanwhile others were asked for it.
    const requestId = this.#requests.dropFirst(peer);
    if (requestId) this.#connections.send(peer, { case: 'cancel', value: { requestId } });
  }

  /** See {@link DownloadContext}. */
  request(download: Download, peer: PeerId, range: ChunkRange): (() => void) | undefined {
    if (!this.#connections.isOpen(peer)) return undefined;
    const first = range.isFirst ? this.#requests.takeFirst(peer) : undefined;
    const ids = first ? [first] : [];
    for (let base = first ? MAX_REQUEST_BYTES : 0; base < range.length; base += MAX_REQUEST_BYTES) {
      const value = this.#note(download, peer, range, base);
      this.#connections.send(peer, { case: 'request', value });
      ids.push(value.requestId);
    }
    return () => {
      for (const requestId of ids)
        if (this.#requests.delete(peer, requestId))
          this.#connections.send(peer, { case: 'cancel', value: { requestId } });
    };
  }

  refused(peer: PeerId, { requestId, reason }: Refuse): void {
    const request = this.#requests.get(peer, requestId);
    if (!request) return;
    this.#requests.delete(peer, requestId);
    const lasting = reason !== RefuseReason.BUSY;
    request.download.tell({ type: 'refused', peer, chunk: request.chunk, lasting });
  }

  fragment(peer: PeerId, { requestId, offset, data }: Fragment): void {
    const request = this.#requests.get(peer, requestId);
    if (!request) return;
    if (offset + data.length > request.length)
      return this.#connections.disconnect(peer, 'malformed');
    // Bytes that come twice end it early; the engine bars who sends them.
    request.missing -= data.length;
    if (request.missing <= 0) this.#requests.delete(peer, requestId);
    request.download.receive(peer, request.chunk, request.base + offset, data);
  }

  /** The connection ended. */
  closed(peer: PeerId): void {
    this.#requests.closed(peer);
  }

  /** Notes a request of what begins at `base` in the chunk, as long as one may be. */
  #note(download: Download, peer: PeerId, range: ChunkRange, base: number, isFirst?: boolean) {
    const { chunk, offset, length } = range;
    const part = Math.min(MAX_REQUEST_BYTES, length - base);
    const open = { download, chunk, base, length: part, missing: part };
    const requestId = this.#requests.add(peer, open, isFirst);
    const { content } = download;
    return { requestId, content, offset: BigInt(offset + base), length: part };
  }
}
