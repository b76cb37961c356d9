import type { PeerMessageBody } from '@zauberflote/proto';
import { HashAlgorithm } from '@zauberflote/proto';
import { DownloadEngine } from '../engine/engine.ts';
import { layoutOf } from '../engine/layout.ts';
import type { Reader } from '../engine/reading.ts';
import type { ChunkRange, Effect, EngineEvent, Failure, PeerId } from '../engine/types.ts';
import { ZfError } from '../errors.ts';
import type { Content } from '../integrity/content-id.ts';
import type { Verifier } from '../integrity/digest.ts';
import type { ManifestInfo } from '../integrity/manifest.ts';
import type { Platform } from '../platform.ts';
import { concat, fetchRange } from '../sources/http.ts';
import { shownRate } from '../sources/shown-rate.ts';
import { Alarm } from './alarm.ts';
import { ChunkBytes } from './chunk-bytes.ts';
import { failureOf, rangeEndOf } from './failures.ts';
import { News } from './news.ts';
import type { BytesBySource, Progress, StreamHead } from './types.ts';
import type { Servable } from './uploads.ts';

/** Between two words on progress: pages draw it, and bytes come in thousands of parts a second. */
export const PROGRESS_MS = 50;

export type LeaseEffect = Extract<Effect, { type: 'lease' }>;

/** What one download needs of the manager it belongs to. */
export interface DownloadContext {
  readonly platform: Platform;
  readonly verifier: Verifier;
  /** Whether peers are served. If not, they hear of nothing that is here. */
  readonly serving: boolean;
  /** Asks the tracker who has it, and says that parts of it are, or will be, here. */
  ask(content: Content, size: number | undefined): void;
  lease(content: Content, lease: LeaseEffect): void;
  connect(peer: PeerId): void;
  send(peer: PeerId, body: PeerMessageBody): void;
  /** Asks a peer for a range. @returns what takes it back, or undefined if there is no connection */
  request(download: Download, peer: PeerId, range: ChunkRange): (() => void) | undefined;
  bar(peer: PeerId): void;
  /** More of it can be given to others, or will not come. */
  ready(): void;
}

/**
 * Fetches one content: runs an engine, carries its effects out and holds the bytes. `result`
 * settles once with the verified Blob or a ZfError.
 */
export class Download implements Servable {
  readonly content: Content;
  readonly result: Promise<Blob>;
  readonly bytes: BytesBySource = { peers: 0, origin: 0, store: 0 };
  /** It came in one piece: a cache of the browser has it. */
  isWhole = false;
  /** More of it can be read. */
  onChunk = () => {};
  /** It is known where the origin has it, which it was not at first. */
  onFallback = (_: string) => {};
  readonly #context: DownloadContext;
  #fallback: string | undefined;
  readonly #onProgress: (progress: Progress) => void;
  readonly #priority: RequestPriority | undefined;
  /** None until it begins. */
  #engine: DownloadEngine | undefined;
  /** Undefined: nobody reads it. */
  #read: Extract<EngineEvent, { type: 'read' }> | undefined;
  readonly #bytes = new ChunkBytes();
  /** What ends each range of the origin. */
  readonly #ranges = new Map<number, AbortController>();
  #manifest: ManifestInfo | undefined;
  readonly #news: News;
  /** Who was told what there is here, at least once. */
  readonly #greeted = new Set<PeerId>();
  #mediaType = '';
  #hasRanges = false;
  #originError: unknown;
  readonly #alarm: Alarm;
  /** Most bytes that were at hand. */
  #loaded = 0;
  /** When progress was last told. */
  #toldAt = Number.NEGATIVE_INFINITY;
  #aborted = false;
  #resolve!: (blob: Blob) => void;
  #reject!: (error: unknown) => void;

