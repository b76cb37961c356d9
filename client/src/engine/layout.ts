/** How a content is cut into chunks, the units of verification. */
export interface Layout {
  /** Bytes of the whole content. */
  readonly size: number;
  /** Bytes of every chunk but the last. */
  readonly chunkSize: number;
  readonly count: number;
}

/** Unit of leases of contents under a whole-file id, in bytes: every chunk size of theirs divides it. */
export const WHOLE_FILE_UNIT_BYTES = 65_536;

/** Most chunks of a content, and units of a lease (proto/src/limits.ts, which this room cannot see). */
export const MAX_CHUNKS = 65_536;

/** Largest content under a whole-file id, in bytes (4 GiB): in units, there are no more chunks than may be. */
export const MAX_WHOLE_FILE_BYTES = MAX_CHUNKS * WHOLE_FILE_UNIT_BYTES;

export function layoutOf(size: number, chunkSize: number): Layout {
  return { size, chunkSize, count: size === 0 ? 0 : Math.ceil(size / chunkSize) };
}

/**
 * The layout of a content under a whole-file id, which has no manifest to say (peer.proto, Holdings).
 * @param size at most {@link MAX_WHOLE_FILE_BYTES}
 */
export function wholeFileLayout(size: number): Layout {
  const chunkSize = size <= 2 ** 20 ? 16_384 : size <= 2 ** 22 ? 32_768 : WHOLE_FILE_UNIT_BYTES;
  return layoutOf(size, chunkSize);
}

export function chunkLength({ size, chunkSize }: Layout, chunk: number): number {
  return Math.min(chunkSize, size - chunk * chunkSize);
}
