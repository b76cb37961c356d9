/** Says plainly, from the figures alone, where we are worse. */
import type { Cell } from '../results.ts';
import { compareModes } from '../stats/index.ts';
import { duration, rateText } from './scale.ts';
import { labelOf } from './theme.ts';

const OURS = 'zauberflote';

/** Modes that show that the lab can fail; being faster than them is no merit. */
const CONTROL = /^control-/;

/** More findings of one kind than this are counted, and only the worst is told. */
const MOST_TOLD = 4;

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** "10 seeders, 10 leechers, 64 KB/s" */
export function placeOf({ seeders, leechers, rateBytesPerSecond }: Cell): string {
  const rate = rateBytesPerSecond === 0 ? 'origin not limited' : rateText(rateBytesPerSecond);
  return `${plural(seeders, 'seeder')}, ${plural(leechers, 'leecher')}, ${rate}`;
}

interface Pair {
  readonly ours: Cell;
  readonly theirs: Cell;
}

function pairs(cells: readonly Cell[], rival: string): Pair[] {
  const key = (cell: Cell) => `${cell.seeders} ${cell.leechers} ${cell.rateBytesPerSecond}`;
  const rivals = new Map(
    cells.filter(({ mode }) => mode === rival).map((cell) => [key(cell), cell] as const),
  );
  return cells.flatMap((ours) => {
    const theirs = ours.mode === OURS ? rivals.get(key(ours)) : undefined;
    return theirs ? [{ ours, theirs }] : [];
  });
}

function told(
  kind: string,
  all: readonly Pair[],
  bad: readonly Pair[],
  ratio: (pair: Pair) => number,
  figures: (pair: Pair) => string,
): string[] {
  if (bad.length === 0) return [];
  const line = (pair: Pair): string => {
    const times = ratio(pair);
    const factor = Number.isFinite(times) ? ` (${times.toFixed(2)} ×)` : '';
    return `${placeOf(pair.ours)}: ${figures(pair)}${factor}`;
  };
  if (bad.length <= MOST_TOLD) return bad.map((pair) => `${kind} at ${line(pair)}.`);
  const worst = bad.reduce((a, b) => (ratio(b) > ratio(a) ? b : a));
  return [`${kind} in ${bad.length} of ${all.length} cells, worst at ${line(worst)}.`];
}

export interface Findings {
  /** Sentences, empty when we are nowhere worse. */
  readonly worse: readonly string[];
  /** Modes that we could be compared with. */
  readonly rivals: readonly string[];
}

/**
 * Where Zauberflöte's mean is above that of plain HTTP or a rival, where it takes more from the
 * origin than they do, and where its loads failed.
 */
export function findings(cells: readonly Cell[]): Findings {
  const worse: string[] = [];
  const rivals: string[] = [];
  const others = [...new Set(cells.map(({ mode }) => mode))]
    .filter((mode) => mode !== OURS && !CONTROL.test(mode))
    .sort(compareModes);
  for (const rival of others) {
    const all = pairs(cells, rival);
    if (all.length === 0) continue;
    rivals.push(rival);
    const name = labelOf(rival);
    const time = ({ meanMs }: Cell): number => meanMs ?? Number.POSITIVE_INFINITY;
    worse.push(
      ...told(
        `Slower than ${name}`,
        all,
        all.filter(({ ours, theirs }) => time(ours) > time(theirs)),
        ({ ours, theirs }) => time(ours) / time(theirs),
        ({ ours, theirs }) =>
          `${ours.meanMs === null ? 'no load got through' : duration(ours.meanMs)} against ${duration(time(theirs))}`,
      ),
      ...told(
        `More taken from the origin than by ${name}`,
        all,
        // A thousandth of a copy is the noise of headers and acknowledgements.
        all.filter(({ ours, theirs }) => ours.originCopies > theirs.originCopies + 0.001),
        ({ ours, theirs }) => ours.originCopies / theirs.originCopies,
        ({ ours, theirs }) =>
          `${ours.originCopies.toFixed(2)} copies against ${theirs.originCopies.toFixed(2)}`,
      ),
    );
  }
  for (const cell of cells)
    if (cell.mode === OURS && cell.failed > 0)
      worse.push(`${cell.failed} of ${plural(cell.loads, 'load')} failed at ${placeOf(cell)}.`);
  return { worse, rivals };
}

/** What to say where {@link findings} has nothing against us; null where nobody was compared. */
export function praise({ worse, rivals }: Findings): string | null {
  if (worse.length > 0 || rivals.length === 0) return null;
  return `Nowhere slower than ${rivals.map(labelOf).join(' or ')}, nowhere more from the origin, no load of ours failed.`;
}
