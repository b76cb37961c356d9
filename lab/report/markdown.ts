/** Markdown that says what it is given: text stays text. */

/** Text in a paragraph, a heading or a table cell. */
export function md(text: string): string {
  return text
    .replace(/[\\`*_{}[\]<>|#&~]/g, '\\$&')
    .replace(/\s+/g, ' ')
    .trim();
}

/** A code span; one that is longer than any run of backticks within. */
export function code(text: string): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest > 0 ? `${fence} ${text} ${fence}` : `${fence}${text}${fence}`;
}

/**
 * Cells are Markdown already. The first column is text, the others numbers, unless all are words.
 */
export function mdTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  others: 'numbers' | 'words' = 'numbers',
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(head),
    line(head.map((_, index) => (index === 0 || others === 'words' ? '---' : '---:'))),
    ...rows.map(line),
  ].join('\n');
}
