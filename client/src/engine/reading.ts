import type { Chunks } from './chunks.ts';
import { READ_STEP_BYTES, READ_WINDOW_BYTES } from './tuning.ts';

/** Who takes the content in order, from byte `offset` up to before `end`. */
export interface Reader {
  readonly offset: number;
  /** Infinite: to the end of the content. */
  readonly end: number;
  /** Whether it has taken all there was and waits for more. */
  readonly isWaiting: boolean;
}

/** Which parts of the content are wanted, and which first (DESIGN section 5, streaming order). */
export class Reading {
  #readers: readonly Reader[] = [];
  /** Whether somebody wants all of it, in whatever order. */
  isAll = true;
  /** Chunks that readers wait for, and since when. */
  #awaited = new Map<number, number>();

  /**
   * The readers are these from now on.
   * @returns the chunk that one of them went to, other than by reading on
   */
  read(readers: readonly Reader[], chunks: Chunks | undefined, now: number): number | undefined {
    const before = this.#readers;
    this.#readers = readers;
    this.apply(chunks, now);
    if (!chunks) return undefined;
    const { chunkSize } = chunks.layout;
    const isNew = ({ offset }: Reader) =>
      !before.some((other) => offset >= other.offset && offset <= other.offset + chunkSize);
    const jumped = readers.find((reader) => reader.isWaiting && isNew(reader));
    return jumped && Math.floor(jumped.offset / chunkSize);
  }

  /** Marks what is wanted; also when the content has just been cut into these chunks. */
  apply(chunks: Chunks | undefined, now: number): void {
    if (!chunks) return;
    const { chunkSize, count } = chunks.layout;
    for (let chunk = 0; chunk < count; chunk++)
      chunks.want(chunk, this.isAll || this.#isAhead(chunk * chunkSize, chunkSize));
    const awaited = new Map<number, number>();
    for (const { offset, isWaiting } of this.#readers) {
      const chunk = Math.floor(offset / chunkSize);
      if (isWaiting) awaited.set(chunk, this.#awaited.get(chunk) ?? now);
    }
    this.#awaited = awaited;
  }

  /**
   * Missing chunks that are read next, the soonest first: those of readers that wait, and more of them; then those of others,
   * who may have left for good.
   */
  *next(chunks: Chunks): Generator<number> {
    const waiting = this.#readers.filter(({ isWaiting }) => isWaiting);
    yield* nextOf(waiting, READ_STEP_BYTES, chunks);
    const others = this.#readers.filter(({ isWaiting }) => !isWaiting);
    yield* nextOf(others, READ_WINDOW_BYTES, chunks);
  }

  isAwaited(chunk: number): boolean {
    return this.#awaited.has(chunk);
  }

  /** A missing chunk that a reader has waited for so long, in ms, and that does not come from the origin. */
  overdue(chunks: Chunks | undefined, patience: number, now: number): number | undefined {
    for (const [chunk, since] of this.#awaited)
      if (now >= since + patience && chunks?.isMissing(chunk) && !chunks.isComing(chunk))
        return chunk;
    return undefined;
  }

  /** When one will be overdue. */
  wakeAt(patience: number, now: number): number {
    const times = [...this.#awaited.values()].map((since) => since + patience);
    return Math.min(...times.filter((at) => at > now));
  }

  /** Whether one of the readers is to have it in advance. In steps: else each chunk that is read would be a request. */
  #isAhead(start: number, length: number): boolean {
    return this.#readers.some(({ offset, end }) => {
      const until = (Math.floor(offset / READ_STEP_BYTES) + 2) * READ_STEP_BYTES;
      return start + length > offset && start < Math.min(end, until);
    });
  }
}

/** Missing chunks of so many bytes after where each of them is, by turns. */
function* nextOf(readers: readonly Reader[], bytes: number, chunks: Chunks): Generator<number> {
  const { chunkSize } = chunks.layout;
  const most = readers.length > 0 ? Math.max(2, Math.ceil(bytes / chunkSize)) : 0;
  for (let i = 0; i < most; i++)
    for (const { offset, end } of readers) {
      const chunk = Math.floor(offset / chunkSize) + i;
      if (chunk * chunkSize < end && chunks.exists(chunk) && chunks.isMissing(chunk)) yield chunk;
    }
}
