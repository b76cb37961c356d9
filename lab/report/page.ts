/** The report as one file: no script, nothing loaded from elsewhere, light and dark. */
import type { Cell, Summary } from '../results.ts';
import { findings, placeOf, plural, praise } from './compare.ts';
import { bareText, joined, originText } from './content.ts';
import { cpuSentence } from './cpu.ts';
import type { Figure } from './figures.ts';
import { type Child, h, Markup } from './markup.ts';
import { duration } from './scale.ts';
import { cellTable, conditionsTable, linkTable, marksTable } from './tables.ts';
import { FIGURE_STYLE, labelOf, PAGE_COLOURS, seriesOf } from './theme.ts';
import { aboutScenario, commandOf, machineOf, VERDICTS } from './words.ts';

/** Drawings are made for two widths, as letters of a drawing that is scaled down cannot be read. */
export const WIDE = 880;
const NARROW = 344;

/** Longer tables start folded. */
const MOST_ROWS = 24;

function colours(side: 0 | 1): string {
  const { INK, SOFT, LINE, GROUND, BAD } = PAGE_COLOURS;
  const good = ['#1b7a43', '#6fd699'][side];
  const wash = ['#f5f6fa', '#1c1e29'][side];
  return `:root{--ink:${INK[side]};--soft:${SOFT[side]};--line:${LINE[side]};--ground:${GROUND[side]};--bad:${BAD[side]};--good:${good};--wash:${wash}}`;
}

const STYLE = new Markup(
  `${colours(0)}@media (prefers-color-scheme:dark){${colours(1)}}` +
    `:root{color-scheme:light dark}*{box-sizing:border-box}` +
    `body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:${WIDE + 32}px;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}` +
    `h1{font-size:1.9rem;line-height:1.2;margin:0 0 .25rem}h2{font-size:1.25rem;margin:2.75rem 0 .5rem}p{margin:.4rem 0}` +
    `.soft,figcaption,caption{color:var(--soft)}.bad{color:var(--bad)}` +
    `.verdict,.worse{border:1px solid var(--line);border-left:6px solid var(--tone);border-radius:6px;padding:.75rem 1rem;margin:1.25rem 0;background:var(--wash)}` +
    `.verdict strong{color:var(--tone);font-size:1.15rem}.verdict ul,.worse ul,.notes{margin:.4rem 0 0;padding-left:1.2rem}` +
    `.ok{--tone:var(--good)}.failed,.void{--tone:var(--bad)}.unsupported,.worse{--tone:var(--soft)}` +
    `.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.75rem;margin:.5rem 0 1rem}` +
    `.tile{border:1px solid var(--line);border-radius:6px;padding:.6rem .9rem}.tile b{display:block;font-size:1.6rem;line-height:1.25;font-variant-numeric:tabular-nums}.tile svg{vertical-align:-1px;margin-right:.35rem}` +
    `figure{margin:1.75rem 0}figure svg.zf{display:block;max-width:100%;height:auto}figcaption{font-size:.9rem;max-width:44rem;margin-top:.25rem}` +
    `.narrow{display:none}@media (max-width:${WIDE + 20}px){.wide{display:none}.narrow{display:block}.narrow svg.zf{width:100%;max-width:560px}}` +
    `@media print{.wide{display:block}.narrow{display:none}details{display:block}}` +
    `.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:6px;margin:.75rem 0}.scroll:focus-visible,summary:focus-visible{outline:3px solid #4b9fe0;outline-offset:2px}` +
    `table{border-collapse:collapse;width:100%;font-size:.82rem;font-variant-numeric:tabular-nums}caption{text-align:left;padding:.5rem}` +
    `th,td{padding:.3rem .45rem;text-align:right;border-top:1px solid var(--line);white-space:nowrap}th:first-child,td:first-child{text-align:left}tbody th{font-weight:400}thead th{font-weight:600}` +
    `caption{white-space:normal}.conditions td{text-align:left;white-space:normal;overflow-wrap:anywhere}.conditions th:last-child{text-align:left}` +
    `pre{background:var(--wash);border:1px solid var(--line);border-radius:6px;padding:.75rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.9rem}` +
    `summary{cursor:pointer;padding:.25rem 0}`,
);

