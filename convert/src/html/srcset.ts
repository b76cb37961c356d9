/** A candidate of a `srcset`. */
export interface Candidate {
  readonly url: string;
  /** Where its URL ends in the text. */
  readonly end: number;
  readonly descriptor: string;
}

/** What the client can read behind a hash; browsers know more (`h`), which no page needs. */
const DESCRIPTOR = /^(?:|\d+w|\d*\.?\d+(?:e[+-]?\d+)?x)$/i;

/**
 * Reads a `srcset` as browsers do (HTML Standard, 4.8.4.2.2).
 * @returns undefined if it has what the client cannot read, or nothing
 */
export function parseSrcset(text: string): Candidate[] | undefined {
  const candidates: Candidate[] = [];
  const next = /[\s,]*([^\s]+)/y;
  for (let found = next.exec(text); found; found = next.exec(text)) {
    const url = found[1]!.replace(/,+$/, '');
    if (!url) return undefined;
    const end = next.lastIndex - found[1]!.length + url.length;
    let descriptor = '';
    if (url.length === found[1]!.length) {
      const rest = /\s*([^,]*)(?:,|$)/y;
      rest.lastIndex = end;
      descriptor = rest.exec(text)?.[1]?.trim() ?? '';
      next.lastIndex = rest.lastIndex;
    }
    if (!DESCRIPTOR.test(descriptor)) return undefined;
    candidates.push({ url, end, descriptor });
  }
  return candidates.length > 0 ? candidates : undefined;
}
