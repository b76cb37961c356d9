import { MARKS, type Marks } from '../modes/marks.ts';
import type { Cell, CpuUse, ResultRow } from '../results.ts';
import { meanCpu } from '../runner/cpu.ts';
import { confidence95, deviation, mean, median, percentile } from './basic.ts';

/** What tells one cell from another. */
export interface CellKey {
  readonly mode: string;
  readonly seeders: number;
  readonly leechers: number;
  readonly rateBytesPerSecond: number;
}

/** What the origin sent while the leechers of one run of one cell loaded, by kernel counters. */
export interface OriginBytes extends CellKey {
  readonly run: number;
  readonly originBytes: number;
  readonly cpu?: CpuUse | undefined;
}

/** The paper's order of telling: what one has, what we make of it, the rival, the rival at its best; then any other. */
const MODES = [
  'http',
  'http-unlimited',
  'zauberflote',
  'zauberflote-undisturbed',
  'zauberflote-two-trackers',
  'webtorrent',
  'webtorrent-rarest',
];

function rank(mode: string): number {
  const place = MODES.indexOf(mode);
  return place < 0 ? MODES.length : place;
}

/** Orders cells by rate (unlimited first), leechers, seeders, and then mode. */
export function compareCells(a: CellKey, b: CellKey): number {
  return (
    a.rateBytesPerSecond - b.rateBytesPerSecond ||
    a.leechers - b.leechers ||
    a.seeders - b.seeders ||
    compareModes(a.mode, b.mode)
  );
}

/** HTTP, Zauberflöte, WebTorrent and its variant, then others by name. */
export function compareModes(a: string, b: string): number {
  return rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0);
}

const nameOf = ({ mode, seeders, leechers, rateBytesPerSecond }: CellKey): string =>
  JSON.stringify([mode, seeders, leechers, rateBytesPerSecond]);

/**
 * Puts loads together, cell by cell, in the order of {@link compareCells}. A load that failed is
 * counted and its time is never averaged in: a mean over those that got through says nothing
 * unless `failed` stands beside it.
 *
 * @param origins at least one for each cell; their mean is the cell's
 * @param limit the fluid limit of a cell in ms, null where nothing is limited
 * @throws {RangeError} if the rows contradict themselves or the origin's counter is missing
 */
export function summarize(
  rows: readonly ResultRow[],
  origins: readonly OriginBytes[],
  asset: { readonly bytes: number },
  limit: (cell: CellKey) => number | null,
): Cell[] {
  if (!(asset.bytes > 0)) throw new RangeError(`an asset of ${asset.bytes} bytes has no copies`);
  const cells = Map.groupBy(rows, nameOf);
  const counters = Map.groupBy(origins, nameOf);
  return [...cells]
    .map(([name, loads]): Cell => {
      const { mode, seeders, leechers, rateBytesPerSecond } = loads[0]!;
      const key: CellKey = { mode, seeders, leechers, rateBytesPerSecond };
      const counted = counters.get(name);
      if (!counted)
        throw new RangeError(`${name}: no counter of the origin; record one for each run`);
      const times = loads.filter(({ ok }) => ok).map(loadTime);
      const over = (statistic: (values: readonly number[]) => number): number | null =>
        times.length === 0 ? null : statistic(times);
      const cpu = meanCpu(counted.flatMap((trial) => trial.cpu ?? []));
      const originBytes = mean(counted.map((counter) => counter.originBytes));
      return {
        ...key,
        loads: loads.length,
        failed: loads.length - times.length,
        meanMs: over(mean),
        medianMs: over(median),
        p95Ms: over((values) => percentile(values, 95)),
        minMs: over((values) => percentile(values, 0)),
        maxMs: over((values) => percentile(values, 100)),
        sdMs: times.length < 2 ? null : deviation(times),
        ci95Ms: confidence(loads),
        originBytes,
        originCopies: originBytes / asset.bytes,
        fluidLimitMs: limit(key),
        ...(cpu && { cpu }),
        ...meanMarks(loads.filter(({ ok }) => ok)),
        ...besideBare(key, cells),
      };
    })
    .sort(compareCells);
}

function loadTime({ loadMs, mode, run, peer }: ResultRow): number {
  if (loadMs === null || !(loadMs >= 0))
    throw new RangeError(`${mode}, run ${run}, peer ${peer}: a good load of ${loadMs} ms`);
  return loadMs;
}

/** Of the means of runs: loads of one run share its lines, so that more of them tell less than more runs. */
function confidence(loads: readonly ResultRow[]): number | null {
  const good = loads.filter(({ ok }) => ok);
  const runs = [...Map.groupBy(good, ({ run }) => run).values()].map((own) =>
    mean(own.map(loadTime)),
  );
  return runs.length < 2 ? null : confidence95(runs);
}

/** Means of the marks of good loads, each over those that have it; nothing where none was recorded. */
function meanMarks(loads: readonly ResultRow[]): Pick<Cell, 'firstPeerByteMs' | 'marks'> {
  const recorded = loads.flatMap(({ marks }) => marks ?? []);
  if (recorded.length === 0) return {};
  const marks: Marks = Object.fromEntries(
    MARKS.flatMap((name) => {
      const times = recorded.flatMap((one) => one[name] ?? []);
      return times.length === 0 ? [] : [[name, mean(times)]];
    }),
  );
  return { firstPeerByteMs: marks.firstByte ?? null, marks };
}

/** How fast peers sent, beside a bare data channel in the same place; nothing where there is none. */
function besideBare(
  key: CellKey,
  cells: ReadonlyMap<string, readonly ResultRow[]>,
): Pick<Cell, 'peerBytesPerSecond' | 'ofBareChannel'> {
  const bare = cells.get(nameOf({ ...key, mode: 'bare-channel' }));
  if (!bare) return {};
  const [peerBytesPerSecond, most] = [cells.get(nameOf(key)) ?? [], bare].map((loads) => {
    const rates = loads.flatMap(({ ok, loadMs, firstPeerByteMs, bytes }) =>
      ok && bytes && loadMs !== null && typeof firstPeerByteMs === 'number'
        ? [(bytes.peers * 1000) / (loadMs - firstPeerByteMs)]
        : [],
    );
    return rates.length === 0 ? null : mean(rates);
  });
  const ofBareChannel = peerBytesPerSecond && most ? peerBytesPerSecond / most : null;
  return { peerBytesPerSecond: peerBytesPerSecond ?? null, ofBareChannel };
}
