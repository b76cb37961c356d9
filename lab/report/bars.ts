import {
  type Block,
  cross,
  frame,
  type Heading,
  legend,
  noLoad,
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

/** Height of a bar with its words: in one line, or in two where the drawing is narrow. */
const ROW = 46;
const TWO_LINES = 16;

/** One bar a mode from 0, its value in words above it. */
export function drawBars(chart: BarChart, id: string, width: number): Markup {
  const left = 8;
  const right = width - 20;
  const top = 4;
  const start = (series: Series): number => left + 12 + textWidth(series.label, 14);
  const narrow = chart.bars.some(({ series, text }) => start(series) + textWidth(text) > width);
  const row = narrow ? ROW + TWO_LINES : ROW;
  const foot = top + chart.bars.length * row + 6;
  const largest = Math.max(
    ...chart.bars.flatMap(({ value, high, reference }) => [value ?? 0, high ?? 0, reference ?? 0]),
  );
  const x = linear(largest, left, right, width < 500 ? 4 : 8);
  const none = chart.bars.every(({ value, reference }) => value === null && reference === null);
  const area: Child[] = (none ? [] : x.ticks).map((value) => [
    h('path', { d: `M${x.at(value).toFixed(1)} ${top}V${foot}`, class: 'grid' }),
    h(
      'text',
      {
        x: value === x.ticks.at(-1) ? width - 4 : x.at(value),
        y: foot + 18,
        class: `soft ${value === 0 ? '' : value === x.ticks.at(-1) ? 'end' : 'middle'}`,
      },
      chart.tick(value),
    ),
  ]);
  if (none) area.push(noLoad(left, foot + 18, ''));
  for (const [index, bar] of chart.bars.entries()) area.push(drawBar(bar, top + index * row));
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
    const middle = y + row - 16;
    return h(
      'g',
      {},
      tooltip(bar.tooltip),
      h('rect', { x: left, y, width: right - left, height: row, opacity: 0 }),
      h('text', { x: left + 6, y: y + 17, class: 'strong' }, series.label),
      narrow
        ? h('text', { x: left + 6, y: y + 17 + TWO_LINES, class: 'soft' }, bar.text)
        : h('text', { x: start(series), y: y + 17, class: 'soft' }, bar.text),
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
