import { HashAlgorithm } from '@zauberflote/proto';
import type { ZfError } from '../errors.ts';
import type { ManifestInfo } from '../integrity/manifest.ts';
import { obtainKept } from '../sources/kept.ts';
import type { KeptStore } from '../store/kept-store.ts';
import type { Download } from './download.ts';
import { type FindingSources, find } from './finding.ts';

/**
 * So long nobody is asked for what may be kept here, in ms: a disk that is busy answers within 200 (measured: behind
 * the writing of 40 MB), and one that does not answer must not hold up a page. What it finds later is taken, too.
 */
export const RECALL_MS = 500;

export interface Sources extends FindingSources {
  /** What earlier pages left. */
  readonly kept: KeptStore;
}

/**
 * Gives a download what it starts from: the manifest of its content, or all of the content, where an earlier page
 * kept it. It ends the download where there is no manifest.
 * @param mayRecall whether what is kept may be looked at
 * @param begin asks for peers: they are asked for while a manifest is looked for, so that it costs no time of its own
 */
export async function open(
  download: Download,
  signal: AbortSignal,
  sources: Sources,
  mayRecall: boolean,
  begin: () => void,
): Promise<void> {
  const { content } = download;
  const byManifest = content.algorithm === HashAlgorithm.MANIFEST_SHA256;
  let known: ManifestInfo | undefined;
  try {
    if (mayRecall) {
      known = await sources.manifests.get(content);
      if (known || !byManifest) await recall(download, known, sources);
    }
    begin();
    if (!byManifest) return;
    const seen = await sources.manifests.get(content);
    const { manifest, body } = seen ? { manifest: seen } : await find(download, signal, sources);
    if (body) {
      const type = manifest.mediaType || body.mediaType;
      return download.setBody(new Blob([body.data], { type }), 'origin', manifest);
    }
    if (mayRecall && !known) await recall(download, manifest, sources);
    download.setManifest(manifest);
  } catch (error) {
    download.abort(error as ZfError);
  }
}

async function recall(
  download: Download,
  manifest: ManifestInfo | undefined,
  { kept, verifier, platform }: Sources,
): Promise<void> {
  const found = obtainKept(download.content, manifest, kept, verifier).then(
    (blob) => blob && download.setBody(blob, 'store', manifest),
    () => {}, // Then it comes from elsewhere.
  );
  await Promise.race([
    found,
    new Promise<void>((resolve) => platform.setTimer(RECALL_MS, resolve)),
  ]);
}
