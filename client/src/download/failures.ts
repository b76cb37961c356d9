import { formatContentId } from '@zauberflote/proto';
import type { EventOf, Failure } from '../engine/types.ts';
import { ZfError } from '../errors.ts';
import type { Content } from '../integrity/content-id.ts';
import type { HttpError } from '../sources/http.ts';
import { isOverrun, MAX_RETRY_AFTER_MS } from '../sources/pace.ts';

/** What a caller hears of a download that failed. @param cause what became of the last request to the origin */
export function failureOf(
  reason: Failure,
  content: Content,
  fallback: string | undefined,
  cause: unknown,
): ZfError {
  const id = formatContentId(content);
  const options = { cause };
  if (reason === 'too-large')
    return new ZfError(
      'too-large',
      `${fallback ?? id} is larger than can be verified as a whole: give it a zf1- id, ` +
        'which "npx zauberflote-manifest --write FILE" prints',
      options,
    );
  if (reason === 'hash-mismatch')
    return new ZfError(
      'hash-mismatch',
      `nothing received has the hash ${id}` +
        (fallback === undefined
          ? ''
          : `: was ${fallback} changed after hashing? Then hash it again`),
      options,
    );
  const origin = fallback === undefined ? 'there is no fallback URL' : messageOf(cause);
  return new ZfError('no-source', `no visitor has ${id} and ${origin}`, options);
}

/** What it says of the origin that a request to it failed like this. @param mayLackRanges it may be that it has none */
export function rangeEndOf(
  error: unknown,
  mayLackRanges: boolean,
): Pick<EventOf<'range-end'>, 'end' | 'total' | 'retryAfter'> {
  const { kind, status, size, retryAfter = 0 } = error as Partial<HttpError>;
  const isTooMuch = isOverrun(status);
  const isRefused = kind === 'status' && !isTooMuch && !/40[14]|410/.test(`${status}`);
  // Chromium fails like this where a range is answered with a compressed one, too; some servers refuse ranges. Where
  // ranges have come, it is the network, and the whole file would be more than what is missing.
  const mayBe = mayLackRanges && (kind === 'unreachable' || isRefused);
  if (status === 416) return { end: 'beyond', total: size };
  if (kind === 'range' || mayBe) return { end: 'no-ranges' };
  const mayWait = isTooMuch && retryAfter <= MAX_RETRY_AFTER_MS;
  return { end: 'failed', retryAfter: mayWait ? retryAfter : undefined };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
