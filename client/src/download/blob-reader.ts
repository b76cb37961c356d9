import type { Servable } from './uploads.ts';

/** Bytes of recently served Blobs kept in memory: a read of a Blob asks another process, each time. */
export const CACHE_BYTES = 16 * 1024 * 1024;

/**
 * All of a Blob is read when this part of it was asked for. When every read did so, 512 requests of one byte, of three files of
 * 8 MiB in turn, blocked a page for 13 s and took 4.6 GiB in Chromium.
 */
export const LOAD_SHARE = 16;

/** Gives what stored assets have, those that are asked for most recently from memory. */
export class BlobReader {
  readonly #cache = new Map<Blob, Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>>();
  #bytes = 0;
  /** Bytes of those that are being read, also such as made room again. */
  #loading = 0;
  /** Bytes asked for of each that is not kept. */
  readonly #asked = new WeakMap<Blob, number>();

  servable(blob: Blob): Servable {
    return { size: blob.size, read: (offset, length) => this.#read(blob, offset, length) };
  }

  #read(
    blob: Blob,
    offset: number,
    length: number,
  ): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> {
    const end = offset + length;
    const whole = this.#cache.get(blob) ?? this.#load(blob, length);
    if (!whole) return bytesOf(blob.slice(offset, end));
    // Again at the end of the line of those to be forgotten.
    this.#cache.delete(blob);
    this.#cache.set(blob, whole);
    if (whole instanceof Promise) return whole.then((bytes) => bytes.subarray(offset, end));
    return whole.subarray(offset, end);
  }

  /** All of it, if it is worth that: who asks for a byte here and there must not have whole files read for it. */
  #load(blob: Blob, length: number): Promise<Uint8Array<ArrayBuffer>> | undefined {
    const { size } = blob;
    const asked = (this.#asked.get(blob) ?? 0) + length;
    this.#asked.set(blob, asked);
    const isRead = asked * LOAD_SHARE >= size && size <= CACHE_BYTES / 2;
    if (!isRead || this.#loading + size > CACHE_BYTES) return undefined;
    this.#asked.delete(blob);
    this.#loading += size;
    this.#bytes += size;
    for (const oldest of this.#cache.keys()) {
      if (this.#bytes <= CACHE_BYTES) break;
      this.#cache.delete(oldest);
      this.#bytes -= oldest.size;
    }
    const loading = bytesOf(blob);
    loading
      .then(
        (bytes) => this.#cache.has(blob) && this.#cache.set(blob, bytes),
        () => {
          if (this.#cache.delete(blob)) this.#bytes -= size;
        },
      )
      .finally(() => {
        this.#loading -= size;
      });
    return loading;
  }
}

async function bytesOf(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await blob.arrayBuffer());
}
