/** From cells and rows to what is drawn of them: bars, lines, panels, and their words. */
import type { Cell, ResultRow } from '../results.ts';
import { mean } from '../stats/index.ts';
import type { Bar } from './bars.ts';
import { placeOf, plural } from './compare.ts';
import type { HeatCell, Panel } from './heatmap.ts';
import type { Line, Point, Reference } from './lines.ts';
import { PAPER_FIG2, PAPER_FIG3 } from './paper.ts';
import { bytesText, duration, megabytes, percent } from './scale.ts';
import { isUncounted, labelOf, type Series, seriesOf } from './theme.ts';

/** The number of a cell that varies. */
export type X = (cell: { readonly seeders: number; readonly leechers: number }) => number;

function limitText({ meanMs, fluidLimitMs }: Cell): string {
  if (meanMs === null || fluidLimitMs === null) return '';
  return `${(meanMs / fluidLimitMs).toFixed(2)} × fluid limit`;
}

/** "18.9 MB/s from a peer, 65 % of a bare channel" */
export function bareText({ peerBytesPerSecond, ofBareChannel }: Cell): string {
  if (typeof peerBytesPerSecond !== 'number') return '';
  const share = ofBareChannel === 1 ? '' : `, ${percent(ofBareChannel)} of a bare channel`;
  return `${megabytes(peerBytesPerSecond)} MB/s from a peer${share}`;
}

function loadsText({ failed, loads }: Cell): string {
  return failed === 0 ? plural(loads, 'load') : `${failed} of ${plural(loads, 'load')} failed`;
}

/** Those that say something, with dots between. */
export const joined = (...parts: string[]): string =>
  parts.filter((part) => part !== '').join(' · ');

/** A cell in words, for tooltips. */
export function cellText(cell: Cell): string {
  const time =
    cell.meanMs === null
      ? ''
      : `mean ${duration(cell.meanMs)}, ${duration(cell.minMs!)} to ${duration(cell.maxMs!)}`;
  return joined(
    `${labelOf(cell.mode)}: ${placeOf(cell)}`,
    time,
    limitText(cell),
    originText(cell),
    loadsText(cell),
  );
}

/** "1.05 origin copies"; nothing of a mode whose copies were not counted. */
export function originText({ mode, originCopies }: Cell): string {
  return isUncounted(mode) ? '' : `${originCopies.toFixed(2)} origin copies`;
}

/** A load in words, for tooltips. */
export function rowText(row: ResultRow): string {
  const { bytes } = row;
  return joined(
    `${labelOf(row.mode)}: ${plural(row.seeders, 'seeder')}, ${plural(row.leechers, 'leecher')}, run ${row.run}, peer ${row.peer}`,
    row.ok && row.loadMs !== null
      ? duration(row.loadMs)
      : `failed: ${row.error ?? 'no reason given'}`,
    bytes === null
      ? ''
      : `${bytesText(bytes.peers)} from peers, ${bytesText(bytes.origin)} from the origin, ${bytesText(bytes.store)} from the store`,
  );
}

export function timeBar(cell: Cell, series: Series): Bar {
  return {
    series,
    value: cell.meanMs,
    low: cell.minMs,
    high: cell.maxMs,
    reference: cell.fluidLimitMs,
    text: joined(
      cell.meanMs === null ? '' : duration(cell.meanMs),
      limitText(cell),
      bareText(cell),
      loadsText(cell),
    ),
    tooltip: cellText(cell),
  };
}

/** What is told as 0.00 copies is drawn as none: an axis of a few packets would make much of them. */
function drawnCopies({ originCopies }: Cell): number {
  return originCopies < 0.005 ? 0 : originCopies;
}

export function copiesBar(cell: Cell, series: Series): Bar {
  return {
    series,
    value: drawnCopies(cell),
    low: null,
    high: null,
    reference: null,
    text: `${cell.originCopies.toFixed(2)} copies · ${bytesText(cell.originBytes)}`,
    tooltip: cellText(cell),
  };
}

export function timeLine(series: Series, cells: readonly Cell[], x: X): Line {
  const points = cells.map(
    (cell): Point => ({
      x: x(cell),
      y: cell.meanMs,
      low: cell.minMs,
      high: cell.maxMs,
      tooltip: cellText(cell),
      failed: cell.failed > 0,
    }),
  );
  return { series, points: points.sort((a, b) => a.x - b.x) };
}

/** Cells with the same x are put together as their mean, with the range between them. */
export function copiesLine(series: Series, cells: readonly Cell[], x: X): Line {
  const points = [...Map.groupBy(cells, x)].map(([at, same]): Point => {
    const copies = same.map(drawnCopies);
    return {
      x: at,
      y: mean(copies),
      low: same.length > 1 ? Math.min(...copies) : null,
      high: same.length > 1 ? Math.max(...copies) : null,
      tooltip:
        same.length === 1
          ? cellText(same[0]!)
          : `${series.label}: ${at}: mean ${mean(copies).toFixed(2)}, ${Math.min(...copies).toFixed(2)} to ${Math.max(...copies).toFixed(2)} copies`,
      failed: false,
    };
  });
  return { series, points: points.sort((a, b) => a.x - b.x) };
}

/** The fluid limit: once where it is the same for every mode, else for each. */
export function limitLines(
  byMode: ReadonlyMap<string, readonly Cell[]>,
  series: ReadonlyMap<string, Series>,
  x: X,
): Reference[] {
  const lines = [...byMode].flatMap(([mode, cells]) => {
    const points = cells
      .flatMap((cell) => (cell.fluidLimitMs === null ? [] : [{ x: x(cell), y: cell.fluidLimitMs }]))
      .sort((a, b) => a.x - b.x);
    return points.length === 0 ? [] : [{ mode, points }];
  });
  const same = new Set(lines.map(({ points }) => JSON.stringify(points))).size === 1;
  if (same) return [{ label: 'Fluid limit', points: lines[0]!.points }];
  return lines.map(({ mode, points }) => ({
    label: `Fluid limit, ${labelOf(mode)}`,
    series: series.get(mode),
    points,
  }));
}

/** The paper's figure 3 as far as n goes here. */
export function paperLines(largest: number): Line[] {
  const points = PAPER_FIG3.filter(({ n }) => n <= largest);
  const line = (key: string, of: (point: (typeof points)[number]) => number): Line => {
    const series = seriesOf([key]).get(key)!;
    return {
      series,
      points: points.map((point) => ({
        x: point.n,
        y: of(point),
        low: null,
        high: null,
        failed: false,
        tooltip: `${series.label}, n = ${point.n}: ${duration(of(point))}`,
      })),
    };
  };
  return [line('paper-p2p', ({ p2pMs }) => p2pMs), line('paper-http', ({ httpMs }) => httpMs)];
}

export function heatPanel(mode: string, cells: readonly Cell[]): Panel {
  return {
    label: labelOf(mode),
    cells: cells.map(
      (cell): HeatCell => ({
        seeders: cell.seeders,
        leechers: cell.leechers,
        ms: cell.meanMs,
        failed: cell.failed,
        tooltip: cellText(cell),
      }),
    ),
  };
}

/** The paper's figure 2. */
export function paperPanel(): Panel {
  return {
    label: 'The paper’s figure 2 (2015)',
    cells: PAPER_FIG2.flatMap((row, leechers) =>
      row.map((ms, seeders) => ({
        seeders: seeders + 1,
        leechers: leechers + 1,
        ms,
        failed: 0,
        tooltip: `Paper: ${plural(seeders + 1, 'seeder')}, ${plural(leechers + 1, 'leecher')}: mean ${duration(ms)}`,
      })),
    ),
  };
}