/** @returns the whole document */
export function pageOf(summary: Summary, figures: readonly Figure[]): string {
  const { scenario, verdict, conditions, cells } = summary;
  const links = linkTable(conditions.links);
  const marked = marksTable(cells);
  const body = h(
    'body',
    {},
    h(
      'header',
      {},
      h('p', { class: 'soft' }, 'Zauberflöte lab'),
      h('h1', {}, scenario),
      h('p', {}, aboutScenario(scenario)),
      h('p', { class: 'soft' }, `${conditions.date} · ${machineOf(conditions)}`),
    ),
    h(
      'main',
      {},
      verdictBox(summary),
      verdict === 'void' || cells.length === 0 ? null : [tiles(cells), worseBox(cells)],
      figures.length === 0 ? null : h('h2', {}, 'Figures'),
      figures.map((figure, index) =>
        h(
          'figure',
          {},
          h('div', { class: 'wide' }, figure.draw(`w${index}`, WIDE)),
          h('div', { class: 'narrow' }, figure.draw(`n${index}`, NARROW)),
          h('figcaption', {}, figure.caption),
        ),
      ),
      cells.length === 0
        ? null
        : [
            h('h2', {}, 'Numbers'),
            folded(cells.length > MOST_ROWS, `All ${cells.length} cells`, cellTable(cells)),
            processors(cells),
            marked === null ? null : folded(true, 'The way to a peer’s first byte', marked),
          ],
      h('h2', {}, 'Links'),
      conditions.links.length === 0
        ? h('p', {}, 'No link was limited, so none was measured.')
        : [
            h('p', {}, links.summary),
            folded(conditions.links.length > MOST_ROWS, 'All links', links.table),
          ],
      h('h2', {}, 'Conditions'),
      conditions.notes.length === 0
        ? null
        : h(
            'ul',
            { class: 'notes' },
            conditions.notes.map((note) => h('li', {}, note)),
          ),
      h('div', { class: 'conditions' }, conditionsTable(conditions)),
      h('h2', {}, 'Run it again'),
      h('pre', {}, h('code', {}, commandOf(summary))),
    ),
  );
  const head = h(
    'head',
    {},
    h('meta', { charset: 'utf-8' }),
    h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    h('meta', { name: 'color-scheme', content: 'light dark' }),
    h('link', { rel: 'icon', href: 'data:,' }),
    h('title', {}, `${scenario}: ${verdict} · Zauberflöte lab`),
    h('style', {}, STYLE, FIGURE_STYLE),
  );
  return `<!doctype html>\n${h('html', { lang: 'en' }, head, body).text}\n`;
}

function verdictBox({ verdict, why }: Summary): Markup {
  const { mark, words } = VERDICTS[verdict];
  return h(
    'section',
    { class: `verdict ${verdict}`, 'aria-label': 'Verdict' },
    h('strong', {}, `${mark} ${verdict}`),
    h('p', {}, words),
    why.length === 0
      ? null
      : h(
          'ul',
          {},
          why.map((reason) => h('li', {}, reason)),
        ),
  );
}

/** The largest crowd of each rate, which is what the project is about. */
function tiles(cells: readonly Cell[]): Child {
  return [...Map.groupBy(cells, (cell) => cell.rateBytesPerSecond).values()].map((own) => {
    const size = ({ seeders, leechers }: Cell): number => leechers * 1000 + seeders;
    const largest = Math.max(...own.map(size));
    const shown = own.filter((cell) => size(cell) === largest);
    const series = seriesOf(shown.map(({ mode }) => mode));
    return [
      h('p', { class: 'soft' }, placeOf(shown[0]!)),
      h(
        'div',
        { class: 'tiles' },
        shown.map((cell) =>
          h(
            'div',
            { class: 'tile' },
            h(
              'svg',
              { class: 'zf', width: 12, height: 12, 'aria-hidden': 'true' },
              h('rect', { width: 12, height: 12, rx: 3, class: `f-${series.get(cell.mode)!.key}` }),
            ),
            labelOf(cell.mode),
            h('b', {}, cell.meanMs === null ? '✕ failed' : duration(cell.meanMs)),
            h('span', { class: 'soft' }, tileText(cell)),
            cell.failed > 0
              ? h('span', { class: 'bad' }, ` · ✕ ${cell.failed} of ${cell.loads} failed`)
              : null,
          ),
        ),
      ),
    ];
  });
}

function tileText(cell: Cell): string {
  const { meanMs, fluidLimitMs, loads } = cell;
  const copies = joined(bareText(cell), originText(cell), plural(loads, 'load'));
  return meanMs === null || fluidLimitMs === null
    ? copies
    : `${(meanMs / fluidLimitMs).toFixed(2)} × fluid limit · ${copies}`;
}

function worseBox(cells: readonly Cell[]): Child {
  const found = findings(cells);
  const good = praise(found);
  const { worse, leftOut } = found;
  const list = (sentences: readonly string[]): Child =>
    sentences.length === 0
      ? null
      : h(
          'ul',
          {},
          sentences.map((sentence) => h('li', {}, sentence)),
        );
  if (worse.length + leftOut.length === 0 && good === null) return null;
  return h(
    'section',
    { class: 'worse', 'aria-label': 'Comparison' },
    h(
      'strong',
      {},
      good !== null
        ? 'Where Zauberflöte is worse: nowhere in this run'
        : worse.length > 0
          ? 'Where Zauberflöte is worse in this run'
          : 'Where Zauberflöte is worse: it cannot be said',
    ),
    good === null ? list(worse) : h('p', {}, good),
    list(leftOut),
  );
}

/** Where processor time went, for each cell. */
function processors(cells: readonly Cell[]): Child {
  const sentences = cells.flatMap((cell) => cpuSentence(cell) ?? []);
  if (sentences.length === 0) return null;
  const lines = sentences.map((sentence) => h('li', {}, sentence));
  return folded(true, 'Where processor time went', h('ul', { class: 'notes' }, lines));
}

function folded(fold: boolean, label: string, content: Markup): Markup {
  return fold ? h('details', {}, h('summary', {}, label), content) : content;
}
