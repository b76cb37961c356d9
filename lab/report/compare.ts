/** Says plainly, from the figures alone, where we are worse. */
import type { Cell } from '../results.ts';
import { compareModes } from '../stats/index.ts';
import { duration, rateText } from './scale.ts';
import { labelOf } from './theme.ts';

const OURS = 'zauberflote';

/**
 * Modes that show that the lab can fail, such as are a bound, and ourselves in other circumstances:
 * being faster than the first is no merit, being slower than the second no shame, and the third are
 * no rivals.
 */
const CONTROL = /^control-|^bare-channel$|-unlimited$|^zauberflote-/;

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

/** "1 load", "1 to 10 loads": of each of these cells. */
export function loadsOf(cells: readonly Cell[]): string {
  const counts = cells.map(({ loads }) => loads);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return least === most ? plural(most, 'load') : `${least} to ${plural(most, 'load')}`;
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

/** A mean over the loads that got through says nothing of a mode whose other loads did not. */
const isWhole = ({ theirs }: Pair): boolean => theirs.failed === 0 && theirs.meanMs !== null;

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
    const factor = Number.isFinite(times) ? `${times.toFixed(2)} ×, ` : '';
    const { ours, theirs } = pair;
    const loads =
      ours.loads === theirs.loads
        ? `${plural(ours.loads, 'load')} each`
        : `${plural(ours.loads, 'load')} against ${theirs.loads}`;
    return `${placeOf(ours)}: ${figures(pair)} (${factor}${loads})`;
  };
  if (bad.length <= MOST_TOLD) return bad.map((pair) => `${kind} at ${line(pair)}.`);
  const worst = bad.reduce((a, b) => (ratio(b) > ratio(a) ? b : a));
  return [`${kind} in ${bad.length} of ${all.length} cells, worst at ${line(worst)}.`];
}

function leftOut(rival: string, all: readonly Pair[], broken: readonly Pair[]): string[] {
  const name = `Not compared with ${labelOf(rival)}`;
  if (broken.length > MOST_TOLD)
    return [`${name} in ${broken.length} of ${all.length} cells: loads of it failed there.`];
  return broken.map(
    ({ theirs }) =>
      `${name} at ${placeOf(theirs)}: ${theirs.failed} of its ${plural(theirs.loads, 'load')} failed.`,
  );
}

export interface Findings {
  /** Sentences, empty when we are nowhere worse. */
  readonly worse: readonly string[];
  /** Sentences: cells of rivals that are no measure, as loads failed in them. */
  readonly leftOut: readonly string[];
  /** Modes that we could be compared with. */
  readonly rivals: readonly string[];
  /** Our cells that could be compared with one of them. */
  readonly compared: readonly Cell[];
}

/**
 * Where Zauberflöte's mean is above that of plain HTTP or a rival, where it takes more from the
 * origin than they do, and where its loads failed. Cells in which loads of a rival failed are left
 * out.
 */
export function findings(cells: readonly Cell[]): Findings {
  const worse: string[] = [];
  const omitted: string[] = [];
  const rivals: string[] = [];
  const compared = new Set<Cell>();
  const others = [...new Set(cells.map(({ mode }) => mode))]
    .filter((mode) => mode !== OURS && !CONTROL.test(mode))
    .sort(compareModes);
  for (const rival of others) {
    const found = pairs(cells, rival);
    const all = found.filter(isWhole);
    omitted.push(
      ...leftOut(
        rival,
        found,
        found.filter((pair) => !isWhole(pair)),
      ),
    );
    if (all.length === 0) continue;
    rivals.push(rival);
    for (const { ours } of all) compared.add(ours);
    const name = labelOf(rival);
    // Nothing is slower than a cell of ours in which no load got through.
    const slowness = ({ ours, theirs }: Pair): number =>
      ours.meanMs === null ? Number.POSITIVE_INFINITY : ours.meanMs / (theirs.meanMs as number);
    worse.push(
      ...told(
        `Slower than ${name}`,
        all,
        all.filter((pair) => slowness(pair) > 1),
        slowness,
        ({ ours, theirs }) =>
          `${ours.meanMs === null ? 'no load got through' : duration(ours.meanMs)} against ${duration(theirs.meanMs as number)}`,
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
  return { worse, leftOut: omitted, rivals, compared: [...compared] };
}

/** What to say where {@link findings} has nothing against us; null where nobody was compared. */
export function praise({ worse, leftOut, rivals, compared }: Findings): string | null {
  if (worse.length > 0 || rivals.length === 0) return null;
  const where = leftOut.length > 0 ? ', in the cells that can be compared,' : '';
  return (
    `In this run (${loadsOf(compared)} a cell)${where} no mean above that of ` +
    `${rivals.map(labelOf).join(' or ')}, nowhere more from the origin, no load of ours failed.`
  );
}
