import { ZfError } from '../errors.ts';
import type { Content } from '../integrity/content-id.ts';
import type { ContentStream, StreamSource } from './content-stream.ts';
import type { DownloadContext } from './download.ts';
import { Download } from './download.ts';
import type { Found } from './lookup.ts';
import type { DownloadOptions, Progress, StreamHead } from './types.ts';

/**
 * What was streamed stays so long after its last stream, for the next one, in ms: a player that seeks ends one and begins
 * another, and one that has enough for a while does the same.
 */
export const REST_MS = 60_000;

export interface ActiveHandlers {
  /** Nobody wants it any more. */
  readonly onLeft: () => void;
  /** {@link ActiveDownload.isHurried} may be another. */
  readonly onHurry: () => void;
}

/** A download, and those who want it: it ends when nobody does any more. */
export class ActiveDownload implements StreamSource {
  readonly download: Download;
  /** Aborted when it ends. */
  readonly leaving = new AbortController();
  readonly #context: DownloadContext;
  readonly #handlers: ActiveHandlers;
  readonly #listeners = new Set<(progress: Progress) => void>();
  /** Those who read it, and what they hear of its progress. */
  readonly #streams = new Map<ContentStream, (progress: Progress) => void>();
  /** Who has it, as the tracker last said. */
  found: Found | undefined;
  #callers = 0;
  /** Such as read it may come back. */
  #wasStreamed = false;
  #rouse = () => {};

  constructor(
    content: Content,
    { fallback, priority }: DownloadOptions,
    context: DownloadContext,
    handlers: ActiveHandlers,
  ) {
    this.#context = context;
    this.#handlers = handlers;
    const onProgress = (progress: Progress) => {
      for (const listener of this.#listeners)
        try {
          listener(progress);
        } catch (error) {
          // The page's own fault: it is told as any other, and the download goes on.
          queueMicrotask(() => {
            throw error;
          });
        }
    };
    this.download = new Download(content, fallback, context, onProgress, priority);
    this.download.onChunk = () => {
      for (const stream of this.#streams.keys()) stream.wake();
    };
  }

  /** One more caller wants all of it; the last one to abort ends it. */
  async join({ signal, onProgress }: DownloadOptions): Promise<Blob> {
    const listener = this.#listen(onProgress);
    this.#callers++;
    this.#tell();
    this.#handlers.onHurry();
    let leave = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = () => {
        const error = new ZfError('aborted', 'the download was aborted', { cause: signal?.reason });
        reject(error);
        this.#callers--;
        this.#depart(error);
        this.#handlers.onHurry();
      };
    });
    signal?.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([this.download.result, left]);
    } finally {
      this.#listeners.delete(listener);
      signal?.removeEventListener('abort', leave);
    }
  }

  /** One more stream of it. */
  stream(stream: ContentStream, onProgress: DownloadOptions['onProgress']): void {
    stream.from(this);
    this.#wasStreamed = true;
    this.#streams.set(stream, this.#listen(onProgress));
    if (stream.isOver) return this.left(stream);
    this.#tell();
    this.download.result.then(
      (blob) => stream.complete(blob),
      (error) => stream.fail(error),
    );
  }

  /** Whether somebody wants all of it as soon as can be. */
  get isHurried(): boolean {
    return this.#callers > 0;
  }

  get proven(): StreamHead | undefined {
    return this.download.proven;
  }

  verified(offset: number): Uint8Array<ArrayBuffer> | undefined {
    return this.download.verified(offset);
  }

  moved(): void {
    this.#tell();
  }

  left(stream: ContentStream): void {
    const listener = this.#streams.get(stream);
    if (!listener) return;
    this.#streams.delete(stream);
    this.#listeners.delete(listener);
    if (this.leaving.signal.aborted) return;
    this.#depart(new ZfError('aborted', 'nobody reads it any more'));
  }

  /** It is over. */
  close(): void {
    this.#rouse();
    this.leaving.abort();
  }

  #listen(onProgress: DownloadOptions['onProgress']): (progress: Progress) => void {
    const listener = (progress: Progress) => onProgress?.(progress);
    this.#listeners.add(listener);
    return listener;
  }

  #tell(): void {
    this.#rouse();
    if (this.leaving.signal.aborted) return;
    const readers = [...this.#streams.keys()].map(({ offset, end, isWaiting }) => ({
      offset,
      end,
      isWaiting,
    }));
    this.download.readBy(readers, this.#callers > 0);
  }

  /** One fewer wants it. */
  #depart(error: ZfError): void {
    const isWanted = this.#streams.size + this.#callers > 0;
    if (!isWanted && !(this.#wasStreamed && this.download.mayRest)) return this.#end(error);
    this.#tell();
    if (!isWanted) this.#rouse = this.#context.platform.setTimer(REST_MS, () => this.#end(error));
  }

  #end(error: ZfError): void {
    this.#handlers.onLeft();
    this.download.abort(error);
  }
}
