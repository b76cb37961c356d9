/** Verified and unverified bytes received for one asset, by where they came from. */
export interface BytesBySource {
  /** Other visitors. */
  peers: number;
  /** The fallback URL. */
  origin: number;
  /** This browser's own store. */
  store: number;
}

export interface Progress {
  /** Bytes at hand, at most `total`; what has to be fetched again stays counted. */
  readonly loaded: number;
  /** Size of the asset in bytes, once known. */
  readonly total: number | undefined;
  readonly bytes: Readonly<BytesBySource>;
}

export interface DownloadOptions {
  /** URL of the asset at its origin, absolute or relative to the page. Without one only peers are asked. */
  readonly fallback?: string | undefined;
  /** Ends the download with `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /** Called when bytes arrive, at most every 50 ms, and once more when the asset is complete and verified. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /**
   * Of its first request to the origin among those of the page, see fetch(). `low` where many are asked for at once
   * and each is of use only as a whole: those that have begun are completed first.
   * @default 'auto'
   */
  readonly priority?: RequestPriority | undefined;
}

/** Bytes from `start` up to, not including, `end`. */
export interface ByteRange {
  /** @default 0 */
  readonly start?: number | undefined;
  /** @default the end of the content; what is beyond it does not count */
  readonly end?: number | undefined;
}

/** What is known of a content when its first bytes come. */
export interface StreamHead {
  /** Of all of it, in bytes. */
  readonly size: number;
  /** The manifest's media type, else what the origin said; empty if neither is known. */
  readonly type: string;
}

export interface StreamOptions extends DownloadOptions {
  /** @default all of it */
  readonly range?: ByteRange | undefined;
  /** Called once, before the first bytes. */
  readonly onHead?: ((head: StreamHead) => void) | undefined;
}

/** What the layers above see of the download manager (paper, section 3.2). */
export interface Downloads {
  /**
   * The verified bytes. The Blob's type is what the origin said (empty when all came from peers).
   * @param hash as in `data-zf-hash`
   * @throws {ZfError}
   */
  download(hash: string, options?: DownloadOptions): Promise<Blob>;
  /**
   * The verified bytes in order, as they come. Nothing is fetched before they are read.
   * @param hash as in `data-zf-hash`
   * @throws {ZfError} `bad-hash`, at once; the stream fails with all others
   * @throws {RangeError} at once, or as the stream's failure where the content ends before the range
   */
  stream?(hash: string, options?: StreamOptions): ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Takes a manifest that the page holds, for the `zf1-` hash that it has; garbage is dropped. */
  addManifest?(bytes: Uint8Array<ArrayBuffer>): void;
}
