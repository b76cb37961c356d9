import type { StreamHead } from '../download/types.ts';

/** After what was last read of it a film is fetched on for so long, in ms, as a player asks for a part now and then. */
export const IDLE_MS = 60_000;

/** The same once it is read elsewhere: who leapt there may go back, or read at two places by turns. */
export const LEFT_MS = 5_000;

type Bytes = Uint8Array<ArrayBuffer>;

/** A place in a file, from where it is read on. */
export class Cursor {
  /** Somebody reads from it. */
  isBusy = true;
  isClosed = false;
  offset: number;
  readonly #reader: ReadableStreamDefaultReader<Bytes>;
  readonly #onClose: () => void;
  readonly #head: Promise<StreamHead>;
  /** What came and was not taken yet; undefined: the end of the file. */
  #next: Bytes | undefined = new Uint8Array();
  #filling: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    open: (onHead: (head: StreamHead) => void) => ReadableStream<Bytes>,
    offset: number,
    onClose: () => void,
  ) {
    this.offset = offset;
    this.#onClose = onClose;
    let opened = (_: StreamHead) => {};
    this.#head = new Promise((resolve) => {
      opened = resolve;
    });
    this.#reader = open(opened).getReader();
  }

  /** Waits until there are bytes to take, or it is known that there are none; what comes is for whoever takes it then. */
  async fill(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#next?.length === 0)
      this.#filling ??= this.#reader
        .read()
        .then(({ value }) => {
          this.#next = value;
        })
        .catch((error) => {
          // Whoever asks next begins anew.
          this.close();
          throw error;
        })
        .finally(() => {
          this.#filling = undefined;
        });
    await this.#filling;
  }

  /** After {@link fill}. @throws {RangeError} if the file ends before */
  async head(): Promise<StreamHead> {
    if (!this.#next) throw new RangeError(`there is nothing at byte ${this.offset}`);
    return this.#head;
  }

  /** What is there, so many bytes at most; undefined at the end. */
  take(most: number): ArrayBuffer | undefined {
    const data = this.#next?.slice(0, most);
    if (!data) return undefined;
    this.#next = this.#next!.subarray(data.length);
    this.offset += data.length;
    return data.buffer;
  }

  /** Nothing is asked of it for the moment: perhaps for ever, as a worker that is stopped says nothing more. */
  rest(ms = IDLE_MS): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.close(), ms);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.isClosed = true;
    this.#onClose();
    this.#reader.cancel().catch(() => {});
  }
}
