import { HashAlgorithm } from '@zauberflote/proto';
import { ZfError } from '../errors.ts';
import type { ManifestInfo } from '../integrity/manifest.ts';
import { obtainKept } from '../sources/kept.ts';
import type { ManifestSources, ObtainedManifest } from '../sources/manifest.ts';
import { obtainManifest } from '../sources/manifest.ts';
import type { KeptStore } from '../store/kept-store.ts';
import type { Download } from './download.ts';

/**
 * So long nobody is asked for what may be kept here, in ms: a disk that is busy answers within 200 (measured: behind
 * the writing of 40 MB), and one that does not answer must not hold up a page. What it finds later is taken, too.
 */
export const RECALL_MS = 500;

export interface Sources extends Pick<ManifestSources, 'platform' | 'verifier' | 'manifests'> {
  /** What earlier pages left. */
  readonly kept: KeptStore;
  /** Asks those who have the content, or download it, for its manifest, as a content of its own. */
  readonly lookUp: () => Download;
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

/** The manifest, of peers or of the origin, whichever gives it first. */
async function find(
  download: Download,
  signal: AbortSignal,
  sources: Sources,
): Promise<ObtainedManifest> {
  const { content, fallback } = download;
  const { manifests } = sources;
  const lookup = sources.lookUp();
  const ending = new AbortController();
  const end = () => {
    lookup.abort(new ZfError('aborted', 'it is not looked for any more'));
    ending.abort(signal.reason);
  };
  signal.addEventListener('abort', end);
  const fromPeers = lookup.result.then(async (blob) => {
    manifests.add(new Uint8Array(await blob.arrayBuffer()));
    const manifest = await manifests.get(content);
    if (!manifest) throw new ZfError('no-source', 'what has its hash is no manifest');
    return { manifest };
  });
  const fromOrigin = obtainManifest(content, {
    ...sources,
    fallback,
    signal: ending.signal,
    onProgress: (loaded, _, more) => download.fetched(more, loaded),
  });
  try {
    const found: ObtainedManifest = await Promise.any([fromOrigin, fromPeers]);
    // For who was told that it is looked for here.
    lookup.setBody(new Blob([found.manifest.bytes]), 'origin');
    return found;
  } catch (error) {
    // Meanwhile another caller may have said where the origin has it.
    if (download.fallback !== fallback) return find(download, signal, sources);
    throw (error as AggregateError).errors[0];
  } finally {
    signal.removeEventListener('abort', end);
    end();
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
