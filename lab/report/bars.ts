import {
  type Block,
  cross,
  frame,
  type Heading,
  legend,
  textWidth,
  tooltip,
  wrap,
} from './drawing.ts';
import { type Child, h, type Markup } from './markup.ts';
import { linear } from './scale.ts';
import type { Series } from './theme.ts';

export interface Bar {
  readonly series: Series;
  /** Null: every load failed. */
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** Written beside the bar. */
  readonly text: string;
  readonly tooltip: string;
  /** A line across this bar, such as its fluid limit. */
  readonly reference: number | null;
}

export interface BarChart {
  readonly heading: Heading;
  readonly xLabel: string;
  readonly referenceLabel: string;
  readonly bars: readonly Bar[];
  readonly tick: (value: number) => string;
}

const ROW = 46;

/** One bar a mode from 0, its value in words above it. */
export function drawBars(chart: BarChart, id: string, width: number): Markup {
  const left = 8;
  const right = width - 20;
  const top = 4;
  const foot = top + chart.bars.length * ROW + 6;
  const largest = Math.max(
    ...chart.bars.flatMap(({ value, high, reference }) => [value ?? 0, high ?? 0, reference ?? 0]),
  );
  const x = linear(largest, left, right, width < 500 ? 4 : 8);
  const area: Child[] = x.ticks.map((value) => [
    h('path', { d: `M${x.at(value).toFixed(1)} ${top}V${foot}`, class: 'grid' }),
    h(
      'text',
      { x: x.at(value), y: foot + 18, class: value === 0 ? 'soft' : 'soft middle' },
      chart.tick(value),
    ),
  ]);
  for (const [index, bar] of chart.bars.entries()) area.push(drawBar(bar, top + index * ROW));
  area.push(
    h('path', { d: `M${x.at(0)} ${top}V${foot}`, class: 'axis' }),
    wrap(chart.xLabel, right - left).map((line, index) =>
      h('text', { x: left, y: foot + 38 + index * 15, class: 'soft' }, line),
    ),
  );
  const lines = wrap(chart.xLabel, right - left).length;
  const blocks: Block[] = [{ markup: area, height: foot + 30 + 15 * lines }];
  if (chart.bars.some(({ reference }) => reference !== null))
    blocks.unshift(legend([{ label: chart.referenceLabel, line: 'limit' }], width));
  return frame(id, width, chart.heading, blocks);

  function drawBar(bar: Bar, y: number): Child {
    const { series, value, low, high, reference } = bar;
    const middle = y + 30;
    const labelEnd = left + 12 + textWidth(series.label, 14);
    return h(
      'g',
      {},
      tooltip(bar.tooltip),
      h('rect', { x: left, y, width: right - left, height: ROW, opacity: 0 }),
      h('text', { x: left + 6, y: y + 17, class: 'strong' }, series.label),
      h('text', { x: labelEnd, y: y + 17, class: 'soft' }, bar.text),
      value === null
        ? cross(left + 14, middle, 6, bar.tooltip)
        : h('rect', {
            x: left,
            y: middle - 7,
            width: Math.max(1, x.at(value) - left),
            height: 14,
            class: `bar f-${series.key}`,
          }),
      low === null || high === null || low === high
        ? null
        : h('path', {
            d: `M${x.at(low)} ${middle}H${x.at(high)}M${x.at(low)} ${middle - 4}v8M${x.at(high)} ${middle - 4}v8`,
            class: 'whisker',
          }),
      reference === null
        ? null
        : h('path', { d: `M${x.at(reference)} ${middle - 11}v22`, class: 'limit' }),
    );
  }
}