  constructor(
    content: Content,
    fallback: string | undefined,
    context: DownloadContext,
    onProgress: (progress: Progress) => void,
    priority?: RequestPriority,
  ) {
    this.content = content;
    this.#fallback = fallback;
    this.#context = context;
    this.#onProgress = onProgress;
    this.#priority = priority;
    this.#alarm = new Alarm(context.platform, () => this.tell({ type: 'wake' }));
    this.#news = new News(context.platform, (peer, chunks) => this.#say('got', peer, chunks));
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get progress(): Progress {
    const { loaded, size: total } = this.#bytes;
    // What turns out to be wrong is fetched again: nothing to go back for.
    this.#loaded = Math.min(Math.max(this.#loaded, loaded), total ?? Number.POSITIVE_INFINITY);
    return { loaded: this.#loaded, total, bytes: this.bytes };
  }

  /** Where the origin has it. */
  get fallback(): string | undefined {
    return this.#fallback;
  }

  /** Bytes of the whole content, once known. */
  get size(): number | undefined {
    return this.#bytes.size;
  }

  /** What of it may be given to others. */
  read(offset: number, length: number): ReturnType<Servable['read']> {
    return this.#bytes.read(offset, length) ?? this.#engine?.expects(offset, length);
  }

  /** Once it is known. */
  get manifest(): ManifestInfo | undefined {
    return this.#manifest;
  }

  /** What it says. */
  get proven(): StreamHead | undefined {
    const manifest = this.#manifest;
    return manifest && { size: manifest.size, type: manifest.mediaType || this.#mediaType };
  }

  /** Verified bytes from there to the end of their chunk, if they are here. */
  verified(offset: number): Uint8Array<ArrayBuffer> | undefined {
    const { size, chunkSize } = this.#manifest ?? { size: 0, chunkSize: 0 };
    const end = Math.min(size, (Math.floor(offset / chunkSize) + 1) * chunkSize);
    return offset < size ? this.#bytes.read(offset, end - offset) : undefined;
  }

  /** See {@link EngineEvent}, `read`. Where nobody ever read, all of it is wanted. */
  readBy(readers: readonly Reader[], isAll: boolean): void {
    if (!this.#read && readers.length === 0) return;
    this.#read = { type: 'read', readers, isAll };
    this.tell(this.#read);
  }

  /** See {@link DownloadEngine.mayRest}. */
  get mayRest(): boolean {
    return !!this.#engine?.mayRest;
  }

  get hasBegun(): boolean {
    return !!this.#engine;
  }

  /** Asks for it: until then it may still be found here. */
  begin(): void {
    if (this.#aborted) return;
    const byChunks = this.content.algorithm === HashAlgorithm.MANIFEST_SHA256;
    this.#engine = new DownloadEngine(this.#fallback !== undefined, byChunks ? 'chunks' : 'whole');
    const { platform } = this.#context;
    const timings = platform.timings?.() ?? [];
    const originRate = shownRate(this.#fallback ?? '', timings, platform.now());
    this.tell({ type: 'start', originRate });
    if (this.#read) this.tell(this.#read);
  }

  /** Another caller knows where the origin has it; the first one said stands. */
  addFallback(url: string): void {
    if (this.#fallback !== undefined) return;
    this.#fallback = url;
    this.onFallback(url);
    this.tell({ type: 'fallback' });
  }

  /** The manifest is known, and can be given to others; nothing is fetched by it yet. */
  prove(manifest: ManifestInfo): void {
    this.#manifest = manifest;
  }

  setManifest(manifest: ManifestInfo): void {
    this.prove(manifest);
    this.tell({ type: 'layout', layout: layoutOf(manifest.size, manifest.chunkSize) });
    this.onChunk();
  }

  /** Some bytes of the whole came while its manifest was looked for; so many are here. */
  fetched(more: number, loaded: number): void {
    this.bytes.origin += more;
    this.#loaded = Math.max(this.#loaded, loaded);
    this.#tellProgress();
  }

  /** All of it is here, verified: it came as a whole, or an earlier page kept it. */
  setBody(blob: Blob, from: 'origin' | 'store', manifest?: ManifestInfo): void {
    if (this.#aborted || this.#engine?.ended) return;
    this.isWhole = true;
    this.#manifest = manifest;
    if (from === 'store') this.bytes.store += blob.size;
    // They heard of no chunk, and would not hear of the whole either.
    const value = { content: this.content, size: BigInt(blob.size), complete: true };
    for (const peer of this.#context.serving ? this.#greeted : [])
      this.#context.send(peer, { case: 'holdings', value });
    this.#finish(blob);
  }

  /** Tells the engine, if there is one, what happened. */
  tell(event: EngineEvent): void {
    if (this.#aborted || !this.#engine) return;
    const { platform } = this.#context;
    const effects = this.#engine.handle(event, platform.now(), () => platform.random());
    for (const effect of effects) this.#carryOut(effect);
    this.#news.tellSoon();
    if (!this.#aborted) this.#alarm.set(this.#engine.wakeAt);
  }

  /** See {@link DownloadEngine.first}. */
  first(peer: PeerId): ChunkRange | undefined {
    const { platform } = this.#context;
    return this.#aborted ? undefined : this.#engine?.first(peer, () => platform.random());
  }

  /** Bytes of a chunk that was asked for; `offset` from the chunk's start. */
  receive(peer: PeerId, chunk: number, offset: number, data: Uint8Array): void {
    if (!this.#bytes.fragment(peer, chunk, offset, data)) return;
    this.bytes.peers += data.length;
    this.tell({ type: 'fragment', peer, chunk, offset, length: data.length });
    this.#tellProgress();
  }

  #tellProgress(): void {
    const now = this.#context.platform.now();
    if (this.#aborted || now < this.#toldAt + PROGRESS_MS) return;
    const { progress } = this;
    // That all is here is told when it is verified.
    if (progress.loaded === progress.total) return;
    this.#toldAt = now;
    this.#onProgress(progress);
  }

  /** Ends it; `result` rejects with `error`. */
  abort(error: ZfError): void {
    if (this.#aborted || this.#engine?.ended) return;
    this.#end();
    this.#reject(error);
  }

  #end(): void {
    this.#aborted = true;
    this.#alarm.clear();
    this.#news.close();
    for (const range of this.#ranges.values()) range.abort();
    this.#ranges.clear();
    this.#bytes.clear();
  }

  #carryOut(effect: Effect): void {
    const { content } = this;
    switch (effect.type) {
      case 'ask':
        return this.#context.ask(content, this.size);
      case 'lease':
        return this.#context.lease(content, effect);
      case 'connect':
        return this.#context.connect(effect.peer);
      case 'bar':
        return this.#context.bar(effect.peer);
      case 'holdings':
        this.#greeted.add(effect.peer);
        return this.#sendHoldings(effect.peer, effect);
      case 'got':
        return this.#news.add(effect.peer, effect.chunks);
      case 'coming':
        return this.#say('coming', effect.peer, [...effect.chunks]);
      case 'request':
        return this.#request(effect.peer, effect);
      case 'cancel':
        this.#bytes.cancel(effect.peer, effect.chunk);
        return this.#context.ready();
      case 'check':
        void this.#check(effect.chunk, effect.peer);
        return;
      case 'keep': {
        const { chunk, peer } = effect;
        const isOrigins = peer === undefined && !this.#engine?.isPrivate;
        this.#bytes.keep(chunk, peer, !!this.#manifest || isOrigins);
        this.onChunk();
        return this.#context.ready();
      }
      case 'drop':
        this.#bytes.drop(effect.chunk, effect.peer);
        return this.#context.ready();
      case 'discard':
        this.#news.discard(effect.chunk);
        return this.#bytes.discard(effect.chunk);
      case 'lay-out':
        this.#bytes.layout = effect.layout;
        return;
      case 'fetch-range':
        void this.#fetchRange(effect);
        return;
      case 'abort-range':
        this.#ranges.get(effect.range)?.abort();
        return this.#endRange(effect.range);
      case 'verify':
        void this.#verify();
        return;
      case 'complete': {
        const type = this.#manifest?.mediaType || this.#mediaType;
        this.#news.tell();
        return this.#finish(new Blob(this.#bytes.inOrder(), { type }));
      }
      case 'fail':
        this.#end();
        return this.#reject(this.#failure(effect.reason));
    }
  }

  /** Peers are served from now on, or not any more: they hear anew what they can ask for. */
  announce(): void {
    const { layout, servable: bitfield } = this.#bytes;
    for (const peer of this.#greeted) this.#sendHoldings(peer, { layout, bitfield });
  }

  #sendHoldings(
    peer: PeerId,
    { layout, bitfield }: Pick<Extract<Effect, { type: 'holdings' }>, 'layout' | 'bitfield'>,
  ): void {
    const { size = 0, chunkSize = 0 } = layout ?? {};
    const value = { content: this.content, size: BigInt(size), chunkSize };
    const held = this.#context.serving ? { bitfield } : {};
    this.#context.send(peer, { case: 'holdings', value: { ...value, ...held } });
  }

  #say(what: 'got' | 'coming', peer: PeerId, chunks: number[]): void {
    if (this.#context.serving)
      this.#context.send(peer, { case: what, value: { content: this.content, chunks } });
  }

  #request(peer: PeerId, range: ChunkRange): void {
    const { chunk, length } = range;
    const cancel = this.#context.request(this, peer, range);
    // Without a connection the engine hears of its end by itself, and asks another.
    if (cancel) this.#bytes.expect(peer, chunk, length, cancel);
  }

  async #check(chunk: number, peer: PeerId | undefined): Promise<void> {
    const { verifier } = this.#context;
    try {
      const data = this.#bytes.hash(chunk, peer);
      const ok = await verifier.matchesChunk(this.#manifest as ManifestInfo, chunk, data);
      if (this.#aborted) return;
      this.#bytes.hashed(chunk, peer, data);
      this.tell({ type: 'checked', chunk, peer, ok });
    } catch (error) {
      this.abort(error as ZfError);
    }
  }

  #endRange(range: number): void {
    this.#ranges.delete(range);
    this.#bytes.endRange(range);
  }

  async #fetchRange(effect: Extract<Effect, { type: 'fetch-range' }>): Promise<void> {
    const { range: id, offset, length, fresh } = effect;
    const abort = new AbortController();
    this.#ranges.set(id, abort);
    const buffer = this.#bytes.beginRange(id);
    const end = (event: Omit<Extract<EngineEvent, { type: 'range-end' }>, 'type' | 'range'>) => {
      if (!abort.signal.aborted) this.tell({ type: 'range-end', range: id, ...event });
      this.#endRange(id);
    };
    try {
      await fetchRange(this.#context.platform, this.#fallback as string, {
        offset,
        length,
        fresh,
        // What has begun is completed first.
        priority: this.bytes.origin || this.bytes.peers ? undefined : this.#priority,
        signal: abort.signal,
        onHead: (head) => {
          buffer.begin(head.offset);
          this.#mediaType = head.mediaType;
          this.#hasRanges ||= head.ranged;
          this.tell({ type: 'range-head', range: id, ...head });
        },
        onData: (data) => {
          if (abort.signal.aborted) return;
          this.bytes.origin += data.length;
          buffer.add(data);
          this.tell({ type: 'range-data', range: id, length: data.length });
          this.#tellProgress();
        },
      });
      end({ end: 'done' });
    } catch (error) {
      if (!abort.signal.aborted) this.#originError = error;
      end(rangeEndOf(error, length !== undefined && !this.#hasRanges));
    }
  }

  async #verify(): Promise<void> {
    try {
      const { verifier } = this.#context;
      const ok = await verifier.matches(this.content, concat(this.#bytes.inOrder()));
      this.tell({ type: 'verified', ok });
    } catch (error) {
      // Browsers have no room for arrays of some GiB, or no hash of them.
      this.abort(error instanceof ZfError ? error : this.#failure('too-large', error));
    }
  }

  #finish(blob: Blob): void {
    this.#onProgress({ loaded: blob.size, total: blob.size, bytes: this.bytes });
    this.#end();
    this.#resolve(blob);
  }

  #failure(reason: Failure, cause = this.#originError): ZfError {
    return failureOf(reason, this.content, this.#fallback, cause);
  }
}
