/** The name among `known` that was probably meant by `name`, if any is near enough. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  // A third of the letters wrong is another word. A secret is named like its file.
  let least = Math.floor(name.length / 3) + 1;
  for (const candidate of known) {
    if (candidate === `${name}-file` || candidate === `${name}_FILE`) return candidate;
    const d = distance(name.toLowerCase(), candidate.toLowerCase());
    if (d >= least) continue;
    least = d;
    best = candidate;
  }
  return best;
}

/** Fewest letters to insert, delete or replace (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(
        Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)),
      );
    row = next;
  }
  return row[b.length]!;
}
