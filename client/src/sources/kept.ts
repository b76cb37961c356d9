import { HashAlgorithm } from '@zauberflote/proto';
import type { Content } from '../integrity/content-id.ts';
import type { Verifier } from '../integrity/digest.ts';
import type { ManifestInfo } from '../integrity/manifest.ts';
import type { KeptStore } from '../store/kept-store.ts';

/**
 * A content that an earlier page has left, verified anew; undefined if there is none, or not that.
 * @param manifest of the content, if its id is that of one
 * @throws {ZfError} `no-hash-library`
 * @throws what the browser throws where it lets nothing be kept, or lost it
 */
export async function obtainKept(
  { key, algorithm, digest }: Content,
  manifest: ManifestInfo | undefined,
  store: KeptStore,
  verifier: Verifier,
): Promise<Blob | undefined> {
  const blob = await store.get(key);
  if (!blob) return undefined;
  const hash = manifest
    ? { algorithm: HashAlgorithm.SHA256, digest: manifest.sha256 }
    : { algorithm, digest };
  return (await verifier.matches(hash, new Uint8Array(await blob.arrayBuffer())))
    ? blob
    : undefined;
}
