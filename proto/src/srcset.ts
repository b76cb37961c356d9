/** One entry of `data-zf-srcset` or `data-zf-poster`. */
export interface SrcsetEntry {
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
 * @returns them, or what is wrong with the text
 */
export function parseSrcset(text: string): SrcsetEntry[] | string {
  const entries: SrcsetEntry[] = [];
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
      return `"${source.slice(at, at + 120)}" should be URL HASH, then maybe 2x or 640w, entries parted by commas`;
    entries.push({ fallback, hash, descriptor });
  }
  return entries;
}
