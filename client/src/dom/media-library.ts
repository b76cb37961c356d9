/**
 * The page's side of zauberflote-media.mjs (media-server.ts), which is loaded when a page has a service worker of ours and a
 * marked film or sound: few pages have. What is declared here keeps its name in both files.
 */
import type { Downloads, Progress } from '../download/types.ts';

/** What zauberflote-media.mjs exports. */
export interface MediaLibrary {
  /** @param worker address of zauberflote-sw.js, or of a worker that has it */
  serveMedia(downloads: Downloads, worker: string): MediaServer;
}

/** Lets media of the page play, and be sought in, while they come. */
export interface MediaServer {
  /**
   * From now on answers what the page asks for at an address.
   * @param url absolute
   * @param hash a `zf1-` one: parts of others cannot be verified
   * @returns ends that. Undefined: no worker answers for this page, as it was reloaded past all caches
   * @throws {Error} if there can be no worker, or the one of the page is another
   */
  serve(url: string, hash: string, listener: MediaListener): Promise<(() => void) | undefined>;
}

/** What becomes of a film. */
export interface MediaListener {
  onProgress(progress: Progress): void;
  /** Nothing of it could be had. The browser hears of it by itself. */
  onError(error: unknown): void;
}

/** Loads the library when first called. What it cannot do here is said once, and done without. */
export function mediaOnDemand(
  load: () => Promise<MediaLibrary>,
  downloads: Downloads,
  worker: string,
): MediaServer {
  let loading: Promise<MediaServer> | undefined;
  let isTold = false;
  return {
    async serve(...film) {
      try {
        loading ??= load().then(({ serveMedia }) => serveMedia(downloads, worker));
        return await (await loading).serve(...film);
      } catch (error) {
        if (!isTold)
          console.warn(
            `Zauberflöte: films and sounds play when all of them is here: ${worker} or zauberflote-media.mjs cannot be used (${error})`,
          );
        isTold = true;
        return undefined;
      }
    },
  };
}
