/** `docs/results.md`, from nothing but the committed results. */
import { MARKS } from '../modes/marks.ts';
import type { Cell, Summary } from '../results.ts';
import { compareModes } from '../stats/index.ts';
import type { Committed, Reasons } from './committed.ts';
import { findings, loadsOf, praise } from './compare.ts';
import { cpuSentence } from './cpu.ts';
import { shapeOf } from './figures.ts';
import { code, md, mdTable } from './markdown.ts';
import { isLikePaperFig3, PAPER_FIG2, PAPER_FIG3 } from './paper.ts';
import { hostileSection, loadSection, simSection, soakSection } from './results-other.ts';
import { grouped, megabytes, percent, rateText } from './scale.ts';
import { linkTable } from './tables.ts';
import { targetsSection } from './targets-section.ts';
import { isUncounted, labelOf } from './theme.ts';
import {
  aboutScenario,
  commandOf,
  commitOf,
  countedBy,
  loadAverageOf,
  MARK_WORDS,
  machineOf,
  SCENARIO_ORDER,
  VERDICTS,
} from './words.ts';

const INTRO = `# Results

Written by \`npm run results\` from \`lab/results\`; a test compares the two, so edit neither by hand.
Times are from navigation to the load event of the image (786\u202f432 bytes, as in the paper; in \`site\`,
of the last file), in ms, means over all loads that succeeded, in brackets the fastest and the slowest of
them; failed ones are counted beside them and not averaged in. The column of loads says how many loads a
mean is of: as many as leechers in each run.
Origin copies are what left the origin while the leechers loaded, by kernel counters where a section
does not say otherwise, over the size of the image, the mean of the runs that showed it at all; those
counters count the headers of packets too, so that one download by HTTP takes some 1.05 copies. The fluid
limit is the least time in which any peer-assisted distribution can have served all (Mundinger, Weber &
Weiss 2008); it bounds the last to be done, so where uplinks of peers bind, a mean may be below it, and it
is “–” where no link limits it.
In figures, whiskers and shades reach from the fastest to the slowest load (where origin copies are drawn
over several numbers of seeders: over those), and the colours of a heat map are a logarithmic scale.
The paper's figures were measured in 2015 on another machine: its text limits the origin of figure 3 to
64 KB/s, its recipe to 512 KB/s; only that fits its times, so they stand beside ours at that rate alone.`;

const NONE =
  'There are no results yet: run `npm run bench -- fig3 --out lab/results/fig3`, then `npm run results`.';

const place = (scenario: string): number => {
  const at = SCENARIO_ORDER.indexOf(scenario);
  return at < 0 ? SCENARIO_ORDER.length : at;
};

/** The whole page. The same results give the same page, byte for byte. @param reasons why targets were missed */
export function resultsPage(results: readonly Committed[], reasons: Reasons = {}): string {
  const benches = results
    .filter(({ summary }) => summary !== null)
    .toSorted((a, b) => place(a.summary!.scenario) - place(b.summary!.scenario));
  const sections = [
    ...benches.flatMap(({ name, summary, figures }) => benchSection(name, summary!, figures)),
    ...results.flatMap(({ name, sim }) => (sim ? [simSection(name, sim)] : [])),
    ...results.flatMap(({ name, load }) => (load ? [loadSection(name, load)] : [])),
    ...results.flatMap(({ name, hostile }) => (hostile ? [hostileSection(name, hostile)] : [])),
    ...results.flatMap(({ name, soak }) => (soak ? [soakSection(name, soak)] : [])),
  ];
  return `${[INTRO, ...(sections.length === 0 ? [NONE] : [targetsSection(results, reasons), ...sections])].join('\n\n')}\n`;
}

