/** What the service worker and the page say to each other. */

/** Of these messages: a worker stays when the page's script is another already. */
export const VERSION = 1;

/** The page says at which addresses it may be asked, with a port on which the worker answers `heard`. */
export interface MediaUrls {
  readonly zauberflote: typeof VERSION;
  readonly urls: readonly string[];
}

/** The worker asks a page for bytes, with a port for that: `end` is not included; undefined: to the end of the file. */
export interface MediaAsk {
  readonly zauberflote: typeof VERSION;
  readonly url: string;
  readonly start: number;
  readonly end: number | undefined;
}

/**
 * What the page answers: at once whether it has marked what is there, then what there is, and for every `more` some bytes, at
 * last null. `beyond`: it ends before. Or, at any time, why there is no more.
 */
export type MediaReply =
  | 'taken'
  | 'unmarked'
  | 'beyond'
  | { readonly size: number; readonly type: string }
  | { readonly error: string }
  | ArrayBuffer
  | null;

/** What the worker says after it asked. */
export type MediaDemand = 'more' | 'cancel';
