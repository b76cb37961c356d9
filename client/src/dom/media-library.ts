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
  /** Resolves to whether the worker answers for this page; it rejects where there can be none. */
  readonly ready: Promise<boolean>;
  /**
   * From now on answers what the page asks for at an address.
   * @param url absolute
   * @param hash a `zf1-` one: parts of others cannot be verified
   * @returns ends that
   */
  serve(url: string, hash: string, listener: MediaListener): () => void;
}

/** What becomes of a film. */
export interface MediaListener {
  onProgress(progress: Progress): void;
  /** Nothing of it could be had. The browser hears of it by itself. */
  onError(error: unknown): void;
}

/** Loads the library when first called. If it cannot be of use here, says so once, and resolves to nothing. */
export function mediaOnDemand(
  load: () => Promise<MediaLibrary>,
  downloads: Downloads,
  worker: string,
): () => Promise<MediaServer | undefined> {
  const start = async () => {
    const server = (await load()).serveMedia(downloads, worker);
    return (await server.ready) ? server : undefined;
  };
  let starting: Promise<MediaServer | undefined> | undefined;
  return () => {
    starting ??= start().catch((error) => {
      console.warn(
        `Zauberflöte: films and sounds play when all of them is here: ${worker} or zauberflote-media.mjs cannot be used (${error})`,
      );
      return undefined;
    });
    return starting;
  };
}
