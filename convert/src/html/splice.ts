/** Replaces `[start, end)` of a text; an insertion if both are the same. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The text with all edits; what none of them covers stays as it is. Insertions at one place keep their order.
 * @throws {Error} if two overlap: one of them would be lost
 */
export function splice(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end, text: inserted } of edits.toSorted((a, b) => a.start - b.start)) {
    if (start < at || end < start) throw new Error(`edits overlap at ${start}`);
    parts.push(text.slice(at, start), inserted);
    at = end;
  }
  parts.push(text.slice(at));
  return parts.join('');
}