function benchSection(name: string, summary: Summary, figures: readonly string[]): string {
  const { scenario, verdict, why, conditions, cells } = summary;
  const load = loadAverageOf(conditions.loadBefore, conditions.loadAfter, conditions.cores);
  const title = name === scenario ? md(scenario) : `${md(scenario)} (${md(name)})`;
  const parts = [
    `## ${title}`,
    md(aboutScenario(scenario)),
    `**${VERDICTS[verdict].mark} ${verdict}.** ${VERDICTS[verdict].words}${why.map((reason) => `\n- ${md(reason)}`).join('')}`,
    [
      `- ${md(conditions.date)}, commit ${code(commitOf(conditions))}`,
      `- ${md(machineOf(conditions))}, seed ${conditions.seed}`,
      `- ${md(
        Object.entries(conditions.versions)
          .map((pair) => pair.join(' '))
          .join(', '),
      )}`,
      ...(load === null ? [] : [`- ${md(load)}`]),
      ...(conditions.links.length > 0 ? [`- ${md(linkTable(conditions.links).summary)}`] : []),
      ...(conditions.shaper === 'tc'
        ? []
        : [`- ${md(`what left the origin was counted ${countedBy(conditions)}`)}`]),
      ...conditions.notes.map((note) => `- ${md(note)}`),
    ].join('\n'),
    `\`\`\`sh\n${commandOf(summary)}\n\`\`\``,
  ];
  // Figures of a void run mean nothing, so there are none to quote.
  if (verdict === 'void' || cells.length === 0) return parts.join('\n\n');
  for (const figure of figures)
    parts.push(
      `![${md(figure.replace(/\.svg$/, ''))}](../lab/results/${encodeURI(`${name}/figures/${figure}`)})`,
    );
  for (const [rate, own] of Map.groupBy(cells, (cell) => cell.rateBytesPerSecond)) {
    parts.push(`### Origin ${rate === 0 ? 'not limited' : `at ${rateText(rate)}`}`);
    parts.push(runsText(own));
    if (scenario === 'first-byte') parts.push(marksTable(own));
    parts.push(shapeOf(own) === 'grid' ? matrices(scenario, own) : placesTable(scenario, own));
  }
  const largest = cells
    .filter(({ mode, cpu }) => mode === 'zauberflote' && cpu)
    .toSorted((a, b) => b.leechers - a.leechers || b.seeders - a.seeders)[0];
  if (largest) parts.push(md(cpuSentence(largest) ?? ''));
  const found = findings(cells);
  const good = praise(found);
  if (found.worse.length > 0)
    parts.push(
      `**Where we are worse in this run**\n\n${found.worse.map((line) => `- ${md(line)}`).join('\n')}`,
    );
  else if (good !== null) parts.push(md(good));
  if (found.leftOut.length > 0) parts.push(found.leftOut.map((line) => `- ${md(line)}`).join('\n'));
  return parts.join('\n\n');
}

/** How often each cell was run: a mean of one run may be chance. */
function runsText(cells: readonly Cell[]): string {
  const runs = [...new Set(cells.map(({ loads, leechers }) => loads / leechers))];
  if (runs.every((count) => count === 1))
    return 'Every cell was run once, so nothing is known of how far runs differ: a small difference may be chance.';
  return `Every cell was run ${Math.min(...runs) === Math.max(...runs) ? '' : `${Math.min(...runs)} to `}${Math.max(...runs)} times.`;
}

const loadsText = (cells: readonly Cell[]): string => loadsOf(cells).replace(/ loads?$/, '');

/** "1 870 (700–2 705; ✕ 1 of 30)": the mean, the fastest to the slowest load, those that failed. */
function meanText(cell: Cell | undefined): string {
  if (!cell) return '–';
  const { meanMs, minMs, maxMs, failed, loads } = cell;
  const beside = [
    ...(minMs === null || maxMs === null || loads - failed < 2
      ? []
      : [`${grouped(minMs)}–${grouped(maxMs)}`]),
    ...(failed === 0 ? [] : [`✕ ${failed} of ${loads}`]),
  ];
  const mean = meanMs === null ? '–' : grouped(meanMs);
  return beside.length === 0 ? mean : `${mean} (${beside.join('; ')})`;
}

const modesOf = (cells: readonly Cell[]): string[] =>
  [...new Set(cells.map(({ mode }) => mode))].sort(compareModes);

