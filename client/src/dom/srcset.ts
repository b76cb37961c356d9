import { ZfError } from '../errors.ts';

/** One entry of `data-zf-srcset` or `data-zf-poster`. */
export interface Candidate {
  /** The fallback URL. */
  readonly fallback: string;
  readonly hash: string;
  /** As in `srcset`: `2x`, `640w`, or empty. */
  readonly descriptor: string;
}

const ENTRY = /[\s,]*(\S+)\s+([^\s,]+)(?:\s+([^\s,]+))?\s*(?:,\s*|$)/y;
const DESCRIPTOR = /^(?:\d+w|\d*\.?\d+(?:e[+-]?\d+)?x)$/i;

/**
 * Reads `data-zf-srcset` or `data-zf-poster`: comma-separated entries `URL HASH [DESCRIPTOR]`, the
 * form of `srcset` with the hash behind the URL. An empty text has none.
 * @throws {ZfError} `bad-fallback`, quoting what is wrong.
 */
export function parseCandidates(text: string): Candidate[] {
  const candidates: Candidate[] = [];
  const source = text.trim();
  ENTRY.lastIndex = 0;
  for (let at = 0; at < source.length; at = ENTRY.lastIndex) {
    const entry = ENTRY.exec(source);
    const [, fallback, hash, descriptor = ''] = entry ?? [];
    if (
      fallback === undefined ||
      hash === undefined ||
      !(descriptor === '' || DESCRIPTOR.test(descriptor))
    )
      throw new ZfError(
        'bad-fallback',
        `"${source.slice(at, at + 120)}" should be URL HASH, then maybe 2x or 640w, entries parted by commas`,
      );
    candidates.push({ fallback, hash, descriptor });
  }
  return candidates;
}
