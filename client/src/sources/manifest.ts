import { formatContentId, MAX_MANIFEST_BYTES } from '@zauberflote/proto';
import { ZfError } from '../errors.ts';
import type { Content } from '../integrity/content-id.ts';
import type { Verifier } from '../integrity/digest.ts';
import { type ManifestInfo, parseManifest, rebuildManifests } from '../integrity/manifest.ts';
import type { Manifests } from '../integrity/manifests.ts';
import type { Platform } from '../platform.ts';
import type { HttpBody, HttpOptions } from './http.ts';
import { fetchWhole, HttpError, isElsewhere } from './http.ts';
import { typeByExtension } from './media-types.ts';
import { isOverrun } from './pace.ts';

/** Pauses before a manifest is asked for again, in ms: an origin that is restarted. */
export const MANIFEST_RETRIES_MS = [1_000, 2_000];

/** 4xx that may pass: the request was slow, or early (RFC 9110, 8470). */
const PASSING = new Set([408, 425]);

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
 * options. What does not have the hash is asked for once more past the caches; a manifest that cannot
 * be fetched at the moment, after a pause.
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
    throw new ZfError(
      'no-source',
      `there is no manifest for ${id} in the page, nor with a visitor who can be reached, and no fallback URL`,
    );
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
async function beside(content: Content, origin: Origin): Promise<ObtainedManifest | undefined> {
  const { platform, verifier, manifests, signal } = origin;
  const at = manifestUrl(origin.url);
  const onProgress = (loaded: number, total = 0) => {
    if (Math.max(loaded, total) > MAX_MANIFEST_BYTES)
      throw new Error(`${at} is larger than a manifest can be`);
  };
  for (let tries = 0; ; tries++) {
    try {
      return await fetchTwice({ platform, signal, url: at, onProgress }, async ({ data }) => {
        const manifest = parseManifest(data);
        return (await verifier.matches(content, data)) ? { manifest } : undefined;
      });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ZfError) throw error;
      const ms = pauseAfter(error, tries, at);
      // Not there, or a page that says so: the file is asked for, and has its own failures.
      if (ms === undefined) return undefined;
      await pause(platform, ms, signal);
      // Meanwhile the page may have got to where it has it.
      const manifest = await manifests.get(content);
      if (manifest) return { manifest };
    }
  }
}

/** How long to wait before asking again, in ms; undefined: it would be in vain. */
function pauseAfter(error: unknown, tries: number, url: string): number | undefined {
  const wait = MANIFEST_RETRIES_MS[tries];
  if (!(error instanceof HttpError) || wait === undefined) return undefined;
  const { kind, status = 0 } = error;
  // An answer 404 of another origin mostly lacks CORS headers, and looks like this: no time for that.
  if (kind === 'unreachable' && (tries > 0 || isElsewhere(url))) return undefined;
  // A minute is gone already, or an origin that is overrun was asked again as often as makes sense.
  if (kind === 'stalled' || isOverrun(status)) return undefined;
  if (status >= 400 && status < 500 && !PASSING.has(status)) return undefined;
  return wait;
}

/** @throws the signal's reason when it is aborted */
async function pause(platform: Platform, ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = platform.setTimer(ms, resolve);
    signal.addEventListener('abort', () => resolve(cancel()), { once: true });
  });
  signal.throwIfAborted();
}

/** Undefined if the file does not give this manifest. */
function fromFile(content: Content, origin: Origin): Promise<ObtainedManifest | undefined> {
  const { verifier, url, signal } = origin;
  const make = async (body: HttpBody) => {
    const types = new Set([
      typeByExtension(url.replace(/[?#].*$/s, '')),
      body.mediaType,
      body.mediaType.split(';', 1)[0]!.trim(),
      '',
    ]);
    for (const bytes of await rebuildManifests(body.data, types, verifier))
      if (await verifier.matches(content, bytes)) return { manifest: parseManifest(bytes), body };
    return undefined;
  };
  return fetchTwice(origin, make).catch((cause) => {
    signal.throwIfAborted();
    if (!(cause instanceof HttpError)) throw cause;
    throw new ZfError(
      'no-source',
      `there is no manifest for ${formatContentId(content)} in the page or at ` +
        `${manifestUrl(url)}, and ${cause.message}`,
      { cause },
    );
  });
}

/** What can be made of a body: of the one that a cache may have, else of one from past all caches. */
async function fetchTwice(
  { platform, url, signal, onProgress = () => {} }: Omit<Origin, 'verifier' | 'manifests'>,
  make: (body: HttpBody) => Promise<ObtainedManifest | undefined>,
): Promise<ObtainedManifest | undefined> {
  for (const fresh of [false, true]) {
    const made = await make(await fetchWhole(platform, url, { signal, fresh, onProgress }));
    if (made) return made;
  }
  return undefined;
}
