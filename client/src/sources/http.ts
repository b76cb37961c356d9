import type { Platform } from '../platform.ts';
import { askInTurn, retryAfter } from './pace.ts';

/** A body without a byte for this long is given up: a browser's own patience is minutes. */
export const HTTP_STALL_MS = 60_000;

/** What the origin is about to send. */
export interface RangeHead {
  /** Of the first byte that comes, from the start of the file. */
  readonly offset: number;
  /** Of the byte behind the last; undefined if the origin does not say. */
  readonly end: number | undefined;
  /** Size of the whole file, as far as the origin says so where a page can see it. */
  readonly total: number | undefined;
  /** The Content-Type header; empty if there was none. */
  readonly mediaType: string;
  /** Whether it answered with a range (206); else the whole file comes, whatever was asked. */
  readonly ranged: boolean;
  /** All of it comes, and nothing says that ranges of it can be had. */
  readonly isWhole?: boolean;
  /** Whether it may be meant for this visitor alone. */
  readonly isPrivate: boolean;
}

export interface RangeOptions {
  /** Of the first byte wanted. */
  readonly offset: number;
  /** Bytes wanted, at least 1; undefined: to the end. */
  readonly length: number | undefined;
  readonly signal: AbortSignal;
  /** Asks past the browser's cache and any cache on the way; ranges are never cached here. */
  readonly fresh: boolean;
  /** See fetch(). */
  readonly priority?: RequestPriority | undefined;
  /** Called once, before any data. It may be less than was asked for, or the whole file. */
  onHead(head: RangeHead): void;
  /** Consecutive bytes from `head.offset`; never beyond `head.end`. */
  onData(data: Uint8Array<ArrayBuffer>): void;
}

export type HttpErrorKind =
  /** No answer: network, or refused by CORS. Chromium's word, too, for a range that came compressed. */
  | 'unreachable'
  /** The answer is neither a file nor a range of one. */
  | 'status'
  /** The body ended before its end; what came until then may be right. */
  | 'truncated'
  /** Nothing came for HTTP_STALL_MS. */
  | 'stalled'
  /** The origin's ranges are of no use: not what was asked, compressed, or not as announced. */
  | 'range';

/** Why the origin did not give what was asked. */
export class HttpError extends Error {
  readonly kind: HttpErrorKind;
  /** With kind `status`. */
  readonly status: number | undefined;
  /** Bytes of the file, where the origin says that the range asked is beyond them (status 416). */
  readonly size: number | undefined;
  /** How long the origin asks to be left alone, in ms (the Retry-After header, if in seconds). */
  readonly retryAfter: number | undefined;

  constructor(
    kind: HttpErrorKind,
    message: string,
    {
      status,
      size,
      retryAfter,
      cause,
    }: Partial<Pick<HttpError, 'status' | 'size' | 'retryAfter' | 'cause'>> = {},
  ) {
    super(message, { cause });
    this.name = 'HttpError';
    this.kind = kind;
    this.status = status;
    this.size = size;
    this.retryAfter = retryAfter;
  }
}

/** Whether a page needs CORS for it. Not an URL that is relative. */
export function isElsewhere(url: string): boolean {
  const page = globalThis.location as Location | undefined;
  return page !== undefined && /^[\w.+-]*:?\/\//.test(url) && !url.startsWith(`${page.origin}/`);
}

/**
 * Gets a URL or a range of it. Resolves when all that the origin announced has come.
 * @throws {HttpError} with a message for people
 * @throws the signal's reason when it is aborted; nothing is called from then on
 */
export async function fetchRange(
  platform: Platform,
  url: string,
  { offset, length, signal, fresh, priority, onHead, onData }: RangeOptions,
): Promise<void> {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  const ended = new Promise((resolve) => controller.signal.addEventListener('abort', resolve));
  let cancelTimer = () => {};
  const alive = () => {
    cancelTimer();
    cancelTimer = platform.setTimer(HTTP_STALL_MS, () =>
      controller.abort(
        new HttpError('stalled', `${url} sent nothing for ${HTTP_STALL_MS / 1000} s`),
      ),
    );
  };
  let loaded = 0;
  const truncated = (cause?: unknown) =>
    new HttpError('truncated', `${url} broke off after ${loaded} bytes`, { cause });
  const broken = (cause: unknown) => {
    controller.signal.throwIfAborted();
    throw loaded
      ? truncated(cause)
      : new HttpError('unreachable', `${url} could not be fetched (network, or refused by CORS)`, {
          cause,
        });
  };
  try {
    const range = `bytes=${offset}-${length ? offset + length - 1 : ''}`;
    const isRange = !!(offset || length);
    const ask = (cache: RequestCache): Promise<Response> =>
      platform
        .fetch(url, {
          signal: controller.signal,
          priority,
          cache,
          ...(isRange && { headers: { range } }),
        })
        .catch(async (error) => {
          // Without a network it is no fault of the origin's: it is asked again when there is one, however late.
          if (!platform.offline || controller.signal.aborted) throw error;
          cancelTimer();
          await Promise.race([platform.offline, ended]);
          controller.signal.throwIfAborted();
          alive();
          return ask(cache);
        });
    // Chrome's cache serialises ranges of one URL.
    const begin = () => {
      alive();
      return ask(isRange ? 'no-store' : fresh ? 'reload' : 'default')
        .catch((error) => {
          // A cache may have it from before its host allowed CORS, or as one that was asked without CORS got it.
          if (isRange || fresh || controller.signal.aborted || !isElsewhere(url)) throw error;
          return ask('reload');
        })
        .catch(broken);
    };
    // Who waits for an origin that is overrun has not been kept waiting by an answer.
    // What has begun goes first, then what can: of many files few are complete while all ask for their manifests.
    const rank = offset ? 2 : length ? 1 : 0;
    const wait = () => cancelTimer();
    const response = await askInTurn(platform, url, rank, controller.signal, wait, begin);
    const head = readHead(url, response, range, offset, length);
    onHead(head);
    const announced = head.end === undefined ? undefined : head.end - head.offset;
    const reader = response.body?.getReader();
    for (;;) {
      const part = await reader?.read().catch(broken);
      controller.signal.throwIfAborted();
      if (!part || part.done) break;
      alive();
      loaded += part.value.length;
      if (announced !== undefined && loaded > announced)
        throw new HttpError('range', `${url} sent more than the ${announced} bytes it announced`);
      onData(part.value);
    }
    if (announced !== undefined && loaded < announced) throw truncated();
  } catch (error) {
    // Whatever still comes is not wanted: the connection would carry it to its end.
    controller.abort();
    throw error;
  } finally {
    cancelTimer();
    signal.removeEventListener('abort', abort);
  }
}

