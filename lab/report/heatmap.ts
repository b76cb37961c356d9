import { type Block, frame, type Heading, noLoad, tooltip } from './drawing.ts';
import { type Child, h, type Markup } from './markup.ts';
import { duration } from './scale.ts';
import { HEAT } from './theme.ts';

export interface HeatCell {
  readonly seeders: number;
  readonly leechers: number;
  /** Null: every load failed. */
  readonly ms: number | null;
  readonly failed: number;
  readonly tooltip: string;
}

export interface Panel {
  readonly label: string;
  readonly cells: readonly HeatCell[];
}

export interface HeatMap {
  readonly heading: Heading;
  readonly panels: readonly Panel[];
}

/** Ends of the steps of colour: equal ratios, since times differ by orders of magnitude. */
export function heatSteps(values: readonly number[]): number[] {
  const low = Math.max(1, Math.min(...values));
  const high = Math.max(low * 1.01, ...values);
  return HEAT.map((_, index) => low * (high / low) ** ((index + 1) / HEAT.length));
}

const MOST_CELL = 44;
const GAP = 24;
const LEFT = 34;

/** A panel for each mode, seeders to the right, leechers upwards, one scale of colour for all. */
export function drawHeatMap({ heading, panels }: HeatMap, id: string, width: number): Markup {
  const cells = panels.flatMap((panel) => panel.cells);
  const times = cells.flatMap(({ ms }) => (ms === null ? [] : [ms]));
  const steps = heatSteps(times);
  const stepOf = (ms: number): number =>
    Math.max(
      0,
      steps.findIndex((end) => ms <= end * (1 + 1e-9)),
    );
  const sorted = (values: number[]): number[] => [...new Set(values)].sort((a, b) => a - b);
  const columns = sorted(cells.map(({ seeders }) => seeders));
  const rows = sorted(cells.map(({ leechers }) => leechers)).reverse();
  const perRow = width < 560 || panels.length === 1 ? 1 : 2;
  const panelWidth = (width - GAP * (perRow - 1)) / perRow;
  const size = Math.min(
    MOST_CELL * (perRow === 1 ? 1.4 : 1),
    (panelWidth - LEFT - 4) / columns.length,
  );
  const high = Math.max(22, Math.min(size * 0.8, 34));
  const panelHeight = 26 + rows.length * high + 50;

  const drawPanel = (panel: Panel): Child => [
    h('text', { x: 4, y: 14, class: 'strong' }, panel.label),
    rows.map((leechers, row) =>
      h(
        'text',
        { x: LEFT - 8, y: 26 + row * high + high / 2 + 4, class: 'soft end' },
        String(leechers),
      ),
    ),
    columns.map((seeders, column) =>
      h(
        'text',
        { x: LEFT + (column + 0.5) * size, y: 26 + rows.length * high + 16, class: 'soft middle' },
        String(seeders),
      ),
    ),
    h(
      'text',
      { x: 4, y: 26 + rows.length * high + 34, class: 'soft small' },
      '↑ leechers, → seeders',
    ),
    panel.cells.map((cell) =>
      drawCell(
        cell,
        LEFT + columns.indexOf(cell.seeders) * size,
        26 + rows.indexOf(cell.leechers) * high,
      ),
    ),
  ];

  const drawCell = (cell: HeatCell, x: number, y: number): Child => {
    const { ms, failed } = cell;
    const step = ms === null ? 0 : stepOf(ms);
    // Whole ms; five digits would not fit a narrow cell, nor be worth reading.
    const text =
      ms === null ? '✕' : ms < 9999.5 ? String(Math.round(ms)) : `${(ms / 1000).toFixed(1)}k`;
    return h(
      'g',
      {},
      tooltip(cell.tooltip),
      h('rect', {
        x: x + 0.75,
        y: y + 0.75,
        width: size - 1.5,
        height: high - 1.5,
        rx: 2,
        class: ms === null ? 'hole' : `heat${step}`,
      }),
      h(
        'text',
        {
          x: x + size / 2,
          y: y + high / 2 + 4,
          class: `${size < 37 ? 'tiny' : 'cell'} ${ms === null ? 'bad' : `on${step}`}`,
        },
        failed > 0 && ms !== null ? `✕${text}` : text,
      ),
    );
  };

  const blocks: Block[] = [
    times.length === 0 ? { markup: noLoad(4, 14, ''), height: 30 } : heatLegend(steps, width),
  ];
  for (let index = 0; index < panels.length; index += perRow)
    blocks.push({
      markup: panels
        .slice(index, index + perRow)
        .map((panel, column) =>
          h('g', { transform: `translate(${column * (panelWidth + GAP)} 0)` }, drawPanel(panel)),
        ),
      height: panelHeight,
    });
  return frame(id, width, heading, blocks);
}

function heatLegend(steps: readonly number[], width: number): Block {
  const size = Math.min(58, (width - 8) / steps.length);
  const label = (index: number, anchor: string, x: number): Child =>
    h('text', { x, y: 30, class: `soft small ${anchor}` }, duration(steps[index]!));
  const start = steps[0]! ** 2 / steps[1]!;
  return {
    markup: [
      HEAT.map((_, step) =>
        h('rect', { x: 4 + step * size, y: 2, width: size, height: 14, class: `heat${step}` }),
      ),
      h('text', { x: 4, y: 30, class: 'soft small' }, duration(start)),
      label(3, 'middle', 4 + 4 * size),
      label(steps.length - 1, 'end', 4 + steps.length * size),
    ],
    height: 46,
  };
}
