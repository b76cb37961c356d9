import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { typeByExtension } from '@zauberflote/client/src/sources/media-types.ts';
import {
  chunkSizeFor,
  decodeManifest,
  encodeManifest,
  MAX_CHUNK_BYTES,
  MAX_CHUNKS,
} from '@zauberflote/proto';

/** Of a file, read at a time. */
const READ_BYTES = 262_144;

export interface ManifestOptions {
  /** In bytes, 1 to 16,777,216. @default by size, see `chunkSizeFor` */
  readonly chunkSize?: number | undefined;
  /** As in a Content-Type header; empty: none. @default of a file, by its extension; else none */
  readonly mediaType?: string | undefined;
}

/** A manifest and the hashes of its file. */
export interface MadeManifest {
  /** The content id, for `data-zf-hash`: `zf1-…`. */
  readonly id: string;
  /** Of the file, in bytes. */
  readonly size: number;
  /** Of every chunk but the last, in bytes. */
  readonly chunkSize: number;
  /** How many. */
  readonly chunks: number;
  /** Of the whole file, in hex. */
  readonly sha1: string;
  /** Of the whole file, in hex. */
  readonly sha256: string;
  /** For a page, or a file beside the original; its SHA-256 is the id. */
  readonly manifest: Uint8Array<ArrayBuffer>;
}

/**
 * Makes the manifest of a file, reading it once. Keeps a hash for each chunk, and nothing else.
 * @param data the file, in parts of any size
 * @param size of all of it, in bytes: the chunk size depends on it
 * @throws {Error} if `data` has another size, or the options give no valid manifest
 */
export async function makeManifest(
  data: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  size: number,
  { chunkSize = chunkSizeFor(size), mediaType = '' }: ManifestOptions = {},
): Promise<MadeManifest> {
  const chunks = Math.ceil(size / chunkSize);
  if (chunks > MAX_CHUNKS || chunkSize > MAX_CHUNK_BYTES)
    throw new Error(
      `${size} bytes are ${chunks} chunks of ${chunkSize} bytes; there may be at most ` +
        `${MAX_CHUNKS}, of at most ${MAX_CHUNK_BYTES} bytes`,
    );
  const sha1 = createHash('sha1');
  const sha256 = createHash('sha256');
  const hashes: Buffer[] = [];
  let chunk = createHash('sha256');
  let filled = 0;
  const finishChunk = () => {
    hashes.push(chunk.digest());
    chunk = createHash('sha256');
    filled = 0;
  };
  let read = 0;
  for await (const part of data) {
    read += part.length;
    if (read > size) break;
    sha1.update(part);
    sha256.update(part);
    for (let at = 0; at < part.length; ) {
      const piece = part.subarray(at, at + chunkSize - filled);
      chunk.update(piece);
      at += piece.length;
      filled += piece.length;
      if (filled === chunkSize) finishChunk();
    }
  }
  if (read !== size) throw new Error(`it did not have the ${size} bytes that it should have had`);
  if (filled > 0) finishChunk();
  const whole = sha256.digest();
  const manifest = encodeManifest({
    size: BigInt(size),
    chunkSize,
    chunkSha256: Buffer.concat(hashes),
    sha256: whole,
    mediaType,
  });
  decodeManifest(manifest);
  return {
    id: `zf1-${createHash('sha256').update(manifest).digest('base64url')}`,
    size,
    chunkSize,
    chunks,
    sha1: sha1.digest('hex'),
    sha256: whole.toString('hex'),
    manifest,
  };
}

/**
 * Makes the manifest of a file on disk.
 * @throws {Error} if it cannot be read or is no regular file; see also {@link makeManifest}
 */
export async function manifestOfFile(
  path: string,
  { chunkSize, mediaType = typeByExtension(path) }: ManifestOptions = {},
): Promise<MadeManifest> {
  // Before it is opened: a pipe waits there for who writes to it.
  const kind = await stat(path);
  if (kind.isDirectory()) throw new Error('it is a directory; name the files in it');
  if (!kind.isFile()) throw new Error('it is not a regular file, so its size is not known');
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const data = file.createReadStream({ autoClose: false, highWaterMark: READ_BYTES });
    return await makeManifest(data, size, { chunkSize, mediaType });
  } finally {
    await file.close();
  }
}
