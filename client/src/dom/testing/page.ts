/**
 * The page's side of the browser tests: an Injector over a download manager that only knows HTTP.
 * It verifies what it gets, as the real one does, and keeps books.
 */
import { formatContentId, HashAlgorithm } from '@zauberflote/proto';
import type { DownloadOptions, Downloads } from '../../download/types.ts';
import { ZfError } from '../../errors.ts';
import { parseContentId } from '../../integrity/content-id.ts';
import { Injector } from '../injector.ts';
import * as stylesheets from '../stylesheet.ts';

class HttpDownloads implements Downloads {
  readonly started: string[] = [];
  readonly aborted: string[] = [];
  /** Ids of manifests, in the order they were found. */
  readonly manifests: Promise<string>[] = [];

  addManifest(bytes: Uint8Array<ArrayBuffer>): void {
    const digest = crypto.subtle.digest('SHA-256', bytes);
    const algorithm = HashAlgorithm.MANIFEST_SHA256;
    this.manifests.push(
      digest.then((buffer) => formatContentId({ algorithm, digest: new Uint8Array(buffer) })),
    );
  }

  async download(hash: string, { fallback, signal, onProgress }: DownloadOptions): Promise<Blob> {
    const path = new URL(fallback!).pathname;
    this.started.push(path);
    signal!.addEventListener('abort', () => this.aborted.push(path));
    const { algorithm } = parseContentId(hash);
    if (path.includes('nolib')) throw new ZfError('no-hash-library', 'no crypto.subtle here');
    let response: Response;
    try {
      response = await fetch(fallback!, { signal: signal!, cache: 'no-store' });
    } catch (cause) {
      if (signal!.aborted) throw new ZfError('aborted', 'the download was aborted');
      throw new ZfError('no-source', `nobody has it and ${fallback} cannot be reached`, { cause });
    }
    if (!response.ok)
      throw new ZfError('no-source', `nobody has it and its origin says ${response.status}`);
    const blob = await response.blob();
    const origin = blob.size;
    onProgress!({ loaded: origin, total: origin, bytes: { peers: 0, origin, store: 0 } });
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()));
    if (formatContentId({ algorithm, digest }) !== hash.trim())
      throw new ZfError('hash-mismatch', `${fallback} does not have the hash`);
    return response.headers.get('content-type') ? blob : new Blob([blob]);
  }
}

const downloads = new HttpDownloads();
const libraries: string[] = [];
const injector = new Injector(downloads, async () => {
  libraries.push('css');
  if ('noCss' in globalThis) throw new TypeError('no library here');
  return stylesheets;
});
const urls = new Set<string>();
const messages: string[] = [];
const events: { type: string; id: string; detail: unknown }[] = [];

const { createObjectURL, revokeObjectURL } = URL;
URL.createObjectURL = (blob) => {
  const url = createObjectURL.call(URL, blob);
  urls.add(url);
  return url;
};
URL.revokeObjectURL = (url) => {
  urls.delete(url);
  revokeObjectURL.call(URL, url);
};
for (const level of ['error', 'warn'] as const) {
  console[level] = (message: string) => messages.push(`${level}: ${message}`);
}
const remember = (event: Event) => {
  const target = event.target as Element;
  // Chromium's own word for an object without an address that it lays out while it still parses it: by chance.
  const isEmpty = target.localName === 'object' && !target.hasAttribute('data');
  if (event.type === 'error' && event.isTrusted && isEmpty) return;
  const { error, ...detail } = (event as CustomEvent).detail ?? {};
  events.push({
    type: event.type,
    id: target.id,
    detail: error ? { ...detail, code: error.code } : detail,
  });
};
for (const type of ['zf:progress', 'zf:load', 'zf:error'])
  document.addEventListener(type, remember);
for (const type of ['load', 'error']) document.addEventListener(type, remember, true);

/** Looks until `condition` gives something true. The test's time limit ends it. */
function until<T>(condition: () => T | Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const look = async () => {
      const result = await condition();
      if (result) resolve(result);
      else setTimeout(() => look().catch(reject), 5);
    };
    look().catch(reject);
  });
}

Object.assign(globalThis, {
  downloads,
  injector,
  libraries,
  urls,
  messages,
  events,
  until,
  ran: [],
});
injector.observe();
void injector.inject(document);
