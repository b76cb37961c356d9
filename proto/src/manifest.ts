import type { Manifest } from '../gen/compact.ts';
import { ErrorCode, ManifestTable } from '../gen/compact.ts';
import { type Init, malformed, ProtocolError } from './codec.ts';
import {
  MAX_CHUNK_BYTES,
  MAX_CHUNKS,
  MAX_CONTENT_BYTES,
  MAX_MANIFEST_BYTES,
  MAX_MEDIA_TYPE_LENGTH,
} from './limits.ts';
import { read, write } from './table.ts';

/** Chunk size of small files in a manifest, in bytes. */
export const SMALL_CHUNK_BYTES = 16_384;

/** Largest chunk of a manifest as long as that makes no more than MAX_CHUNKS chunks, in bytes. */
export const LARGE_CHUNK_BYTES = 1_048_576;

/** Files up to this many bytes have the smallest chunks; with each doubling, four times as many. */
const SMALL_FILE_BYTES = 1_048_576;

/**
 * The chunk size that `zauberflote-manifest` gives a file of `size` bytes, and that a client assumes
 * which has to make a manifest anew.
 *
 * While a file of M chunks spreads to L visitors, the last one is done after about 1 + log2(L)/M
 * times what one transfer takes: many chunks are good. But each costs 32 bytes of manifest and a
 * request. So M grows with the square root of the size: 64 at 1 MiB, 1,024 at 256 MiB. No chunk is
 * below 16 KiB, nor, as long as 65,536 suffice, above 1 MiB, which is the longest Request. The media
 * type has no say: what plays while it loads gains from small chunks as much as what does not.
 */
export function chunkSizeFor(size: number): number {
  let chunk = SMALL_CHUNK_BYTES;
  for (let most = SMALL_FILE_BYTES; size > most && chunk < LARGE_CHUNK_BYTES; most *= 4) chunk *= 2;
  while (size > chunk * MAX_CHUNKS) chunk *= 2;
  return chunk;
}

// RFC 9110, sections 5.6.2 and 8.3.1; parameters are not looked into.
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+[\t ]*(?:;[\t -~]*)?$/;

/** Whether a manifest may hold `text`, which is not empty, as its media type. */
export function isMediaType(text: string): boolean {
  return text.length <= MAX_MEDIA_TYPE_LENGTH && MEDIA_TYPE.test(text);
}

/** The bytes of a manifest. Equal manifests have equal bytes, and so equal content ids. */
export function encodeManifest(manifest: Init<Manifest>): Uint8Array<ArrayBuffer> {
  return write(ManifestTable, manifest);
}

/**
 * Decodes a manifest and checks its rules; not its hash. Hashes are views on `bytes`, not copies.
 * @throws {ProtocolError} MALFORMED or TOO_LARGE.
 */
export function decodeManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > MAX_MANIFEST_BYTES)
    throw new ProtocolError(
      ErrorCode.TOO_LARGE,
      `a manifest of ${bytes.length} bytes is larger than ${MAX_MANIFEST_BYTES}`,
    );
  let manifest: Manifest;
  try {
    manifest = read(ManifestTable, bytes).message as Manifest;
  } catch (error) {
    return malformed(`not a manifest: ${(error as Error).message}`);
  }
  const { size, chunkSize, chunkSha256, sha256, mediaType } = manifest;
  if (size > BigInt(MAX_CONTENT_BYTES)) malformed(`size ${size} is beyond 2^53 - 1`);
  if (chunkSize < 1 || chunkSize > MAX_CHUNK_BYTES)
    malformed(`chunk_size ${chunkSize} is not within 1 to ${MAX_CHUNK_BYTES}`);
  const count = Math.ceil(Number(size) / chunkSize);
  if (count > MAX_CHUNKS) malformed(`${count} chunks are more than ${MAX_CHUNKS}`);
  if (chunkSha256.length !== 32 * count)
    malformed(`chunk_sha256 has ${chunkSha256.length} bytes instead of ${32 * count}`);
  if (sha256.length !== 32) malformed(`sha256 has ${sha256.length} bytes instead of 32`);
  if (mediaType && !isMediaType(mediaType)) malformed('media_type does not have the form of one');
  return manifest;
}
