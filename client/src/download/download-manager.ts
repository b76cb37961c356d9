import type { Holdings, PeerMessage } from '@zauberflote/proto';
import { contentKey } from '@zauberflote/proto';
import type { CloseReason, ConnectionHandlers, Connections } from '../connection/types.ts';
import type { EngineEvent, TrackerReach } from '../engine/types.ts';
import { ZfError } from '../errors.ts';
import type { Content } from '../integrity/content-id.ts';
import { parseContentId } from '../integrity/content-id.ts';
import type { Verifier } from '../integrity/digest.ts';
import { Manifests } from '../integrity/manifests.ts';
import type { Platform } from '../platform.ts';
import { KeptStore } from '../store/kept-store.ts';
import type { StoredAsset } from '../store/memory-store.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type {
  PeerId,
  SwarmReply,
  Tracker,
  TrackerHandlers,
  TrackerState,
} from '../tracker/types.ts';
import { ActiveDownload } from './active-download.ts';
import { Asking } from './asking.ts';
import { BlobReader } from './blob-reader.ts';
import { ContentStream } from './content-stream.ts';
import type { Download, DownloadContext } from './download.ts';
import { keyOfManifested, Lookup } from './lookup.ts';
import type { Sources } from './opening.ts';
import { open } from './opening.ts';
import type { BytesBySource, DownloadOptions, Downloads, StreamOptions } from './types.ts';
import type { Servable, UploadOptions } from './uploads.ts';
import { Uploads } from './uploads.ts';

/** What the manager wants to hear from the rooms below it. */
export type NetworkHandlers = Pick<TrackerHandlers, 'onState' | 'onPeers' | 'onGrant'> &
  ConnectionHandlers;

/** The rooms below, once they know their handlers. */
export interface Network {
  readonly tracker: Tracker;
  readonly connections: Connections;
}

/** Totals since the page was opened. */
export interface Stats {
  readonly tracker: TrackerState;
  /** This page's id at the tracker, in hex; undefined while there is no session. */
  readonly ownId: string | undefined;
  /** Open connections to peers. */
  readonly connections: number;
  /** Downloads under way. */
  readonly downloads: number;
  /** Contents this page can serve. */
  readonly assets: number;
  /** Bytes received by source, and `uploaded` to peers. */
  readonly bytes: Readonly<BytesBySource & { uploaded: number }>;
}

/** A content that is here. */
export type Asset = StoredAsset & {
  readonly content: Content;
  /** Its manifest, if it has one. */
  readonly manifest: Uint8Array<ArrayBuffer> | undefined;
};

export interface ManagerOptions extends Pick<UploadOptions, 'upload' | 'maxUploadBytesPerSecond'> {
  /** Most bytes of contents that are kept for later pages. @default 0: nothing outlives the page */
  readonly maxStoredBytes?: number | undefined;
  /** Where contents that are here are found; who puts some there announces them. @default none is here at first */
  readonly store?: MemoryStore<Asset> | undefined;
}

/** Reliable, verified downloads of contents by hash (paper, section 3.2), and serving them to others. */
export class DownloadManager implements Downloads {
  readonly #platform: Platform;
  readonly #verifier: Verifier;
  readonly #tracker: Tracker;
  readonly #connections: Connections;
  readonly #store: MemoryStore<Asset>;
  readonly #sources: Omit<Sources, 'lookUp'>;
  readonly #reader = new BlobReader();
  readonly #uploads: Uploads;
  readonly #asking: Asking;
  readonly #active = new Map<string, ActiveDownload>();
  readonly #lookups = new Set<Lookup>();
  readonly #open = new Set<PeerId>();
  readonly #received: BytesBySource = { peers: 0, origin: 0, store: 0 };
  #closed = false;

