import { HashAlgorithm } from '@zauberflote/proto';
import type { ZfError } from '../errors.ts';
import type { ManifestInfo } from '../integrity/manifest.ts';
import { obtainKept } from '../sources/kept.ts';
import type { ManifestSources } from '../sources/manifest.ts';
import { obtainManifest } from '../sources/manifest.ts';
import type { KeptStore } from '../store/kept-store.ts';
import type { Download } from './download.ts';

export interface Sources extends Pick<ManifestSources, 'platform' | 'verifier' | 'manifests'> {
  /** What earlier pages left. */
  readonly kept: KeptStore;
}

/**
 * Gives a download what it starts from: the manifest of its content, or all of the content, where an earlier page
 * kept it. It ends the download where there is no manifest.
 * @param begin asks for peers. They are asked for while a manifest is looked for, so that it costs no time of its
 *   own; without one, once the content is not found here: the origin could be asked for it at once.
 */
export async function open(
  download: Download,
  signal: AbortSignal,
  sources: Sources,
  begin: () => void,
): Promise<void> {
  const { content } = download;
  if (content.algorithm !== HashAlgorithm.MANIFEST_SHA256) {
    await recall(download, undefined, sources);
    return begin();
  }
  begin();
  try {
    // Meanwhile another caller may say where the origin has it.
    await sources.manifests.get(content);
    const { manifest, body } = await obtainManifest(content, {
      ...sources,
      fallback: download.fallback,
      signal,
      onProgress: (loaded, _, more) => download.fetched(more, loaded),
    });
    if (body) {
      const type = manifest.mediaType || body.mediaType;
      return download.setBody(new Blob([body.data], { type }));
    }
    await recall(download, manifest, sources);
    download.setManifest(manifest);
  } catch (error) {
    download.abort(error as ZfError);
  }
}

async function recall(
  download: Download,
  manifest: ManifestInfo | undefined,
  { kept, verifier }: Sources,
): Promise<void> {
  try {
    const blob = await obtainKept(download.content, manifest, kept, verifier);
    if (!blob) return;
    download.bytes.store += blob.size;
    download.setBody(blob);
  } catch {} // Then it comes from elsewhere.
}
