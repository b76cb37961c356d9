import {
  axisLabel,
  type Block,
  cross,
  frame,
  type Heading,
  type Key,
  leftAxis,
  legend,
  limitClass,
  mark,
  noLoad,
  tooltip,
  wrap,
} from './drawing.ts';
import { type Child, h, type Markup } from './markup.ts';
import { fitting } from './scale.ts';
import type { Series } from './theme.ts';

export interface Point {
  readonly x: number;
  /** Null: every load failed. */
  readonly y: number | null;
  /** Ends of the band, where there is one. */
  readonly low: number | null;
  readonly high: number | null;
  readonly tooltip: string;
  /** Draws a cross. */
  readonly failed: boolean;
}

export interface Line {
  readonly series: Series;
  readonly points: readonly Point[];
}

/** A line to compare with, such as the fluid limit; without a series it holds for all. */
export interface Reference {
  readonly label: string;
  readonly series?: Series | undefined;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface LineChart {
  readonly heading: Heading;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly lines: readonly Line[];
  readonly references: readonly Reference[];
  readonly tick: (value: number) => string;
}

/** Least width in px between two values written under the axis. */
const TICK_SPACE = 26;

/** Lines over a number of visitors; the y axis is logarithmic where the range demands it. */
export function drawLines(chart: LineChart, id: string, width: number): Markup {
  const left = 62;
  const right = width - 14;
  const top = 26;
  const foot = width < 500 ? 290 : 350;
  const values = chart.lines.flatMap(({ points }) =>
    points.flatMap(({ y, low, high }) => [y, low, high]),
  );
  const references = chart.references.flatMap(({ points }) => points.map(({ y }) => y));
  const known = [...values, ...references].filter((value) => value !== null);
  const y = fitting(known, foot, top);
  const xs = [...new Set(chart.lines.flatMap(({ points }) => points.map((point) => point.x)))].sort(
    (a, b) => a - b,
  );
  const first = xs[0]!;
  const span = Math.max(1, xs.at(-1)! - first);
  const x = (value: number): number => left + 14 + ((value - first) / span) * (right - left - 28);
  const place = (a: number, b: number): string => `${x(a).toFixed(1)} ${y.at(b).toFixed(1)}`;

  let lastTick = Number.NEGATIVE_INFINITY;
  const xAxis = xs.map((value) => {
    if (x(value) - lastTick < TICK_SPACE) return null;
    lastTick = x(value);
    return h('text', { x: x(value), y: foot + 20, class: 'soft middle' }, String(value));
  });
  const area: Child[] = [
    h('text', { x: 4, y: 10, class: 'soft small' }, axisLabel(chart.yLabel, y)),
    known.length === 0 ? null : leftAxis(y, left, right, chart.tick),
    chart.lines.every(({ points }) => points.every((point) => point.y === null))
      ? noLoad((left + right) / 2, (top + foot) / 2)
      : null,
    h('path', { d: `M${left} ${foot}H${right}`, class: 'axis' }),
    xAxis,
    wrap(chart.xLabel, right - left).map((line, index) =>
      h('text', { x: (left + right) / 2, y: foot + 42 + index * 15, class: 'middle' }, line),
    ),
  ];
  for (const { points, series } of chart.lines) area.push(band(points, series, place));
  // A line to one point alone cannot be seen.
  const path = (points: readonly { x: number; y: number }[]): string =>
    points.length === 1
      ? `M${(x(points[0]!.x) - 12).toFixed(1)} ${y.at(points[0]!.y).toFixed(1)}h24`
      : `M${points.map((point) => place(point.x, point.y)).join('L')}`;
  for (const { points, series } of chart.references)
    area.push(
      h('path', {
        d: path(points),
        class: limitClass(series),
      }),
    );
  for (const { points, series } of chart.lines) {
    const drawn = runs(points).map(
      (run) => `M${run.map((point) => place(point.x, point.y)).join('L')}`,
    );
    area.push(
      h('path', {
        d: drawn.join(''),
        class: `line s-${series.key}`,
        'stroke-dasharray': series.dash,
      }),
    );
  }
  for (const { points, series } of chart.lines)
    for (const point of points) {
      if (point.y !== null) area.push(mark(series, x(point.x), y.at(point.y), 4.5, point.tooltip));
      if (point.failed)
        area.push(
          cross(x(point.x), point.y === null ? top + 6 : y.at(point.y) - 13, 4, point.tooltip),
        );
    }
  const keys: Key[] = [
    ...chart.lines.map(({ series }) => ({ label: series.label, series, line: 'series' as const })),
    ...chart.references.map(({ label, series }) => ({ label, series, line: 'limit' as const })),
  ];
  const body: Block = {
    markup: area,
    height: foot + 36 + 15 * wrap(chart.xLabel, right - left).length,
  };
  return frame(id, width, chart.heading, [legend(keys, width), body]);
}

/** Stretches without a gap. */
function runs(points: readonly Point[]): { x: number; y: number }[][] {
  const out: { x: number; y: number }[][] = [[]];
  for (const { x, y } of points)
    if (y === null) out.push([]);
    else out.at(-1)!.push({ x, y });
  return out.filter((run) => run.length > 0);
}

function band(
  points: readonly Point[],
  series: Series,
  place: (x: number, y: number) => string,
): Child {
  const known = points.filter((point) => point.low !== null && point.high !== null);
  if (known.length < 2) return null;
  const upper = known.map((point) => place(point.x, point.high!));
  const lower = known.map((point) => place(point.x, point.low!)).reverse();
  return h(
    'path',
    { d: `M${[...upper, ...lower].join('L')}Z`, class: `band f-${series.key}` },
    tooltip(`${series.label}: fastest to slowest load`),
  );
}
