import {
  axisLabel,
  type Block,
  cross,
  frame,
  type Heading,
  leftAxis,
  legend,
  mark,
  noLoad,
  tooltip,
  wrap,
} from './drawing.ts';
import { type Child, h, type Markup } from './markup.ts';
import { fitting, tickDuration } from './scale.ts';
import type { Series } from './theme.ts';

export interface Load {
  readonly series: Series;
  /** Which column: the number that varies. */
  readonly x: number;
  /** Null: failed. */
  readonly ms: number | null;
  readonly tooltip: string;
}

export interface Strip {
  readonly heading: Heading;
  readonly xLabel: string;
  readonly loads: readonly Load[];
}

/** With more loads than this, a dot's words cost more than they tell: a report stays below some MB. */
const MOST_TOOLTIPS = 3000;

/** Every single load as a dot, side by side by mode; failed ones in a lane of their own on top. */
export function drawStrip(strip: Strip, id: string, width: number): Markup {
  const left = 62;
  const right = width - 8;
  const top = 58;
  const foot = width < 500 ? 300 : 360;
  const times = strip.loads.flatMap(({ ms }) => (ms === null ? [] : [ms]));
  const y = fitting(times, foot, top);
  const xs = [...new Set(strip.loads.map((load) => load.x))].sort((a, b) => a - b);
  const series = [...new Map(strip.loads.map((load) => [load.series.key, load.series])).values()];
  const column = (right - left) / xs.length;
  const lane = (column * 0.86) / series.length;
  const tips = strip.loads.length <= MOST_TOOLTIPS;
  const radius = Math.min(3.2, Math.max(1.6, lane / 6));

  const label = wrap(strip.xLabel, right - left);
  const area: Child[] = [
    h('text', { x: 4, y: 10, class: 'soft small' }, axisLabel('Each load', y)),
    times.length === 0
      ? noLoad((left + right) / 2, (top + foot) / 2)
      : leftAxis(y, left, right, tickDuration),
    h('path', { d: `M${left} ${foot}H${right}`, class: 'axis' }),
    xs.map((value, index) => [
      index === 0
        ? null
        : h('path', {
            d: `M${(left + index * column).toFixed(1)} ${top - 30}V${foot}`,
            class: 'grid',
          }),
      h(
        'text',
        { x: left + (index + 0.5) * column, y: foot + 20, class: 'soft middle' },
        String(value),
      ),
    ]),
    label.map((line, index) =>
      h('text', { x: (left + right) / 2, y: foot + 40 + index * 15, class: 'middle' }, line),
    ),
  ];
  if (strip.loads.some(({ ms }) => ms === null))
    area.push(h('text', { x: left - 8, y: top - 18, class: 'bad end' }, 'failed'));

  for (const [xIndex, value] of xs.entries())
    for (const [lane_, one] of series.entries()) {
      const loads = strip.loads.filter((load) => load.x === value && load.series.key === one.key);
      const from = left + xIndex * column + column * 0.07 + lane_ * lane;
      for (const [index, load] of loads.entries()) {
        // In the order of the runs, from left to right: drifts over an experiment show.
        const x = from + ((index + 0.5) / loads.length) * lane;
        if (load.ms === null) area.push(cross(x, top - 22, 4, load.tooltip));
        else area.push(dot(load, x, y.at(load.ms)));
      }
    }
  function dot(load: Load, x: number, at: number): Child {
    return h(
      'g',
      { class: 'dot' },
      mark(load.series, x, at, radius),
      tips ? tooltip(load.tooltip) : null,
    );
  }
  const keys = series.map((one) => ({ label: one.label, series: one, line: 'none' as const }));
  const body: Block = { markup: area, height: foot + 37 + 15 * label.length };
  return frame(id, width, strip.heading, [legend(keys, width), body]);
}