/**
 * Figures are the origin's word, however large.
 * @param range as it was asked, for the message
 * @throws {HttpError} if the answer is of no use
 */
function readHead(
  url: string,
  { ok, status, type, headers }: Response,
  range: string,
  offset: number,
  length: number | undefined,
): RangeHead {
  const contentRange = headers.get('content-range');
  if (!ok) {
    throw new HttpError('status', `${url} answered ${status}`, {
      status,
      retryAfter: retryAfter({ headers }),
      size: toNumber(/^bytes \*\/(\d+)$/i.exec(contentRange ?? '')?.[1]),
    });
  }
  const mediaType = headers.get('content-type') ?? '';
  const coding = headers.get('content-encoding');
  const isPrivate = type !== 'cors' && !isForAll(headers);
  // With a content coding the header counts other bytes than arrive here.
  const bytes = coding ? undefined : toNumber(headers.get('content-length'));
  if (status !== 206) {
    // A page sees the length of another origin's answer, but not whether that is compressed. It is
    // not if a range was asked: browsers ask for these uncompressed.
    const total = type === 'cors' && !(offset || length) ? undefined : bytes;
    // Of another origin a page does not see it.
    const isWhole = type !== 'cors' && headers.get('accept-ranges') !== 'bytes';
    return { offset: 0, end: total, total, mediaType, ranged: false, isPrivate, isWhole };
  }
  // Of another origin a page sees Content-Range only if that origin exposes it.
  const wanted = length ? offset + length : undefined;
  let start = offset;
  let end = bytes === undefined ? wanted : offset + bytes;
  let total: number | undefined;
  if (contentRange) {
    const match = /^bytes (\d+)-(\d+)\/(?:(\d+)|\*)$/i.exec(contentRange);
    start = Number(match?.[1]);
    end = Number(match?.[2]) + 1;
    total = toNumber(match?.[3]);
  }
  if (
    coding ||
    /^multipart\/byteranges/i.test(mediaType) ||
    start !== offset ||
    (end !== undefined && !(end > start && end <= (wanted ?? end) && end <= (total ?? end)))
  )
    throw new HttpError(
      'range',
      `${url} answered ${range} with ${[contentRange, coding, mediaType].filter(Boolean).join(', ')}`,
    );
  return { offset, end, total, mediaType, ranged: true, isPrivate };
}

/**
 * Whether a cache that serves many may keep an answer (RFC 9111, section 3). The page's own server knows who asks, by
 * cookies, and may give each something else; no other one hears of those.
 */
function isForAll(headers: Headers): boolean {
  const control = headers.get('cache-control') ?? '';
  if (/private|no-store/i.test(control) || /cookie|\*/i.test(headers.get('vary') ?? ''))
    return false;
  return /public|max-?age=[1-9]/i.test(control) || headers.has('last-modified');
}

function toNumber(digits: string | null | undefined): number | undefined {
  const number = Number.parseInt(digits ?? '', 10);
  return number >= 0 ? number : undefined;
}

export interface HttpBody {
  readonly data: Uint8Array<ArrayBuffer>;
  /** The Content-Type header; empty if there was none. */
  readonly mediaType: string;
}

export interface HttpOptions {
  readonly signal: AbortSignal;
  /** Asks past the browser's cache and any cache on the way. */
  readonly fresh: boolean;
  /** Bytes of the body so far, all of them if the origin says how many, and what came just now. */
  readonly onProgress: (loaded: number, total: number | undefined, more: number) => void;
}

/** Gets the whole body of a URL; see {@link fetchRange}. */
export async function fetchWhole(
  platform: Platform,
  url: string,
  { signal, fresh, onProgress }: HttpOptions,
): Promise<HttpBody> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  let total: number | undefined;
  let mediaType = '';
  await fetchRange(platform, url, {
    offset: 0,
    length: undefined,
    signal,
    fresh,
    onHead: (head) => ({ total, mediaType } = head),
    onData(data) {
      parts.push(data);
      loaded += data.length;
      onProgress(loaded, total, data.length);
    },
  });
  return { data: concat(parts), mediaType };
}

/** Joins parts; a single one is given back as it is. */
export function concat(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0] as Uint8Array<ArrayBuffer>;
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
