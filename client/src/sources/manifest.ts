import { MAX_MANIFEST_BYTES } from '@zauberflote/proto';
import { ZfError } from '../errors.ts';
import type { Content } from '../integrity/content-id.ts';
import { formatContentId } from '../integrity/content-id.ts';
import type { Verifier } from '../integrity/digest.ts';
import { type ManifestInfo, parseManifest, rebuildManifests } from '../integrity/manifest.ts';
import type { Manifests } from '../integrity/manifests.ts';
import type { Platform } from '../platform.ts';
import type { HttpBody, HttpOptions } from './http.ts';
import { fetchWhole } from './http.ts';
import { typeByExtension } from './media-types.ts';

export interface ManifestSources {
  readonly platform: Platform;
  readonly verifier: Verifier;
  /** Is asked first, and given what is found elsewhere. */
  readonly manifests: Manifests;
  /** Where the origin has the file; undefined: only `manifests` are asked. */
  readonly fallback: string | undefined;
  readonly signal: AbortSignal;
  /** Of the file, in case it has to be fetched as a whole; see {@link fetchWhole}. */
  readonly onProgress?: HttpOptions['onProgress'];
}

export interface ObtainedManifest {
  readonly manifest: ManifestInfo;
  /** The file itself, verified, if all of it had to be fetched. */
  readonly body?: HttpBody;
}

type Origin = Omit<ManifestSources, 'fallback'> & { readonly url: string };

/**
 * The manifest of a content: one already seen, else that at the origin beside the file (`FILE.zf`),
 * else one made from the file, which works if it is what `zauberflote-manifest` makes without
 * options. What does not have the hash is asked for once more past the caches.
 * @throws {ZfError} `no-source`, `hash-mismatch`, `no-hash-library`
 * @throws the signal's reason when it is aborted
 */
export async function obtainManifest(
  content: Content,
  { fallback: url, ...rest }: ManifestSources,
): Promise<ObtainedManifest> {
  const known = await rest.manifests.get(content);
  if (known) return { manifest: known };
  const id = formatContentId(content);
  if (url === undefined)
    throw new ZfError('no-source', `there is no manifest for ${id} and no fallback URL`);
  const origin = { ...rest, url };
  const obtained = (await beside(content, origin)) ?? (await fromFile(content, origin));
  if (!obtained)
    throw new ZfError(
      'hash-mismatch',
      `${url} does not give the manifest ${id}, nor is it in the page or at ${manifestUrl(url)}: ` +
        'make both anew with "npx zauberflote-manifest --write FILE", which prints the id',
    );
  rest.manifests.add(obtained.manifest.bytes);
  return obtained;
}

/** Where the manifest of `url` is: `/a.jpg?v=2` → `/a.jpg.zf?v=2`. */
export function manifestUrl(url: string): string {
  return url.replace(/[?#].*$|$/s, '.zf$&');
}

/** Undefined if it is not there. */
async function beside(
  content: Content,
  { platform, verifier, url, signal }: Origin,
): Promise<ObtainedManifest | undefined> {
  const at = manifestUrl(url);
  const onProgress = (loaded: number, total = 0) => {
    if (Math.max(loaded, total) > MAX_MANIFEST_BYTES)
      throw new Error(`${at} is larger than a manifest can be`);
  };
  for (const fresh of [false, true]) {
    let manifest: ManifestInfo;
    try {
      manifest = parseManifest(
        (await fetchWhole(platform, at, { signal, fresh, onProgress })).data,
      );
    } catch {
      // Not there, or a page that says so: the file is asked for, and has its own failures.
      signal.throwIfAborted();
      return undefined;
    }
    if (await verifier.matches(content, manifest.bytes)) return { manifest };
  }
  return undefined;
}

/** Undefined if the file does not give this manifest. */
async function fromFile(
  content: Content,
  { platform, verifier, url, signal, onProgress = () => {} }: Origin,
): Promise<ObtainedManifest | undefined> {
  for (const fresh of [false, true]) {
    const body = await fetchWhole(platform, url, { signal, fresh, onProgress }).catch((cause) => {
      signal.throwIfAborted();
      const { message } = cause as Error;
      throw new ZfError(
        'no-source',
        `there is no manifest for ${formatContentId(content)} in the page or at ` +
          `${manifestUrl(url)}, and ${message}`,
        { cause },
      );
    });
    const types = new Set([
      typeByExtension(url.replace(/[?#].*$/s, '')),
      body.mediaType,
      body.mediaType.split(';', 1)[0]!.trim(),
      '',
    ]);
    for (const bytes of await rebuildManifests(body.data, types, verifier))
      if (await verifier.matches(content, bytes)) return { manifest: parseManifest(bytes), body };
  }
  return undefined;
}
