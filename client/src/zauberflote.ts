import { Injector } from './dom/injector.ts';
import { type MediaLibrary, type MediaServer, mediaOnDemand } from './dom/media-library.ts';
import type { StylesheetLibrary } from './dom/stylesheet-library.ts';
import type { Network, NetworkHandlers, Stats } from './download/download-manager.ts';
import { DownloadManager } from './download/download-manager.ts';
import type { UploadPolicy } from './download/manners.ts';
import type { DownloadOptions, Downloads, StreamOptions } from './download/types.ts';
import type { HashLibrary } from './integrity/digest.ts';
import { Verifier } from './integrity/digest.ts';
import { joinNetwork } from './network.ts';
import type { Platform } from './platform.ts';
import { browserPlatform } from './platform.ts';
import type { EarlySocket } from './tracker/early-socket.ts';

/** Most connections of one page. One download uses at most 8 peers; several downloads share them. */
export const MAX_CONNECTIONS = 24;

/** Most of them that other visitors began: however many come, one download has its 8 peers. */
export const MAX_INCOMING = 16;

export interface ZauberfloteOptions {
  /**
   * Addresses of trackers, `wss://…` (on a plain-http page also `ws://…`), in a list or parted by
   * spaces. One is used at a time, the first that works, so all pages should name them in one order.
   * @default none: everything comes from its fallback URL
   */
  readonly tracker?: string | readonly string[] | undefined;
  /**
   * STUN and TURN servers. Visitors behind different routers need at least a STUN server to reach
   * each other.
   * @default none
   */
  readonly iceServers?: RTCIceServer[] | undefined;
  /**
   * Hides the visitor's addresses from other visitors: everything goes through a TURN server of
   * `iceServers`.
   * @default false
   */
  readonly relayOnly?: boolean | undefined;
  /**
   * Whether this visitor serves others: `auto`, yes, but not on mobile data, nor where the browser is
   * set to save data; `always`; `never`.
   * @default 'auto'
   */
  readonly upload?: UploadPolicy | undefined;
  /**
   * Most bytes of contents uploaded per second, to all visitors together.
   * @default 0: as much as the line gives
   */
  readonly maxUploadBytesPerSecond?: number | undefined;
  /**
   * Most bytes of contents that the browser keeps for the visitor's next pages of this origin, in its
   * Cache API: what was kept last. They are verified anew, and served to others from there. Of one
   * content at most 256 MiB.
   * @default 0: nothing outlives the page, and each page loads its marked files anew
   */
  readonly maxStoredBytes?: number | undefined;
  /**
   * Address of `zauberflote-sw.js`, or of a service worker that has it by `importScripts()`: marked films and sounds under a
   * `zf1-` hash play, and can be sought in, while they come. It has to be on the page's own host, in a folder
   * above the page.
   * @default none: they play when all of them is here
   */
  readonly worker?: string | undefined;
  /**
   * Asks for consent; called once, at once. Unless it returns true, or a promise of true, and until
   * then, everything comes from its fallback URL, and neither the tracker nor other visitors hear of
   * this one.
   * @default none: there is consent
   */
  readonly enabled?: (() => boolean | Promise<boolean>) | undefined;
}

/** What an instance is made of besides the options of its owner. */
export interface Surroundings {
  /** Loads the hash library for pages without crypto.subtle. */
  readonly loadHashes: () => Promise<HashLibrary>;
  /** Loads what makes stylesheets work from a blob: URL; for inject() only. */
  readonly loadCss: () => Promise<StylesheetLibrary>;
  /** Loads what answers the `worker` of the options; for inject() only. */
  readonly loadMedia?: (() => Promise<MediaLibrary>) | undefined;
  /** @default the browser's */
  readonly platform?: Platform;
  /** The window: fires `pagehide`, `pageshow` and `online`, its document `freeze` and `resume`. @default none, as in Node */
  readonly page?: EventTarget | undefined;
  /** What the guard began. @default none */
  readonly early?: EarlySocket | undefined;
}

/**
 * One visitor's part of the network: downloads contents by hash from other visitors or their
 * origin, and serves what it has to others while the page is open.
 */
