import { ROOM_MS } from '../engine/tuning.ts';
import { ZfError } from '../errors.ts';
import type { ManifestSources, ObtainedManifest } from '../sources/manifest.ts';
import { obtainManifest } from '../sources/manifest.ts';
import type { Download } from './download.ts';
import type { Lookup } from './lookup.ts';

/**
 * After the origin has failed, peers may take so long to give a manifest, in ms: who has it, sends it within some round trips, and
 * the page is to hear that it failed.
 */
export const LOOKUP_MS = 10_000;

export interface FindingSources
  extends Pick<ManifestSources, 'platform' | 'verifier' | 'manifests'> {
  /** Asks those who have the content, or download it, for its manifest, as a content of its own. */
  readonly lookUp: () => Lookup;
}

/**
 * A manifest that is not in the page, of peers or of the origin, whichever gives it first.
 * @throws {ZfError} why the origin does not give it
 * @throws the signal's reason when it is aborted
 */
export async function find(
  download: Download,
  signal: AbortSignal,
  sources: FindingSources,
): Promise<ObtainedManifest> {
  signal.throwIfAborted();
  const { content } = download;
  const { manifests, platform } = sources;
  const lookup = sources.lookUp();
  const giveUp = () => lookup.abort(new ZfError('aborted', 'it is not looked for any more'));
  // Peers who claim one thing after the other could keep it for ever.
  let stopTimer = platform.setTimer(ROOM_MS, giveUp);
  const ending = new AbortController();
  const end = () => {
    stopTimer();
    giveUp();
    ending.abort(signal.reason);
  };
  signal.addEventListener('abort', end);
  const fromPeers = lookup.result.then(async (blob) => {
    manifests.add(new Uint8Array(await blob.arrayBuffer()));
    const manifest = await manifests.get(content);
    if (!manifest) throw new ZfError('no-source', 'what has its hash is no manifest');
    return { manifest };
  });
  const fromOrigin = new Promise<ObtainedManifest>((resolve, reject) => {
    const ask = (fallback: string | undefined) => {
      const onProgress = (loaded: number, _: unknown, more: number) =>
        download.fetched(more, loaded);
      const from = { ...sources, fallback, signal: ending.signal, onProgress };
      obtainManifest(content, from).then(resolve, (error) => {
        reject(error);
        if (ending.signal.aborted) return;
        stopTimer();
        if (lookup.hasHope) stopTimer = platform.setTimer(LOOKUP_MS, giveUp);
        else giveUp();
      });
    };
    if (download.fallback !== undefined) return ask(download.fallback);
    download.onFallback = ask;
    // That says what is missing.
    fromPeers.catch(() => download.fallback === undefined && ask(undefined));
  });
  try {
    const found = await Promise.any([fromOrigin, fromPeers]);
    download.prove(found.manifest);
    // For who was told that it is looked for here.
    lookup.setBody(new Blob([found.manifest.bytes]), 'origin');
    return found;
  } catch (error) {
    throw (error as AggregateError).errors[0];
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}
