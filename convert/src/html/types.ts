/** A file of the site that may be marked. */
export interface Asset {
  /** From the site's folder, with slashes. */
  readonly path: string;
  readonly size: number;
  /** `zf1-…` */
  readonly id: string;
  readonly manifest: Uint8Array;
  /** The site has another `.zf` beside it, so its manifest can only be in pages. */
  readonly isTaken: boolean;
}

/** What is known of the site's files; a page names the same one many times, so answers should be kept. */
export interface Files {
  /**
   * Of a path from the site's folder.
   * @returns why it cannot be marked, if it is there; undefined if not
   */
  asset(path: string): Promise<Asset | string | undefined>;
  bytes(path: string): Promise<Uint8Array>;
}

/** What the converter marks. */
export type Kind = 'pictures' | 'scripts' | 'styles' | 'media';

export const KINDS: readonly Kind[] = ['pictures', 'scripts', 'styles', 'media'];

/** Why something stays as it is; a word for programs, sentences are made of it in reports. */
export type Reason =
  | 'elsewhere'
  | 'missing'
  | 'too-small'
  | 'excluded'
  | 'query'
  | 'kind'
  | 'template'
  | 'foreign'
  | 'script-order'
  | 'script-text'
  | 'integrity'
  | 'preloaded'
  | 'encoding'
  | 'markup'
  | 'policy'
  | 'by-hand'
  | 'fragment'
  | 'css-files'
  | 'file'
  | 'lazy';

export interface Skip {
  /** Of the page, from 1; 0: the page itself. */
  readonly line: number;
  /** The start tag as it is there, cut. */
  readonly element: string;
  /** As in the page; empty if it is not about one. */
  readonly url: string;
  readonly reason: Reason;
  /** In words. */
  readonly detail: string;
}

export interface PageOptions {
  /** What is smaller stays, in bytes. */
  readonly minSize: number;
  readonly kinds: ReadonlySet<Kind>;
  /** Whether pictures and others get a twin for those without JavaScript. */
  readonly noscript: boolean;
  /** Address of zauberflote.js; from the site's folder where it begins with `./`, as that of the worker may. */
  readonly script: string;
  readonly trackers: readonly string[];
  /** Address of zauberflote-sw.js, by which media play while they come; undefined: there is none. */
  readonly worker?: string | undefined;
  /** Of the manifests in one page, in base64; what is beyond goes beside the files. */
  readonly maxInlineBytes: number;
}

export interface Mark {
  readonly line: number;
  readonly path: string;
  readonly id: string;
}

export interface ConvertedPage {
  readonly bytes: Uint8Array;
  readonly marks: readonly Mark[];
  readonly skips: readonly Skip[];
  /** Files whose manifest has to be beside them. */
  readonly beside: readonly Asset[];
}
