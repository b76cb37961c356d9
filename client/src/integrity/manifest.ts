import { chunkSizeFor, decodeManifest, encodeManifest } from '@zauberflote/proto';
import type { Verifier } from './digest.ts';

/** What a manifest says about its file. */
export interface ManifestInfo {
  /** The manifest itself: its SHA-256 is the content id. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the file, in bytes. */
  readonly size: number;
  /** Of every chunk but the last, in bytes; at least 1. */
  readonly chunkSize: number;
  /** Chunks; 0 for an empty file. */
  readonly count: number;
  /** 32 bytes for each chunk. */
  readonly chunkSha256: Uint8Array;
  /** Of the whole file. */
  readonly sha256: Uint8Array;
  /** In the form of a Content-Type header; may be empty. */
  readonly mediaType: string;
}

/**
 * Reads a manifest and checks its rules; not its hash. The result refers to `bytes`, which must not
 * change any more.
 * @throws {Error} saying which rule is broken
 */
export function parseManifest(bytes: Uint8Array<ArrayBuffer>): ManifestInfo {
  const manifest = decodeManifest(bytes);
  const size = Number(manifest.size);
  return { ...manifest, bytes, size, count: Math.ceil(size / manifest.chunkSize) };
}

/**
 * The manifests that `zauberflote-manifest` makes of a file, one for each media type.
 * @throws {ZfError} `no-hash-library`
 */
export async function rebuildManifests(
  data: Uint8Array<ArrayBuffer>,
  mediaTypes: Iterable<string>,
  verifier: Verifier,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const chunkSize = chunkSizeFor(data.length);
  const count = Math.ceil(data.length / chunkSize);
  const chunkSha256 = new Uint8Array(32 * count);
  for (let i = 0; i < count; i++)
    chunkSha256.set(
      await verifier.sha256(data.subarray(i * chunkSize, (i + 1) * chunkSize)),
      32 * i,
    );
  const sha256 = await verifier.sha256(data);
  const size = BigInt(data.length);
  return Array.from(mediaTypes, (mediaType) =>
    encodeManifest({ size, chunkSize, chunkSha256, sha256, mediaType }),
  );
}
