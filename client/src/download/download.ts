import { DownloadEngine } from '../engine/engine.ts';
import type { Effect, EngineEvent, PeerId, Supplier } from '../engine/types.ts';
import { ZfError } from '../errors.ts';
import type { Content } from '../integrity/content-id.ts';
import { formatContentId } from '../integrity/content-id.ts';
import type { Verifier } from '../integrity/digest.ts';
import type { Platform } from '../platform.ts';
import type { HttpBody } from '../sources/http.ts';
import { concat, fetchWhole } from '../sources/http.ts';
import type { BytesBySource, Progress } from './types.ts';

/** What one download needs of the manager it belongs to. */
export interface DownloadContext {
  readonly platform: Platform;
  readonly verifier: Verifier;
  ask(content: Content): void;
  connect(peer: PeerId): void;
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

/**
 * Fetches one content: runs an engine, carries its effects out and holds the bytes. `result`
 * settles once with the verified Blob or a ZfError.
 */
export class Download {
  readonly content: Content;
  readonly result: Promise<Blob>;
  readonly bytes: BytesBySource = { peers: 0, origin: 0, store: 0 };
  readonly #context: DownloadContext;
  #fallback: string | undefined;
  readonly #onProgress: (progress: Progress) => void;
  readonly #engine: DownloadEngine;
  readonly #pending = new Map<PeerId, Map<number, Pending>>();
  readonly #chunks = new Map<number, Uint8Array<ArrayBuffer>>();
  #chunkBytes = 0;
  /** What is being verified, as it was hashed. */
  readonly #copies = new Map<Supplier, Uint8Array<ArrayBuffer>>();
  #originLoaded = 0;
  #originTotal: number | undefined;
  #body: HttpBody | undefined;
  #originError: unknown;
  #originAbort: AbortController | undefined;
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
    this.#engine = new DownloadEngine(fallback !== undefined);
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get progress(): Progress {
    const loaded = Math.max(this.#chunkBytes, this.#originLoaded);
    return { loaded, total: this.#engine.size ?? this.#originTotal, bytes: this.bytes };
  }

  /** Another caller knows where the origin has it; the first one said stands. */
  addFallback(url: string): void {
    if (this.#fallback !== undefined) return;
    this.#fallback = url;
    this.tell({ type: 'fallback' });
  }

  /** Tells the engine what happened. */
  tell(event: EngineEvent): void {
    if (this.#aborted) return;
    const { platform } = this.#context;
    const effects = this.#engine.handle(event, platform.now(), () => platform.random());
    for (const effect of effects) this.#carryOut(effect);
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
    this.#onProgress(this.progress);
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
    this.#originAbort?.abort();
    for (const [peer, chunks] of this.#pending)
      for (const { id } of chunks.values()) this.#context.cancel(peer, id);
    this.#pending.clear();
    this.#chunks.clear();
    this.#copies.clear();
    this.#body = undefined;
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'ask':
        return this.#context.ask(this.content);
      case 'connect':
        return this.#context.connect(effect.peer);
      case 'bar':
        return this.#context.bar(effect.peer);
      case 'request':
        return this.#request(effect.peer, effect);
      case 'cancel': {
        const pending = this.#take(effect.peer, effect.chunk);
        if (pending) this.#context.cancel(effect.peer, pending.id);
        return;
      }
      case 'keep': {
        const pending = this.#take(effect.peer, effect.chunk);
        if (!pending?.data) return;
        this.#context.settle(effect.peer, pending.id);
        this.#chunks.set(effect.chunk, pending.data);
        this.#chunkBytes += pending.length;
        return;
      }
      case 'discard':
        this.#chunks.clear();
        this.#chunkBytes = 0;
        return;
      case 'fetch-origin':
        void this.#fetchOrigin(effect.fresh);
        return;
      case 'abort-origin':
        this.#originAbort?.abort();
        return;
      case 'verify':
        void this.#verify(effect.supplier);
        return;
      case 'complete':
        return this.#complete(effect.supplier);
      case 'fail':
        this.#end();
        return this.#reject(this.#failure(effect.reason));
    }
  }

  #request(peer: PeerId, range: ChunkRange): void {
    const id = this.#context.request(this, peer, range);
    // Without a connection the engine hears of its end by itself, and asks another.
    if (id === undefined) return;
    let chunks = this.#pending.get(peer);
    if (!chunks) {
      chunks = new Map();
      this.#pending.set(peer, chunks);
    }
    chunks.set(range.chunk, { id, data: undefined, length: range.length });
  }

  #take(peer: PeerId, chunk: number): Pending | undefined {
    const chunks = this.#pending.get(peer);
    const pending = chunks?.get(chunk);
    chunks?.delete(chunk);
    return pending;
  }

  async #fetchOrigin(fresh: boolean): Promise<void> {
    this.#originAbort = new AbortController();
    const { signal } = this.#originAbort;
    this.#originLoaded = 0;
    try {
      this.#body = await fetchWhole(this.#context.platform, this.#fallback as string, {
        signal,
        fresh,
        onProgress: (loaded, total) => {
          this.bytes.origin += loaded - this.#originLoaded;
          this.#originLoaded = loaded;
          this.#originTotal = total;
          this.#onProgress(this.progress);
        },
      });
      this.tell({ type: 'origin-done' });
    } catch (error) {
      this.#originError = error;
      if (!signal.aborted) this.tell({ type: 'origin-failed' });
    }
  }

  async #verify(supplier: Supplier): Promise<void> {
    const data = this.#bytesOf(supplier);
    this.#copies.set(supplier, data);
    try {
      const ok = await this.#context.verifier.matches(this.content, data);
      this.tell({ type: 'verified', supplier, ok });
    } catch (error) {
      this.abort(error as ZfError);
    }
  }

  #bytesOf(supplier: Supplier): Uint8Array<ArrayBuffer> {
    if (supplier === 'origin') return (this.#body as HttpBody).data;
    const parts = [...this.#chunks].sort(([a], [b]) => a - b).map(([, data]) => data);
    return concat(parts, this.#chunkBytes);
  }

  #complete(supplier: Supplier): void {
    const data = this.#copies.get(supplier) as Uint8Array<ArrayBuffer>;
    const blob = new Blob([data], { type: supplier === 'origin' ? this.#body?.mediaType : '' });
    const { bytes } = this;
    this.#onProgress({ loaded: blob.size, total: blob.size, bytes });
    this.#end();
    this.#resolve(blob);
  }

  #failure(reason: 'no-source' | 'hash-mismatch'): ZfError {
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
