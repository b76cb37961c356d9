/** Colours, lines and marks, for light and dark. One table makes the style sheet of page and figures. */
import { Markup } from './markup.ts';

/** [light, dark] */
type Pair = readonly [string, string];

const INK: Pair = ['#1d1f2b', '#e9e7f2'];
const SOFT: Pair = ['#5a5e70', '#a9abbd'];
const LINE: Pair = ['#dcdee7', '#343749'];
const GROUND: Pair = ['#ffffff', '#15161e'];
const BAD: Pair = ['#b3261e', '#ff8a80'];

/** How one mode is told from others: colour, dash and mark, so that no two differ by colour alone. */
export interface Series {
  /** Class suffix of its colour. */
  readonly key: string;
  readonly label: string;
  /** stroke-dasharray. Round ends add the width of a line to each dash, so that gaps are to be wider. */
  readonly dash: string | undefined;
  readonly mark: 'circle' | 'square' | 'triangle' | 'diamond' | 'plus';
}

/** Colours after Okabe & Ito 2008, which the colour-blind tell apart; lightened for the dark. */
const COLOURS: Readonly<Record<string, Pair>> = {
  http: ['#5b6472', '#b4bcc9'],
  zauberflote: ['#0067a8', '#5ab8f0'],
  webtorrent: ['#c4500a', '#f5945c'],
  'webtorrent-rarest': ['#00745a', '#3fcfa6'],
  'paper-p2p': ['#8e4d86', '#d79bd0'],
  'paper-http': ['#8a7414', '#d6c15c'],
  other1: ['#5f6b00', '#c3d24a'],
  other2: ['#7a3fb5', '#bd93ee'],
  other3: ['#9c1f45', '#f283a3'],
};

const KNOWN: Readonly<Record<string, Series>> = {
  http: { key: 'http', label: 'Plain HTTP', dash: '9 6', mark: 'square' },
  zauberflote: { key: 'zauberflote', label: 'Zauberflöte', dash: undefined, mark: 'circle' },
  'http-unlimited': {
    key: 'other2',
    label: 'Plain HTTP, not limited',
    dash: '6 8',
    mark: 'plus',
  },
  'zauberflote-undisturbed': {
    key: 'other3',
    label: 'Zauberflöte, undisturbed',
    dash: '18 6',
    mark: 'square',
  },
  'zauberflote-two-trackers': {
    key: 'other1',
    label: 'Zauberflöte, two trackers',
    dash: '12 5 12 10',
    mark: 'triangle',
  },
  'bare-channel': { key: 'other1', label: 'Bare data channel', dash: '9 12', mark: 'diamond' },
  webtorrent: { key: 'webtorrent', label: 'WebTorrent', dash: '4 6', mark: 'triangle' },
  'webtorrent-rarest': {
    key: 'webtorrent-rarest',
    label: 'WebTorrent, rarest first',
    dash: '14 6',
    mark: 'diamond',
  },
  'paper-p2p': { key: 'paper-p2p', label: 'Paper, P2P (2015)', dash: '0 5', mark: 'diamond' },
  'paper-http': { key: 'paper-http', label: 'Paper, HTTP (2015)', dash: '0 8', mark: 'plus' },
};

const MARKS = ['diamond', 'plus', 'square', 'triangle'] as const;

/** Whether a mode's copies come from a server beside the origin, whose bytes are not counted. */
export function isUncounted(mode: string): boolean {
  return mode.endsWith('-unlimited');
}

/** What a mode is called in words. */
export function labelOf(mode: string): string {
  return KNOWN[mode]?.label ?? mode;
}

/** Styles of all modes of a figure, in their order; modes we do not know get what is free. */
export function seriesOf(modes: readonly string[]): Map<string, Series> {
  let others = 0;
  return new Map(
    modes.map((mode) => {
      const known = Object.hasOwn(KNOWN, mode) ? KNOWN[mode] : undefined;
      if (known) return [mode, known];
      const place = others++;
      return [
        mode,
        {
          key: `other${(place % 3) + 1}`,
          label: mode,
          dash: `${16 - 2 * (place % 4)} 6 4 6`,
          mark: MARKS[place % MARKS.length]!,
        },
      ];
    }),
  );
}

/** From little to much. Dark themes go from dark to bright, so that much is what stands out. */
export const HEAT: readonly Pair[] = [
  ['#f0f5fb', '#1a2435'],
  ['#d5e5f4', '#1d3552'],
  ['#aecfe9', '#224a74'],
  ['#82b4da', '#2b6297'],
  ['#5597c8', '#3573a9'],
  ['#3077b1', '#6ba3d3'],
  ['#195692', '#9cc6e9'],
  ['#0b3567', '#d3e7f7'],
];

/** From this step on the text of a cell changes sides, to keep a contrast of at least 4.5. */
const HEAT_TURN = 5;
const HEAT_INK: Pair = ['#10131c', '#ffffff'];

function rules(side: 0 | 1): string {
  const out = [
    `.zf text{fill:${INK[side]}}`,
    `.zf .soft{fill:${SOFT[side]}}`,
    `.zf .bad{fill:${BAD[side]}}`,
    `.zf .ground{fill:${GROUND[side]}}`,
    `.zf .grid{stroke:${LINE[side]}}`,
    `.zf .axis{stroke:${SOFT[side]}}`,
    `.zf .limit,.zf .whisker{stroke:${INK[side]}}`,
    `.zf .cross{stroke:${BAD[side]}}`,
    `.zf .hole{fill:none;stroke:${LINE[side]}}`,
  ];
  for (const [key, pair] of Object.entries(COLOURS))
    out.push(`.zf .s-${key}{stroke:${pair[side]}}`, `.zf .f-${key}{fill:${pair[side]}}`);
  for (const [step, pair] of HEAT.entries()) {
    const dark = step < HEAT_TURN === (side === 0);
    out.push(`.zf .heat${step}{fill:${pair[side]}}`);
    out.push(`.zf .on${step}{fill:${HEAT_INK[dark ? 0 : 1]}}`);
  }
  return out.join('');
}

/**
 * Style of the figures. No custom properties: viewers of SVG outside browsers do not know them and
 * skip what they do not know, which leaves the light rules.
 */
export const FIGURE_STYLE = new Markup(
  `.zf text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}` +
    `.zf .small{font-size:11px}.zf .cell{font-size:12px;text-anchor:middle}.zf .tiny{font-size:9.5px;text-anchor:middle}` +
    `.zf .title{font-size:15px;font-weight:600}.zf .strong{font-weight:600}.zf .middle{text-anchor:middle}.zf .end{text-anchor:end}` +
    `.zf .line{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}.zf .thin{stroke-width:1.5}` +
    `.zf .limit{fill:none;stroke-width:1.5;stroke-linecap:butt;stroke-dasharray:10 3 2 3}.zf .band{opacity:.13}.zf .dot{fill-opacity:.55}.zf .bar{opacity:.9}.zf .whisker,.zf .cross,.zf .grid,.zf .axis{fill:none}.zf .whisker{stroke-width:1.5}.zf .cross{stroke-width:2.2}` +
    `${rules(0)}@media (prefers-color-scheme:dark){${rules(1)}}`,
);

export const PAGE_COLOURS = { INK, SOFT, LINE, GROUND, BAD } as const;
