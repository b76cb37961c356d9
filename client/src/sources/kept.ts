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
  content: Content,
  manifest: ManifestInfo | undefined,
  store: KeptStore,
  verifier: Verifier,
): Promise<Blob | undefined> {
  const blob = await store.get(content.key);
  if (!blob) return undefined;
  const hash = manifest ? { algorithm: HashAlgorithm.SHA256, digest: manifest.sha256 } : content;
  const data = new Uint8Array(await blob.arrayBuffer());
  if (!(await verifier.matches(hash, data))) return undefined;
  // The type is not verified; a manifest's is.
  return blob.slice(0, blob.size, manifest?.mediaType || blob.type);
}
