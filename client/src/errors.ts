/** Why an asset could not be had. Stable: pages may compare it. */
export type ZfErrorCode =
  /** `data-zf-hash` (or the `hash` argument) is not one of the documented forms. */
  | 'bad-hash'
  /** `data-zf-fallback` is missing or not a URL. */
  | 'bad-fallback'
  /** No peer had it and the origin did not give it. */
  | 'no-source'
  /** What the origin sent does not have the hash. */
  | 'hash-mismatch'
  /** Without a manifest, and larger than can be verified as a whole: 4 GiB, or what the browser can take. */
  | 'too-large'
  /** The hash library could not be loaded on a page without `crypto.subtle`. */
  | 'no-hash-library'
  /** The caller's signal was aborted, or the instance closed. */
  | 'aborted';

/** Every failure the library reports. The message names the cause and, where there is one, the cure. */
export class ZfError extends Error {
  readonly code: ZfErrorCode;

  constructor(code: ZfErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ZfError';
    this.code = code;
  }
}
