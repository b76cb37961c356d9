import type { PeerMessageBody } from '@zauberflote/proto';
import { HashAlgorithm, MAX_CHUNKS_PER_GOT, MAX_REQUEST_BYTES } from '@zauberflote/proto';
import { DownloadEngine } from '../engine/engine.ts';
import type { Layout } from '../engine/layout.ts';
import { chunkLength, layoutOf } from '../engine/layout.ts';
import type { Effect, EngineEvent, Failure, PeerId } from '../engine/types.ts';
import { ZfError } from '../errors.ts';
import type { Content } from '../integrity/content-id.ts';
import { formatContentId } from '../integrity/content-id.ts';
import type { Verifier } from '../integrity/digest.ts';
import type { ManifestInfo } from '../integrity/manifest.ts';
import type { Platform } from '../platform.ts';
import type { HttpBody, HttpError } from '../sources/http.ts';
import { concat, fetchRange } from '../sources/http.ts';
import { RangeBuffer } from './range-buffer.ts';
import type { BytesBySource, Progress } from './types.ts';
import type { Servable } from './uploads.ts';

export type LeaseEffect = Extract<Effect, { type: 'lease' }>;

/** What one download needs of the manager it belongs to. */
export interface DownloadContext {
  readonly platform: Platform;
  readonly verifier: Verifier;
  /** Asks the tracker who has it, and says that parts of it are, or will be, here. */
  ask(content: Content, size: number | undefined): void;
  lease(content: Content, lease: LeaseEffect): void;
  connect(peer: PeerId): void;
  send(peer: PeerId, body: PeerMessageBody): void;
  /** Asks a peer for a range; returns the request's id, or undefined if there is no connection. */
  request(download: Download, peer: PeerId, range: ChunkRange): number | undefined;
  /** A request was answered in full. */
  settle(peer: PeerId, requestId: number): void;
  /** A request is not needed any more. */
  cancel(peer: PeerId, requestId: number): void;
  bar(peer: PeerId): void;
}

/** Bytes of a content that one peer was asked for. */
export interface ChunkRange {
  readonly chunk: number;
  readonly offset: number;
  readonly length: number;
}

interface Pending {
  readonly id: number;
  /** Made when the first fragment comes: a peer that sends nothing costs nothing. */
  data: Uint8Array<ArrayBuffer> | undefined;
  readonly length: number;
}

interface OriginRange {
  readonly abort: AbortController;
  readonly buffer: RangeBuffer;
}

/**
 * Fetches one content: runs an engine, carries its effects out and holds the bytes. `result`
 * settles once with the verified Blob or a ZfError.
 */
export class Download implements Servable {
  readonly content: Content;
  readonly result: Promise<Blob>;
  readonly bytes: BytesBySource = { peers: 0, origin: 0, store: 0 };
  readonly #context: DownloadContext;
  #fallback: string | undefined;
  readonly #onProgress: (progress: Progress) => void;
  readonly #engine: DownloadEngine;
  readonly #pending = new Map<PeerId, Map<number, Pending>>();
  readonly #ranges = new Map<number, OriginRange>();
  /** Chunks that are being hashed, by who sent them (undefined: the origin). */
  readonly #checking = new Map<PeerId | undefined, Map<number, Uint8Array<ArrayBuffer>>>();
  #layout: Layout | undefined;
  #manifest: ManifestInfo | undefined;
  readonly #chunks = new Map<number, Uint8Array<ArrayBuffer>>();
  /** Chunks that are known to be right, or came from the origin. */
  readonly #servable = new Set<number>();
  #keptBytes = 0;
  /** Chunks that peers are still to be told of. */
  readonly #news = new Map<PeerId, number[]>();
  #mediaType = '';
  #originError: unknown;
  #cancelTimer = () => {};
  #aborted = false;
  #resolve!: (blob: Blob) => void;
  #reject!: (error: unknown) => void;

