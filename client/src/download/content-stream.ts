import type { Reader } from '../engine/reading.ts';
import { ZfError } from '../errors.ts';
import type { StreamHead, StreamOptions } from './types.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Of a complete content as much is read at once, in bytes: each read of a Blob asks another process. */
export const PART_BYTES = 262_144;

/** What a stream takes its bytes from while they come. */
export interface StreamSource {
  /** Of the content, once its manifest is known. */
  readonly proven: StreamHead | undefined;
  /** Verified bytes from there to the end of their chunk, if they are here. They must not be changed. */
  verified(offset: number): Bytes | undefined;
  /** The stream reads on, or waits. */
  moved(): void;
  left(stream: ContentStream): void;
}

/** A range of a content in order, as its bytes are verified. Nothing is fetched before it is read from. */
export class ContentStream implements Reader {
  offset: number;
  readonly end: number;
  isWaiting = false;
  /** Nobody reads it any more. */
  isOver = false;
  readonly readable: ReadableStream<Bytes>;
  readonly #begin: (stream: ContentStream) => Promise<Blob | undefined>;
  readonly #onStored: (bytes: number) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #onHead: StreamOptions['onHead'];
  #isBegun = false;
  #begun: Promise<void> | undefined;
  #source: StreamSource | undefined;
  #blob: Blob | undefined;
  #isStored = false;
  #controller!: ReadableStreamDefaultController<Bytes>;
  #wake = () => {};
  readonly #abort = () =>
    this.fail(new ZfError('aborted', 'the stream was aborted', { cause: this.#signal?.reason }));

  /**
   * @param begin called when it is first read from: gives it all that there is, or a source
   * @param onStored so many bytes came from what was here before
   * @throws {RangeError}
   */
  constructor(
    { range = {}, signal, onHead }: StreamOptions,
    begin: (stream: ContentStream) => Promise<Blob | undefined>,
    onStored: (bytes: number) => void,
  ) {
    const { start = 0, end = Number.POSITIVE_INFINITY } = range;
    const isOffset = (value: number) => Number.isSafeInteger(value) && value >= 0;
    if (!isOffset(start) || !(end === Number.POSITIVE_INFINITY || isOffset(end)) || start > end)
      throw new RangeError(
        `no range of bytes: ${start} to ${end}; whole numbers, the end not before the start`,
      );
    this.offset = start;
    this.end = end;
    this.#begin = begin;
    this.#onStored = onStored;
    this.#signal = signal;
    this.#onHead = onHead;
    const source: UnderlyingDefaultSource<Bytes> = {
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: () => this.#leave(),
    };
    this.readable = new ReadableStream(source, { highWaterMark: 0 });
    signal?.addEventListener('abort', this.#abort);
    if (signal?.aborted) this.#abort();
  }

  /** It is to be read from there, as it comes. */
  from(source: StreamSource): void {
    this.#source = source;
  }

  /** There may be more to read. */
  wake(): void {
    this.#wake();
  }

  /** All of the content is here. */
  complete(blob: Blob): void {
    this.#blob = blob;
    this.#wake();
  }

  fail(error: unknown): void {
    if (this.isOver) return;
    this.#leave();
    this.#controller.error(error);
  }

  async #pull(): Promise<void> {
    try {
      this.#begun ??= this.#start();
      await this.#begun;
      while (!this.isOver) {
        // Before it is looked: what comes meanwhile must not go unnoticed.
        const more = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        const data = await this.#next();
        if (this.isOver) return;
        if (data) {
          this.#tellHead();
          if (this.#isStored) this.#onStored(data.length);
          this.#move(this.offset + data.length, false);
          this.#controller.enqueue(data);
        }
        if (this.offset >= this.#knownEnd) {
          this.#leave();
          return this.#controller.close();
        }
        if (data) return;
        this.#move(this.offset, true);
        await more;
      }
    } catch (error) {
      this.fail(error);
    }
  }

  async #start(): Promise<void> {
    if (this.offset === this.end) return;
    const stored = await this.#begin(this);
    if (!stored) return;
    this.#blob = stored;
    this.#isStored = true;
  }

  #tellHead(): void {
    const head = this.#head;
    if (this.#isBegun || !head) return;
    this.#isBegun = true;
    this.#onHead?.({ size: head.size, type: head.type });
  }

  get #head(): StreamHead | undefined {
    return this.#blob ?? this.#source?.proven;
  }

  /** Where it ends, as far as is known. */
  get #knownEnd(): number {
    const size = this.#head?.size ?? Number.POSITIVE_INFINITY;
    if (this.offset > size)
      throw new RangeError(
        `the range begins at byte ${this.offset} of a content that has ${size}: nothing is there`,
      );
    return Math.min(this.end, size);
  }

  async #next(): Promise<Bytes | undefined> {
    const [blob, end] = [this.#blob, this.#knownEnd];
    if (this.offset >= end) return undefined;
    // A copy: others are served from those that are here.
    if (!blob) return this.#source?.verified(this.offset)?.slice(0, end - this.offset);
    const part = blob.slice(this.offset, Math.min(end, this.offset + PART_BYTES));
    return new Uint8Array(await part.arrayBuffer());
  }

  #move(offset: number, isWaiting: boolean): void {
    if (offset === this.offset && isWaiting === this.isWaiting) return;
    this.offset = offset;
    this.isWaiting = isWaiting;
    if (!this.#blob) this.#source?.moved();
  }

  #leave(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#source?.left(this);
    this.#wake();
  }
}
