import type { BytesBySource, Progress } from '../download/types.ts';
import type { ZfError } from '../errors.ts';
import { describe, type Part } from './elements.ts';

/** `detail` of the events `zf:progress`, `zf:load` and `zf:error`; the last has `error` too. */
export interface AssetEventDetail {
  readonly hash: string | null;
  readonly fallback: string | null;
  /** Bytes at hand. */
  readonly loaded: number;
  /** Size of the asset in bytes, once known. */
  readonly total: number | undefined;
  readonly bytes: Readonly<BytesBySource>;
  readonly error?: ZfError;
}

export const NO_PROGRESS: Progress = {
  loaded: 0,
  total: undefined,
  bytes: { peers: 0, origin: 0, store: 0 },
};

/**
 * Tells the page how an asset is doing. The events bubble, also out of shadow trees.
 * - `zf:progress`: bytes arrived.
 * - `zf:load`: the asset is verified and in its element, which shows it next (`load`, `canplay`, …).
 * - `zf:error`: it could not be had.
 */
export function announce(
  type: 'zf:progress' | 'zf:load' | 'zf:error',
  { element, hash, fallback }: Part,
  { loaded, total, bytes }: Progress,
  error?: ZfError,
): void {
  const detail: AssetEventDetail = {
    hash,
    fallback,
    loaded,
    total,
    bytes,
    ...(error && { error }),
  };
  element.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true, detail }));
}

/** The `error` event (not for a poster: a media element's `error` means its media), `zf:error` and the console. */
export function reportFailure(part: Part, progress: Progress, error: ZfError): void {
  console.error(
    `Zauberflöte: ${describe(part.element)} could not be loaded: ${error.message}${cure(error)}`,
  );
  announce('zf:error', part, progress, error);
  if (part.attribute !== 'poster') part.element.dispatchEvent(new Event('error'));
}

/** A fetch that fails without a status says no more than that: TypeError (Fetch Standard, 5.6). */
function cure({ code, cause }: ZfError): string {
  const { cause: inner } = (cause ?? {}) as Error;
  if (code !== 'no-source' || !(cause instanceof TypeError || inner instanceof TypeError))
    return '';
  return (
    '; its host has to send Access-Control-Allow-Origin (CORS), and a Content Security Policy has ' +
    'to name it in connect-src'
  );
}