  constructor(
    platform: Platform,
    verifier: Verifier,
    connect: (handlers: NetworkHandlers) => Network,
    options: ManagerOptions = {},
  ) {
    this.#platform = platform;
    this.#verifier = verifier;
    this.#store = options.store ?? new MemoryStore();
    const manifests = new Manifests(verifier);
    const kept = new KeptStore(platform, options.maxStoredBytes);
    this.#sources = { platform, verifier, manifests, kept };
    const network = connect({
      onState: (state) => {
        this.#tellAll({ type: 'tracker', reach: reachOf(state) });
        if (state === 'open') this.#welcome(); // Offers left there went with the session before.
      },
      onPeers: (reply) => this.#onPeers(reply),
      onGrant: (contentKey, grant) =>
        this.#active.get(contentKey)?.download.tell({ type: 'grant', ...grant }),
      firstRequest: (peer) => this.#asking.first(peer, this.#active.values()),
      onOpen: (peer, hasAsked) => this.#onOpen(peer, hasAsked),
      onMessage: (peer, message) => this.#onMessage(peer, message),
      onClose: (peer, reason) => this.#onClose(peer, reason),
      onWritable: () => this.#uploads.writable(),
    });
    this.#tracker = network.tracker;
    this.#connections = network.connections;
    this.#asking = new Asking(network.connections);
    this.#uploads = new Uploads(network.connections, (key) => this.#servable(key), platform, {
      ...options,
      onServing: (serving) => this.#onServing(serving),
    });
  }

  async download(hash: string, options: DownloadOptions = {}): Promise<Blob> {
    let result: Promise<Blob> | undefined;
    const stored = await this.#obtain(parseContentId(hash), options, (active) => {
      result = active.join(options);
    });
    this.#received.store += stored?.size ?? 0;
    return (stored ?? result) as Blob | Promise<Blob>;
  }

  stream(hash: string, options: StreamOptions = {}): ReadableStream<Uint8Array<ArrayBuffer>> {
    const content = parseContentId(hash);
    const begin = (stream: ContentStream) =>
      this.#obtain(content, options, (active) => active.stream(stream, options.onProgress));
    const onStored = (bytes: number) => {
      this.#received.store += bytes;
    };
    return new ContentStream(options, begin, onStored).readable;
  }

  addManifest(bytes: Uint8Array<ArrayBuffer>): void {
    const { manifests } = this.#sources;
    manifests.add(bytes);
    // It may be what peers are asked for.
    for (const lookup of this.#lookups)
      manifests.get(lookup.of).then(
        (manifest) => manifest && lookup.setBody(new Blob([manifest.bytes]), 'origin'),
        () => {}, // Then it comes from elsewhere.
      );
  }

  stats(): Stats {
    const bytes = { ...this.#received, uploaded: this.#uploads.bytes };
    for (const { download } of this.#active.values()) addBytes(bytes, download.bytes);
    return {
      tracker: this.#tracker.state,
      ownId: this.#tracker.ownId?.toString(16),
      connections: this.#open.size,
      downloads: this.#active.size,
      assets: this.#store.size,
      bytes,
    };
  }

  /** Ends all downloads with `aborted`, and serves nobody any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { download } of this.#active.values())
      download.abort(new ZfError('aborted', 'this Zauberflote was closed'));
    this.#uploads.close();
    this.#connections.close();
    this.#tracker.close();
    this.#sources.kept.close();
    this.#store.clear();
  }

  /**
   * @param join called at once if it has to be fetched, before anybody is asked for it
   * @returns it, if it is here
   */
  async #obtain(
    content: Content,
    options: DownloadOptions,
    join: (active: ActiveDownload) => void,
  ): Promise<Blob | undefined> {
    await this.#verifier.ready();
    if (options.signal?.aborted) throw new ZfError('aborted', 'the download was aborted');
    if (this.#closed) throw new ZfError('aborted', 'this Zauberflote was closed');
    const stored = this.#store.get(content.key)?.blob;
    if (stored) {
      const { size } = stored;
      options.onProgress?.({
        loaded: size,
        total: size,
        bytes: { peers: 0, origin: 0, store: size },
      });
      return stored;
    }
    const running = this.#active.get(content.key);
    if (running && options.fallback !== undefined) running.download.addFallback(options.fallback);
    if (running) join(running);
    else this.#start(content, options, join);
    return undefined;
  }

  #start(content: Content, options: DownloadOptions, join: (active: ActiveDownload) => void): void {
    const active = new ActiveDownload(content, options, this.#context(), {
      onLeft: () => this.#forget(active),
      onHurry: () => this.#welcome(),
    });
    const { download } = active;
    this.#active.set(content.key, active);
    join(active);
    download.result
      .then((blob) => {
        const manifest = download.manifest?.bytes;
        const old = this.#store.put(content.key, { content, blob, manifest });
        if (old.length > 0) this.#tracker.drop(old.map((asset) => asset.content));
        if (this.#uploads.serving) this.#tracker.have(content, blob.size);
        // Without a session and peers it came in one request, too.
        if (!download.isWhole && (download.bytes.peers || this.#tracker.ownId))
          this.#sources.kept.putSoon(content.key, blob);
      })
      .catch(() => {}) // Its callers hear of it.
      .finally(() => this.#forget(active));
    // Without consent, nothing that is here is looked at.
    const { state } = this.#tracker;
    const mayRecall = this.#sources.kept.isOpen && state !== 'suspended' && state !== 'closed';
    const sources = { ...this.#sources, lookUp: () => this.#lookUp(active) };
    void open(download, active.leaving.signal, sources, mayRecall, () => this.#begin(download));
  }

  #begin(download: Download): void {
    download.begin();
    // Asking may have shown that there is none, or none at the moment.
    const reach = reachOf(this.#tracker.state);
    if (reach !== 'there') download.tell({ type: 'tracker', reach });
  }

  /** Asks those for its manifest who have a content, or download it, as they are connected to for that. */
  #lookUp({ download, found }: ActiveDownload): Lookup {
    const connect = (peer: PeerId) => {
      if (this.#connections.isOpen(peer)) this.#connect(peer);
    };
    const context = Object.assign(this.#context(), { connect, ask() {}, lease() {} });
    const lookup = new Lookup(download.content, context);
    this.#lookups.add(lookup);
    lookup.result
      .catch(() => {}) // The origin may have it.
      .finally(() => {
        this.#lookups.delete(lookup);
        addBytes(this.#received, lookup.bytes);
      });
    this.#begin(lookup);
    if (found) lookup.found(download.content.key, found);
    return lookup;
  }

  /** The visitor went to or from mobile data: announces what is here, or takes it back. */
  #onServing(serving: boolean): void {
    this.#welcome();
    for (const { content, blob } of this.#store.values())
      if (serving) this.#tracker.have(content, blob.size);
      else this.#tracker.drop([content]);
    for (const { download } of this.#active.values()) {
      const { content, size = 0, hasBegun } = download;
      if (!hasBegun) continue;
      if (serving) this.#tracker.have(content, size, true);
      else this.#tracker.drop([content]);
      download.announce();
    }
  }

  /** Who is still downloading has enough to do, but for who plays a film, which takes hours. */
  #welcome(): void {
    const hasTime = [...this.#active.values()].every(({ isHurried }) => !isHurried);
    this.#connections.welcome(this.#store.size > 0 && hasTime && this.#uploads.serving);
  }

  #servable(key: string): Servable | undefined {
    const stored = this.#store.get(key);
    if (stored) return this.#reader.servable(stored.blob);
    const manifest = this.#manifest(key);
    if (!manifest) return this.#active.get(key)?.download;
    const { length: size } = manifest;
    return { size, read: (offset, length) => manifest.subarray(offset, offset + length) };
  }

  /** If it is the key of one, of a content that is here or is downloaded. */
  #manifest(key: string): Uint8Array<ArrayBuffer> | undefined {
    const of = keyOfManifested(key) ?? '';
    return this.#store.get(of)?.manifest ?? this.#active.get(of)?.download.manifest?.bytes;
  }

  /** A download is over, or nobody wants it any more. */
  #forget(active: ActiveDownload): void {
    const { content, bytes } = active.download;
    active.close();
    if (this.#active.get(content.key) !== active) return;
    this.#active.delete(content.key);
    this.#welcome();
    this.#uploads.ready();
    addBytes(this.#received, bytes);
    if (!this.#store.get(content.key)) this.#tracker.drop([content]);
  }

  #context(): DownloadContext {
    const uploads = this.#uploads;
    return {
      platform: this.#platform,
      verifier: this.#verifier,
      get serving() {
        return uploads.serving;
      },
      ask: (content, size = 0) => {
        this.#tracker.want([content]);
        if (uploads.serving) this.#tracker.have(content, size, true);
      },
      lease: (content, lease) => void this.#tracker.lease(content, lease),
      send: (peer, body) => this.#connections.send(peer, body),
      connect: (peer) => this.#connect(peer),
      request: (...what) => this.#asking.request(...what),
      bar: (peer) => this.#connections.disconnect(peer, 'malformed'),
      ready: () => uploads.ready(),
    };
  }

  #connect(peer: PeerId): void {
    if (!this.#connections.isOpen(peer)) return this.#connections.connect(peer);
    queueMicrotask(() => {
      if (this.#open.has(peer)) this.#tellAll({ type: 'open', peer });
    });
  }

  #onOpen(peer: PeerId, hasAsked: boolean): void {
    this.#open.add(peer);
    this.#asking.opened(peer, hasAsked, () => this.#tellAll({ type: 'open', peer }));
  }

  #onPeers({ contentKey, ...found }: SwarmReply): void {
    const active = this.#active.get(contentKey);
    if (!active) return;
    active.found = found;
    active.download.tell({ type: 'holders', ...found });
    for (const lookup of this.#lookups) lookup.found(contentKey, found);
  }

  #onClose(peer: PeerId, reason: CloseReason): void {
    this.#open.delete(peer);
    this.#uploads.closed(peer);
    this.#asking.closed(peer);
    const isBusy = reason === 'busy';
    this.#tellAll({ type: 'close', peer, barred: reason === 'malformed', isBusy });
  }

  #onMessage(peer: PeerId, { body }: PeerMessage): void {
    switch (body.case) {
      case 'request':
        if (!this.#uploads.request(peer, body.value))
          this.#connections.disconnect(peer, 'malformed');
        break;
      case 'cancel':
        this.#uploads.cancel(peer, body.value.requestId);
        break;
      case 'refuse':
        this.#asking.refused(peer, body.value);
        break;
      case 'fragment':
        this.#asking.fragment(peer, body.value);
        break;
      case 'holdings':
        this.#holdings(peer, body.value);
        break;
      case 'got':
      case 'coming': {
        const { content, chunks } = body.value;
        this.#tell(contentKey(content!), { type: body.case, peer, chunks });
        break;
      }
      case 'received':
        this.#uploads.received(peer, body.value.bytes);
    }
  }

  #holdings(peer: PeerId, { content, size, ...holdings }: Holdings): void {
    const key = contentKey(content!); // The codec checked that it is there.
    const held = this.#store.get(key)?.blob.size ?? this.#manifest(key)?.length;
    if (held === undefined)
      this.#tell(key, { type: 'holdings', peer, size: Number(size), ...holdings });
    else if (!holdings.complete && this.#uploads.serving) {
      const value = { content: content!, size: BigInt(held), complete: true };
      this.#connections.send(peer, { case: 'holdings', value });
    }
  }

  /** Tells those who download a content. */
  #tell(key: string, event: EngineEvent): void {
    this.#active.get(key)?.download.tell(event);
    for (const lookup of this.#lookups) if (lookup.content.key === key) lookup.tell(event);
  }

  #tellAll(event: EngineEvent): void {
    const downloads = [...this.#active.values()].map(({ download }) => download);
    for (const download of [...downloads, ...this.#lookups]) download.tell(event);
  }
}

function reachOf(state: TrackerState): TrackerReach {
  if (state === 'moving') return 'anew';
  if (state === 'connecting' || state === 'open') return 'there';
  return state === 'waiting' || state === 'suspended' ? 'away' : 'missing';
}

function addBytes(total: BytesBySource, more: Readonly<BytesBySource>): void {
  total.peers += more.peers;
  total.origin += more.origin;
  total.store += more.store;
}
