import { ZfError } from '../errors.ts';
import type { Content } from '../integrity/content-id.ts';
import type { ContentStream, StreamSource } from './content-stream.ts';
import type { DownloadContext } from './download.ts';
import { Download } from './download.ts';
import type { DownloadOptions, Progress, StreamHead } from './types.ts';

/**
 * What was streamed stays so long after its last stream, for the next one, in ms: a player that seeks ends one and begins
 * another, and one that has enough for a while does the same.
 */
export const REST_MS = 60_000;

/** A download, and those who want it: it ends when nobody does any more. */
export class ActiveDownload implements StreamSource {
  readonly download: Download;
  /** Aborted when it ends. */
  readonly leaving = new AbortController();
  readonly #context: DownloadContext;
  readonly #onLeft: () => void;
  readonly #listeners = new Set<(progress: Progress) => void>();
  /** Those who read it, and what they hear of its progress. */
  readonly #streams = new Map<ContentStream, (progress: Progress) => void>();
  #callers = 0;
  #rouse = () => {};

  /** @param onLeft nobody wants it any more */
  constructor(
    content: Content,
    { fallback, priority }: DownloadOptions,
    context: DownloadContext,
    onLeft: () => void,
  ) {
    this.#context = context;
    this.#onLeft = onLeft;
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
    let leave = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = () => {
        const error = new ZfError('aborted', 'the download was aborted', { cause: signal?.reason });
        reject(error);
        this.#callers--;
        if (this.#callers + this.#streams.size === 0) this.#end(error);
        else this.#tell();
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
    this.#streams.set(stream, this.#listen(onProgress));
    if (stream.isOver) return this.left(stream);
    this.#tell();
    this.download.result.then(
      (blob) => stream.complete(blob),
      (error) => stream.fail(error),
    );
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
    const mayRest = this.#streams.size > 0 || this.#callers > 0 || this.download.mayRest;
    const end = () => this.#end(new ZfError('aborted', 'nobody reads it any more'));
    if (!mayRest) return end();
    this.#tell();
    if (this.#streams.size + this.#callers === 0)
      this.#rouse = this.#context.platform.setTimer(REST_MS, end);
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

  #end(error: ZfError): void {
    this.#onLeft();
    this.download.abort(error);
  }
}