export class ZauberfloteCore implements Downloads {
  readonly #downloads: DownloadManager;
  readonly #closing = new AbortController();
  readonly #loadCss: () => Promise<StylesheetLibrary>;
  readonly #media: MediaServer | undefined;
  #injector: Injector | undefined;
  #listen = () => {};

  constructor(
    options: ZauberfloteOptions,
    { loadHashes, loadCss, loadMedia, platform = browserPlatform(), page, early }: Surroundings,
  ) {
    this.#loadCss = loadCss;
    const { tracker: named, iceServers, relayOnly, enabled, worker } = options;
    this.#media = worker && loadMedia ? mediaOnDemand(loadMedia, this, worker) : undefined;
    const verifier = new Verifier(globalThis.crypto?.subtle, loadHashes);
    const connect = (handlers: NetworkHandlers): Network => {
      const { tracker, connections } = joinNetwork(
        named,
        platform,
        handlers,
        { maxConnections: MAX_CONNECTIONS, maxIncoming: MAX_INCOMING, iceServers, relayOnly },
        early,
      );
      // A page that was left may be kept, and one in the background be stopped, as phones do, with its
      // connections: it must not count as a holder.
      let [isHere, isAllowed] = [true, !enabled];
      const update = () => {
        for (const one of [connections, tracker])
          if (isHere && isAllowed) one.resume();
          else one.suspend();
      };
      const onPage = ({ type }: Event) => {
        isHere = type === 'pageshow' || type === 'resume';
        update();
      };
      const renew = () => tracker.renew();
      this.#listen = () => {
        // The document is told of freezing and thawing, and neither bubbles.
        const listening = { signal: this.#closing.signal, capture: true };
        for (const type of ['pagehide', 'pageshow', 'freeze', 'resume'])
          page?.addEventListener(type, onPage, listening);
        page?.addEventListener('online', renew, listening);
      };
      this.#listen();
      if (!enabled) return { tracker, connections };
      const answered = (answer: boolean) => {
        isAllowed = answer;
        if (answer) update();
        else tracker.close(); // Nobody waits for it any more.
      };
      update();
      (async () => answered((await enabled()) === true))().catch((error) => {
        answered(false);
        throw error; // The page's own fault: it is told as any other.
      });
      return { tracker, connections };
    };
    this.#downloads = new DownloadManager(platform, verifier, connect, options);
  }

  /**
   * The verified bytes of a content. Its Blob's type is what the origin said; empty when the bytes
   * came from other visitors.
   * @param hash as in `data-zf-hash`: `zf1-…`, `sha256-`, `sha384-` or `sha512-` and base64, or 40
   *   hex digits
   * @throws {ZfError}
   */
  download(hash: string, options?: DownloadOptions): Promise<Blob> {
    return this.#downloads.download(hash, options);
  }

  /**
   * The verified bytes of a content in order, as they come: of one under a `zf1-` id chunk by chunk, and no more of it
   * than is read and some MiB ahead; of others when all is here. Nothing is fetched before it is read from. What was
   * streamed is kept for the next stream of it for a minute, or for as long as the page if it was all.
   * @param hash as in {@link download}
   * @throws {ZfError} `bad-hash`; the stream fails with what else there is
   * @throws {RangeError} as the stream's failure also where the content ends before the range
   */
  stream(hash: string, options?: StreamOptions): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#downloads.stream(hash, options);
  }

  /**
   * Takes a manifest, so that contents under its `zf1-` id can be verified by chunks; inject() does
   * this with those in the page. What is none is ignored.
   */
  addManifest(bytes: Uint8Array<ArrayBuffer>): void {
    this.#downloads.addManifest(bytes);
  }

  /**
   * Gives marked elements under `root` their contents, now and when more are added: anywhere in the
   * document, and in the shadow tree that `root` is or is in. Each shadow tree has to be given.
   */
  inject(root: ParentNode = document): void {
    // Again: document.open() takes all listeners away, and the page written then begins anew.
    this.#listen();
    this.#injector ??= new Injector(this, this.#loadCss, this.#media);
    this.#injector.inject(root);
    this.#injector.observe();
  }

  stats(): Stats {
    return this.#downloads.stats();
  }

  /** Ends everything; what is shown stays. */
  close(): void {
    this.#closing.abort();
    this.#injector?.close();
    this.#downloads.close();
  }
}
