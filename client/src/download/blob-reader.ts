import type { Servable } from './uploads.ts';

/** Bytes of recently served Blobs kept in memory: a read of a Blob asks another process, each time. */
export const CACHE_BYTES = 16 * 1024 * 1024;

/** Gives what stored assets have, those that are asked for most recently from memory. */
export class BlobReader {
  readonly #cache = new Map<Blob, Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>>();
  #bytes = 0;

  servable(blob: Blob): Servable {
    return { size: blob.size, read: (offset, length) => this.#read(blob, offset, length) };
  }

  #read(
    blob: Blob,
    offset: number,
    length: number,
  ): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> {
    const end = offset + length;
    if (blob.size > CACHE_BYTES / 2) return bytesOf(blob.slice(offset, end));
    const whole = this.#cache.get(blob) ?? this.#load(blob);
    // Again at the end of the line of those to be forgotten.
    this.#cache.delete(blob);
    this.#cache.set(blob, whole);
    if (whole instanceof Promise) return whole.then((bytes) => bytes.subarray(offset, end));
    return whole.subarray(offset, end);
  }

  #load(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
    this.#bytes += blob.size;
    for (const oldest of this.#cache.keys()) {
      if (this.#bytes <= CACHE_BYTES) break;
      this.#cache.delete(oldest);
      this.#bytes -= oldest.size;
    }
    const loading = bytesOf(blob);
    loading.then(
      (bytes) => this.#cache.has(blob) && this.#cache.set(blob, bytes),
      () => {
        if (this.#cache.delete(blob)) this.#bytes -= blob.size;
      },
    );
    return loading;
  }
}

async function bytesOf(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await blob.arrayBuffer());
}
