import type { Asset } from '@zauberflote/client/src/download/download-manager.ts';
import type { Content } from '@zauberflote/client/src/integrity/content-id.ts';
import { MemoryStore } from '@zauberflote/client/src/store/memory-store.ts';
import type { DiskFile } from './disk-file.ts';
import { DiskReader } from './disk-reader.ts';

type Read = (offset: number, length: number) => Promise<Uint8Array<ArrayBuffer>>;

/** A part of a file on a disk, as far as the download manager makes use of a Blob: it slices them and takes the bytes. */
class DiskBlob extends Blob {
  readonly #read: Read;
  readonly #start: number;
  readonly #size: number;

  constructor(read: Read, start: number, size: number) {
    super();
    this.#read = read;
    this.#start = start;
    this.#size = size;
  }

  override get size(): number {
    return this.#size;
  }

  override slice(start = 0, end = this.#size): Blob {
    const [from, until] = [start, end].map((at) => Math.min(at, this.#size)) as [number, number];
    return new DiskBlob(this.#read, this.#start + from, Math.max(0, until - from));
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    const { buffer } = await this.#read(this.#start, this.#size);
    return buffer;
  }
}

/** A content and the files that have it: one may be there under several names. */
interface Held extends Asset {
  readonly file: DiskFile;
  readonly others: Set<DiskFile>;
}

/** Contents of files on a disk in place of those a page has in memory. */
export class DiskStore extends MemoryStore<Asset> {
  readonly #reader = new DiskReader();
  readonly #held = new Map<string, Held>();
  readonly #buffers = new WeakMap<ArrayBufferLike, DiskFile>();
  readonly #onUnreadable: (file: DiskFile, error: unknown) => void;

  /** @param onUnreadable some of a file's bytes could not be had, or were not what they should be */
  constructor(onUnreadable: (file: DiskFile, error: unknown) => void) {
    super();
    this.#onUnreadable = onUnreadable;
  }

  override get size(): number {
    return this.#held.size;
  }

  override get(key: string): Asset | undefined {
    return this.#held.get(key);
  }

  override values(): Iterable<Asset> {
    return this.#held.values();
  }

  /** Nothing is downloaded here. */
  override put(): Asset[] {
    return [];
  }

  override clear(): void {
    this.#held.clear();
  }

  /** The file that this was read from, as long as it is in memory. */
  fileOf(buffer: ArrayBufferLike): DiskFile | undefined {
    return this.#buffers.get(buffer);
  }

  /** @returns the contents that were not held before */
  add(file: DiskFile): Content[] {
    return file.contents.filter((content) => {
      const held = this.#held.get(content.key);
      held?.others.add(file);
      if (!held) this.#hold(content, file, new Set());
      return !held;
    });
  }

  /** @returns the contents that are not held any more */
  remove(file: DiskFile): Content[] {
    return file.contents.filter((content) => {
      const held = this.#held.get(content.key);
      if (held?.file !== file) return held?.others.delete(file) && false;
      const [next, ...others] = held.others;
      this.#held.delete(content.key);
      if (next) this.#hold(content, next, new Set(others));
      return !next;
    });
  }

  #hold(content: Content, file: DiskFile, others: Set<DiskFile>): void {
    const read = async (offset: number, length: number) => {
      try {
        const bytes = await this.#reader.read(file, offset, length);
        this.#buffers.set(bytes.buffer, file);
        return bytes;
      } catch (error) {
        this.#onUnreadable(file, error);
        throw error;
      }
    };
    const blob = new DiskBlob(read, 0, file.size);
    this.#held.set(content.key, { content, blob, manifest: file.manifest, file, others });
  }
}
