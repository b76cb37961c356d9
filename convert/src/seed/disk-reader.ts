import { webcrypto } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { ChangedError, type DiskFile, openAs } from './disk-file.ts';
import { MAX_PART_READS, MAX_READS, PART_CACHE_BYTES, WASTED_BYTES_PER_SECOND } from './limits.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Chunks that follow each other: from the first up to, not including, the end. */
interface Span {
  readonly file: DiskFile;
  readonly first: number;
  readonly end: number;
}

/** Lets so many do something at once; the others wait in line. */
class Turns {
  #left: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#left = most;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#left > 0) this.#left--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#left++;
    }
  }
}

/**
 * Reads files when their bytes are asked for, and gives none that it has not just verified: whatever became of a file,
 * and when, nothing wrong leaves from here. Keeps few files open, and little in memory.
 */
export class DiskReader {
  readonly #wholes = new Turns(MAX_READS - MAX_PART_READS);
  readonly #parts = new Turns(MAX_PART_READS);
  /** Spans of which parts were asked for, those last used at the end. */
  readonly #kept = new Map<string, { readonly size: number; readonly data: Promise<Bytes> }>();
  #keptBytes = 0;
  /** Numbers for files, so that a changed one has nothing in common with what it was. */
  readonly #numbers = new WeakMap<DiskFile, number>();
  #lastNumber = 0;

  /**
   * @throws {ChangedError} if these bytes are not what they were
   * @throws {Error} if they cannot be read
   */
  async read(file: DiskFile, offset: number, length: number): Promise<Bytes> {
    const { size, chunkSize } = file;
    const last = Math.min(offset + length, size);
    const span = { file, first: Math.floor(offset / chunkSize), end: Math.ceil(last / chunkSize) };
    const [from, until] = [span.first * chunkSize, Math.min(span.end * chunkSize, size)];
    if (from === offset && until === last) return this.#wholes.take(() => load(span));
    const whole = await this.#whole(span, until - from, length);
    // A view would keep all of it in memory for as long as a part is being sent.
    return whole.slice(offset - from, last - from);
  }

  /** All chunks of which a part is asked for: it can be verified only together with the rest of them. */
  #whole(span: Span, size: number, wanted: number): Promise<Bytes> {
    const { file, first, end } = span;
    const number = this.#numbers.get(file) ?? ++this.#lastNumber;
    this.#numbers.set(file, number);
    const key = `${number} ${first} ${end}`;
    const kept = this.#forget(key) ?? { size, data: this.#readPart(span, size - wanted) };
    this.#kept.set(key, kept);
    this.#keptBytes += size;
    kept.data.catch(() => this.#kept.get(key) === kept && this.#forget(key));
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes <= PART_CACHE_BYTES || oldest === key) break;
      this.#forget(oldest);
    }
    return kept.data;
  }

  #forget(key: string) {
    const kept = this.#kept.get(key);
    if (this.#kept.delete(key)) this.#keptBytes -= kept!.size;
    return kept;
  }

  #readPart(span: Span, wasted: number): Promise<Bytes> {
    return this.#parts.take(async () => {
      const bytes = await load(span);
      await pause((wasted * 1_000) / WASTED_BYTES_PER_SECOND);
      return bytes;
    });
  }
}

async function load({ file, first, end }: Span): Promise<Bytes> {
  const { path, state, size, chunkSize, hashes } = file;
  const from = first * chunkSize;
  const data = new Uint8Array(Math.min(end * chunkSize, size) - from);
  const handle = await openAs(path, state);
  try {
    for (let at = 0; at < data.length; ) {
      const { bytesRead } = await handle.read(data, at, data.length - at, from + at);
      if (bytesRead === 0) throw new ChangedError('it has become shorter');
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
  for (let chunk = first; chunk < end; chunk++) {
    const at = (chunk - first) * chunkSize;
    // Not here and now: visitors who are being sent something need not wait for a long chunk.
    const digest = await webcrypto.subtle.digest('SHA-256', data.subarray(at, at + chunkSize));
    const expected = hashes.subarray(32 * chunk, 32 * chunk + 32);
    if (Buffer.compare(Buffer.from(digest), expected) !== 0)
      throw new ChangedError('its bytes are not what they were');
  }
  return data;
}