  constructor(
    content: Content,
    fallback: string | undefined,
    context: DownloadContext,
    onProgress: (progress: Progress) => void,
  ) {
    this.content = content;
    this.#fallback = fallback;
    this.#context = context;
    this.#onProgress = onProgress;
    const byChunks = content.algorithm === HashAlgorithm.MANIFEST_SHA256;
    this.#engine = new DownloadEngine(fallback !== undefined, byChunks ? 'chunks' : 'whole');
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get progress(): Progress {
    let loaded = this.#keptBytes;
    for (const { buffer } of this.#ranges.values()) loaded += buffer.length;
    const total = this.#layout?.size;
    return { loaded: Math.min(loaded, total ?? loaded), total, bytes: this.bytes };
  }

  /** Where the origin has it. */
  get fallback(): string | undefined {
    return this.#fallback;
  }

  /** Bytes of the whole content, once known. */
  get size(): number | undefined {
    return this.#layout?.size;
  }

  /** Bytes that may be given to others. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> | undefined {
    if (!this.#layout) return undefined;
    const { chunkSize } = this.#layout;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    const first = Math.floor(offset / chunkSize);
    for (let chunk = first; chunk * chunkSize < offset + length; chunk++) {
      const data = this.#servable.has(chunk) ? this.#chunks.get(chunk) : undefined;
      if (!data) return undefined;
      parts.push(data);
    }
    const all = concat(
      parts,
      parts.reduce((sum, part) => sum + part.length, 0),
    );
    const start = offset - first * chunkSize;
    return all.subarray(start, start + length);
  }

  /** Another caller knows where the origin has it; the first one said stands. */
  addFallback(url: string): void {
    if (this.#fallback !== undefined) return;
    this.#fallback = url;
    this.tell({ type: 'fallback' });
  }

  setManifest(manifest: ManifestInfo): void {
    this.#manifest = manifest;
    this.tell({ type: 'layout', layout: layoutOf(manifest.size, manifest.chunkSize) });
  }

  /** So many bytes of the whole came while its manifest was looked for. */
  setOriginBytes(loaded: number): void {
    this.bytes.origin = loaded;
  }

  /** All of it came, verified, with its manifest. */
  setBody({ data, mediaType }: HttpBody, manifest: ManifestInfo): void {
    if (this.#aborted || this.#engine.ended) return;
    this.#finish(new Blob([data], { type: manifest.mediaType || mediaType }));
  }

  /** Tells the engine what happened. */
  tell(event: EngineEvent): void {
    if (this.#aborted) return;
    const { platform } = this.#context;
    const effects = this.#engine.handle(event, platform.now(), () => platform.random());
    for (const effect of effects) this.#carryOut(effect);
    this.#sendNews();
    this.#cancelTimer();
    if (this.#aborted || this.#engine.wakeAt === Number.POSITIVE_INFINITY) return;
    const wait = Math.max(0, this.#engine.wakeAt - platform.now());
    this.#cancelTimer = platform.setTimer(wait, () => this.tell({ type: 'wake' }));
  }

  /** Bytes of a chunk that was asked for; `offset` from the chunk's start. */
  receive(peer: PeerId, chunk: number, offset: number, data: Uint8Array): void {
    const pending = this.#pending.get(peer)?.get(chunk);
    if (!pending) return;
    this.bytes.peers += data.length;
    if (offset + data.length <= pending.length) {
      pending.data ??= new Uint8Array(pending.length);
      pending.data.set(data, offset);
    }
    this.tell({ type: 'fragment', peer, chunk, offset, length: data.length });
    if (!this.#aborted) this.#onProgress(this.progress);
  }

  /** Ends it; `result` rejects with `error`. */
  abort(error: ZfError): void {
    if (this.#aborted || this.#engine.ended) return;
    this.#end();
    this.#reject(error);
  }

  #end(): void {
    this.#aborted = true;
    this.#cancelTimer();
    for (const { abort } of this.#ranges.values()) abort.abort();
    for (const [peer, chunks] of this.#pending)
      for (const { id } of chunks.values()) this.#context.cancel(peer, id);
    for (const map of [this.#ranges, this.#pending, this.#checking, this.#chunks, this.#servable])
      map.clear();
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
      case 'holdings': {
        const { size = 0, chunkSize = 0 } = effect.layout ?? {};
        const value = { content, size: BigInt(size), chunkSize, bitfield: effect.bitfield };
        return this.#context.send(effect.peer, { case: 'holdings', value });
      }
      case 'got': {
        const news = this.#news.get(effect.peer);
        if (news) news.push(...effect.chunks);
        else this.#news.set(effect.peer, [...effect.chunks]);
        return;
      }
      case 'request':
        return this.#request(effect.peer, effect);
      case 'cancel': {
        const pending = this.#takePending(effect.peer, effect.chunk);
        if (pending) this.#context.cancel(effect.peer, pending.id);
        return;
      }
      case 'check':
        void this.#check(effect.chunk, effect.peer);
        return;
      case 'keep':
        return this.#keep(effect.chunk, effect.peer);
      case 'drop':
        this.#take(effect.chunk, effect.peer);
        return;
      case 'discard':
        this.#keptBytes -= this.#chunks.get(effect.chunk)?.length ?? 0;
        this.#chunks.delete(effect.chunk);
        this.#servable.delete(effect.chunk);
        return;
      case 'lay-out':
        this.#layout = effect.layout;
        return;
      case 'fetch-range':
        void this.#fetchRange(effect);
        return;
      case 'abort-range':
        this.#ranges.get(effect.range)?.abort.abort();
        this.#ranges.delete(effect.range);
        return;
      case 'verify':
        void this.#verify();
        return;
      case 'complete': {
        const type = this.#manifest?.mediaType || this.#mediaType;
        this.#sendNews();
        return this.#finish(new Blob(this.#inOrder(), { type }));
      }
      case 'fail':
        this.#end();
        return this.#reject(this.#failure(effect.reason));
    }
  }

  #sendNews(): void {
    for (const [peer, chunks] of this.#news)
      while (chunks.length > 0) {
        const value = { content: this.content, chunks: chunks.splice(0, MAX_CHUNKS_PER_GOT) };
        this.#context.send(peer, { case: 'got', value });
      }
    this.#news.clear();
  }

  #request(peer: PeerId, range: ChunkRange): void {
    const { chunk, length } = range;
    if (length > MAX_REQUEST_BYTES) {
      queueMicrotask(() => this.tell({ type: 'refused', peer, chunk, lasting: true }));
      return;
    }
    const id = this.#context.request(this, peer, range);
    // Without a connection the engine hears of its end by itself, and asks another.
    if (id === undefined) return;
    let chunks = this.#pending.get(peer);
    if (!chunks) {
      chunks = new Map();
      this.#pending.set(peer, chunks);
    }
    chunks.set(chunk, { id, data: undefined, length });
  }

  #takePending(peer: PeerId, chunk: number): Pending | undefined {
    const chunks = this.#pending.get(peer);
    const pending = chunks?.get(chunk);
    chunks?.delete(chunk);
    return pending;
  }

  /** The bytes of a chunk as a peer, else the origin, sent them: they are not kept elsewhere any more. */
  #take(chunk: number, peer: PeerId | undefined): Uint8Array<ArrayBuffer> | undefined {
    const checking = this.#checking.get(peer);
    const checked = checking?.get(chunk);
    if (checked) {
      checking?.delete(chunk);
      return checked;
    }
    if (peer !== undefined) {
      const pending = this.#takePending(peer, chunk);
      if (pending) this.#context.settle(peer, pending.id);
      return pending?.data;
    }
    const layout = this.#layout as Layout;
    const start = chunk * layout.chunkSize;
    const end = start + chunkLength(layout, chunk);
    for (const { buffer } of this.#ranges.values())
      if (buffer.has(start, end)) return buffer.take(start, end);
    return undefined;
  }

  async #check(chunk: number, peer: PeerId | undefined): Promise<void> {
    const data = this.#take(chunk, peer) as Uint8Array<ArrayBuffer>;
    let checking = this.#checking.get(peer);
    if (!checking) {
      checking = new Map();
      this.#checking.set(peer, checking);
    }
    checking.set(chunk, data);
    try {
      const { verifier } = this.#context;
      const ok = await verifier.matchesChunk(this.#manifest as ManifestInfo, chunk, data);
      this.tell({ type: 'checked', chunk, peer, ok });
    } catch (error) {
      this.abort(error as ZfError);
    }
  }

  #keep(chunk: number, peer: PeerId | undefined): void {
    const data = this.#take(chunk, peer);
    if (!data) return;
    this.#chunks.set(chunk, data);
    this.#keptBytes += data.length;
    if (this.#manifest || peer === undefined) this.#servable.add(chunk);
  }

  async #fetchRange(effect: Extract<Effect, { type: 'fetch-range' }>): Promise<void> {
    const { range: id, offset, length, fresh } = effect;
    const abort = new AbortController();
    const buffer = new RangeBuffer();
    this.#ranges.set(id, { abort, buffer });
    const end = (event: Pick<Extract<EngineEvent, { type: 'range-end' }>, 'end' | 'total'>) => {
      if (!abort.signal.aborted) this.tell({ type: 'range-end', range: id, ...event });
      this.#ranges.delete(id);
    };
    try {
      await fetchRange(this.#context.platform, this.#fallback as string, {
        offset,
        length,
        fresh,
        signal: abort.signal,
        onHead: (head) => {
          buffer.begin(head.offset);
          this.#mediaType = head.mediaType;
          this.tell({ type: 'range-head', range: id, ...head });
        },
        onData: (data) => {
          if (abort.signal.aborted) return;
          this.bytes.origin += data.length;
          buffer.add(data);
          this.tell({ type: 'range-data', range: id, length: data.length });
          if (!this.#aborted) this.#onProgress(this.progress);
        },
      });
      end({ end: 'done' });
    } catch (error) {
      if (!abort.signal.aborted) this.#originError = error;
      const { kind, status, size } = error as Partial<HttpError>;
      // Chromium fails like this where a range is answered with a compressed one, too.
      const isUseless = kind === 'range' || (kind === 'unreachable' && length !== undefined);
      if (status === 416) end({ end: 'beyond', total: size });
      else end({ end: isUseless ? 'no-ranges' : 'failed' });
    }
  }

  async #verify(): Promise<void> {
    try {
      const data = concat(this.#inOrder(), this.#keptBytes);
      this.tell({
        type: 'verified',
        ok: await this.#context.verifier.matches(this.content, data),
      });
    } catch (error) {
      this.abort(error as ZfError);
    }
  }

  #inOrder(): Uint8Array<ArrayBuffer>[] {
    return [...this.#chunks].sort(([a], [b]) => a - b).map(([, data]) => data);
  }

  #finish(blob: Blob): void {
    this.#onProgress({ loaded: blob.size, total: blob.size, bytes: this.bytes });
    this.#end();
    this.#resolve(blob);
  }

  #failure(reason: Failure): ZfError {
    const id = formatContentId(this.content);
    const options = { cause: this.#originError };
    if (reason === 'hash-mismatch')
      return new ZfError(
        'hash-mismatch',
        `nothing received has the hash ${id}` +
          (this.#fallback === undefined ? '' : `: was ${this.#fallback} changed after hashing?`),
        options,
      );
    const origin =
      this.#fallback === undefined ? 'there is no fallback URL' : messageOf(this.#originError);
    return new ZfError('no-source', `no visitor has ${id} and ${origin}`, options);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
