import type { Platform } from '../platform.ts';

/** A body without a byte for this long is given up: a browser's own patience is minutes. */
export const HTTP_STALL_MS = 60_000;

export interface HttpBody {
  readonly data: Uint8Array<ArrayBuffer>;
  /** The Content-Type header; empty if there was none. */
  readonly mediaType: string;
}

export interface HttpOptions {
  readonly signal: AbortSignal;
  /** Asks past the browser's cache and any cache on the way. */
  readonly fresh: boolean;
  /** Bytes of the body so far, and all of them if the origin says how many. */
  readonly onProgress: (loaded: number, total: number | undefined) => void;
}

/**
 * Gets the whole body of a URL.
 * @throws {Error} with a message for people: status, network failure, stalled, truncated.
 */
export async function fetchWhole(
  platform: Platform,
  url: string,
  { signal, fresh, onProgress }: HttpOptions,
): Promise<HttpBody> {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  let cancelTimer = () => {};
  const alive = () => {
    cancelTimer();
    cancelTimer = platform.setTimer(HTTP_STALL_MS, () =>
      controller.abort(new Error(`${url} sent nothing for ${HTTP_STALL_MS / 1000} s`)),
    );
  };
  alive();
  try {
    const response = await platform.fetch(url, {
      signal: controller.signal,
      cache: fresh ? 'reload' : 'default',
    });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    const length = Number(response.headers.get('content-length'));
    // With a content coding the header counts other bytes than arrive here.
    const total = length > 0 && !response.headers.get('content-encoding') ? length : undefined;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let loaded = 0;
    const reader = response.body?.getReader();
    for (;;) {
      const part = await reader?.read();
      if (!part || part.done) break;
      alive();
      parts.push(part.value);
      loaded += part.value.length;
      onProgress(loaded, total);
    }
    return { data: concat(parts, loaded), mediaType: response.headers.get('content-type') ?? '' };
  } catch (error) {
    if (controller.signal.aborted && controller.signal.reason instanceof Error)
      throw controller.signal.reason;
    if (error instanceof TypeError)
      throw new Error(`${url} could not be fetched (network, or refused by CORS)`, {
        cause: error,
      });
    throw error;
  } finally {
    cancelTimer();
    signal.removeEventListener('abort', abort);
  }
}

/** Joins parts whose lengths add up to `length`. */
export function concat(
  parts: readonly Uint8Array<ArrayBuffer>[],
  length: number,
): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0] as Uint8Array<ArrayBuffer>;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