/** A row for each number of seeders and leechers. */
function placesTable(scenario: string, cells: readonly Cell[]): string {
  const modes = modesOf(cells);
  const paper = isLikePaperFig3(scenario, cells[0]?.rateBytesPerSecond ?? 0);
  const bare = modes.includes('bare-channel');
  const rows = [...Map.groupBy(cells, ({ seeders, leechers }) => `${seeders} : ${leechers}`)].map(
    ([label, own]) => {
      const cellOf = (mode: string): Cell | undefined => own.find((cell) => cell.mode === mode);
      const ours = cellOf('zauberflote');
      const limit = ours?.fluidLimitMs ?? null;
      const { seeders, leechers } = own[0]!;
      const point =
        paper && seeders === leechers ? PAPER_FIG3.find(({ n }) => n === leechers) : undefined;
      return [
        label,
        loadsText(own),
        ...modes.map((mode) => meanText(cellOf(mode))),
        limit === null ? '–' : grouped(limit),
        limit === null || !ours || ours.meanMs === null ? '–' : (ours.meanMs / limit).toFixed(2),
        ...modes.map((mode) =>
          isUncounted(mode) ? '–' : (cellOf(mode)?.originCopies.toFixed(2) ?? '–'),
        ),
        ...(bare
          ? [
              ...modes.map((mode) => megabytes(cellOf(mode)?.peerBytesPerSecond)),
              percent(ours?.ofBareChannel),
            ]
          : []),
        ...(paper
          ? [point?.p2pMs, point?.httpMs].map((ms) => (ms === undefined ? '–' : grouped(ms)))
          : []),
      ];
    },
  );
  return mdTable(
    [
      'Seeders : leechers',
      'Loads of each mode',
      ...modes.map((mode) => `${md(labelOf(mode))}, ms`),
      'Fluid limit, ms',
      'Zauberflöte ÷ limit',
      ...modes.map((mode) => `${md(labelOf(mode))}, origin copies`),
      ...(bare
        ? [...modes.map((mode) => `${md(labelOf(mode))}, MB/s from a peer`), 'Of the bare channel']
        : []),
      ...(paper ? ['Paper, P2P, ms', 'Paper, HTTP, ms'] : []),
    ],
    rows,
  );
}

/** A matrix for each mode: seeders to the right, leechers downwards. */
function matrices(scenario: string, cells: readonly Cell[]): string {
  const sorted = (values: number[]): number[] => [...new Set(values)].sort((a, b) => a - b);
  const seeders = sorted(cells.map((cell) => cell.seeders));
  const leechers = sorted(cells.map((cell) => cell.leechers));
  const matrix = (
    title: string,
    at: (seeders: number, leechers: number) => string,
    measured: readonly Cell[] = [],
  ): string =>
    `${title}\n\n${mdTable(
      [
        'leechers ↓ seeders →',
        ...seeders.map(String),
        ...(measured.length > 0 ? ['loads a cell'] : []),
      ],
      leechers.map((l) => {
        const row = measured.filter((cell) => cell.leechers === l);
        return [
          `**${l}**`,
          ...seeders.map((s) => at(s, l)),
          ...(row.length > 0 ? [loadsText(row)] : []),
        ];
      }),
    )}`;
  const parts = modesOf(cells).map((mode) => {
    const own = cells.filter((cell) => cell.mode === mode);
    const at = (s: number, l: number) =>
      meanText(own.find((cell) => cell.seeders === s && cell.leechers === l));
    return matrix(`${md(labelOf(mode))}, mean ms`, at, own);
  });
  if (scenario === 'fig2')
    parts.push(
      matrix('The paper’s figure 2, mean ms', (s, l) => {
        const ms = PAPER_FIG2[l - 1]?.[s - 1];
        return ms === undefined ? '–' : grouped(ms);
      }),
    );
  return parts.join('\n\n');
}

/** A column for each mode: its steps to the first content from a peer. */
function marksTable(cells: readonly Cell[]): string {
  return mdTable(
    ['Mean ms after navigation', ...cells.map(({ mode }) => md(labelOf(mode)))],
    MARKS.map((name) => [
      MARK_WORDS[name],
      ...cells.map(({ marks }) => {
        const at = marks?.[name];
        return at === undefined ? '–' : grouped(at);
      }),
    ]),
  );
}
