/** What every figure is made of: a frame with title and description, a legend, marks, axes. */
import { type Child, h, type Markup } from './markup.ts';
import type { Scale } from './scale.ts';
import type { Series } from './theme.ts';

/** Average width of a letter of the figures' font at 12 px; with some to spare, for layout only. */
const LETTER = 6.7;

export function textWidth(text: string, size = 12): number {
  return (text.length * LETTER * size) / 12;
}

/** Breaks text at spaces so that lines fit. A word that is too long gets a line of its own. */
export function wrap(text: string, width: number, size = 12): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && textWidth(`${last} ${word}`, size) <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

export interface Heading {
  readonly title: string;
  /** One sentence under the title; also what a screen reader says first. */
  readonly subtitle: string;
  /** Says in words what is drawn, for those who do not see it. */
  readonly description: string;
  /** Drawn in red above all, such as "VOID: …". */
  readonly warning: string | null;
}

/** A drawing whose height is known only when it is done. */
export interface Block {
  readonly markup: Child;
  readonly height: number;
}

/** Puts blocks under each other below the heading. @param id unique on the page */
export function frame(
  id: string,
  width: number,
  heading: Heading,
  blocks: readonly Block[],
): Markup {
  const out: Child[] = [];
  let y = 4;
  const lines = (text: string, size: number, kind: string): void => {
    for (const line of wrap(text, width - 8, size)) {
      y += size + 5;
      out.push(h('text', { x: 4, y, class: kind }, line));
    }
  };
  if (heading.warning !== null) lines(heading.warning, 13, 'bad strong');
  lines(heading.title, 15, 'title');
  lines(heading.subtitle, 12, 'soft');
  y += 10;
  for (const block of blocks) {
    out.push(h('g', { transform: `translate(0 ${y})` }, block.markup));
    y += block.height;
  }
  return h(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      class: 'zf',
      viewBox: `0 0 ${width} ${Math.ceil(y)}`,
      width,
      height: Math.ceil(y),
      role: 'img',
      'aria-labelledby': `${id}-t ${id}-d`,
    },
    h('title', { id: `${id}-t` }, heading.title),
    h('desc', { id: `${id}-d` }, heading.description),
    out,
  );
}

export function tooltip(text: string): Markup {
  return h('title', {}, text);
}

/** A mark of about 2 r across, in the colour and shape of its series. */
export function mark(
  { key, mark: shape }: Series,
  x: number,
  y: number,
  r: number,
  title?: string,
) {
  const kind = `f-${key}`;
  const tip = title === undefined ? null : tooltip(title);
  const path = (d: string) => h('path', { class: kind, d }, tip);
  const n = (value: number) => Math.round(value * 100) / 100;
  const polygon = (...points: [number, number][]) =>
    path(`M${points.map(([dx, dy]) => `${n(x + dx * r)} ${n(y + dy * r)}`).join('L')}Z`);
  switch (shape) {
    case 'circle':
      return h('circle', { class: kind, cx: x, cy: y, r }, tip);
    case 'square':
      return polygon([-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]);
    case 'triangle':
      return polygon([0, -1.15], [1.1, 0.85], [-1.1, 0.85]);
    case 'diamond':
      return polygon([0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]);
    case 'plus': {
      const a = 0.35;
      const b = 1.15;
      return polygon(
        [-a, -b], [a, -b], [a, -a], [b, -a], [b, a], [a, a],
        [a, b], [-a, b], [-a, a], [-b, a], [-b, -a], [-a, -a],
      ); // biome-ignore format: one corner after the other
    }
  }
}

/** A load that failed: a cross, whatever its colour. */
export function cross(x: number, y: number, r: number, title: string): Markup {
  const d = `M${x - r} ${y - r}L${x + r} ${y + r}M${x + r} ${y - r}L${x - r} ${y + r}`;
  return h(
    'g',
    {},
    h('path', { d, class: 'cross' }),
    h('rect', { x: x - r, y: y - r, width: 2 * r, height: 2 * r, opacity: 0 }, tooltip(title)),
  );
}

export interface Key {
  readonly label: string;
  /** Absent: a reference line without a series. */
  readonly series?: Series | undefined;
  /** Draws the line with the mark. */
  readonly line: 'series' | 'limit' | 'none';
}

/** Names of all series, wrapped to the width. */
export function legend(keys: readonly Key[], width: number): Block {
  let x = 4;
  let y = 12;
  const out = keys.map(({ label, series, line }) => {
    const space = (line === 'none' ? 18 : 40) + textWidth(label) + 16;
    if (x > 4 && x + space > width) {
      x = 4;
      y += 20;
    }
    const from = x;
    x += space;
    const end = line === 'none' ? 12 : 32;
    return h(
      'g',
      {},
      line === 'none'
        ? null
        : h('path', {
            d: `M${from} ${y}h${end}`,
            class: line === 'limit' ? limitClass(series) : `line s-${series?.key}`,
            'stroke-dasharray': line === 'series' ? series?.dash : undefined,
          }),
      series && line !== 'limit' ? mark(series, from + end / 2, y, 4.5) : null,
      h('text', { x: from + end + 6, y: y + 4 }, label),
    );
  });
  return { markup: out, height: y + 18 };
}

/** Class of a limit's line: ink, or the colour of the only series it holds for. */
export function limitClass(series: Series | undefined): string {
  return series ? `line limit s-${series.key}` : 'limit';
}

/** What stands in place of an axis where there is nothing to give it a scale. */
export function noLoad(x: number, y: number, end: 'middle' | '' = 'middle'): Markup {
  return h('text', { x, y, class: `bad strong ${end}` }, 'No load succeeded');
}

/** Horizontal grid lines with their values, for an axis on the left, and the break below which is 0. */
export function leftAxis(
  scale: Scale,
  left: number,
  right: number,
  tick: (v: number) => string,
): Child {
  const { brokenAt } = scale;
  return [
    scale.ticks.map((value) => {
      const y = scale.at(value);
      return [
        h('path', { d: `M${left} ${y.toFixed(1)}H${right}`, class: 'grid' }),
        h('text', { x: left - 8, y: y + 4, class: 'soft end' }, tick(value)),
      ];
    }),
    brokenAt === undefined
      ? null
      : [left, right].map((x) =>
          h('path', {
            d: [-3, 3].map((dy) => `M${x - 6} ${(brokenAt + dy + 3).toFixed(1)}l12 -6`).join(''),
            class: 'axis break',
          }),
        ),
  ];
}

/** "Mean load time (log scale)" */
export function axisLabel(label: string, { kind, brokenAt }: Scale): string {
  if (kind === 'linear') return label;
  return `${label} (log scale${brokenAt === undefined ? '' : '; 0 below the break'})`;
}
