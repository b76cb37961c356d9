/** The numbers of a summary for other programs: CSV of all cells, and columns as the paper's `.dat` files. */
import type { Cell, Summary } from '../results.ts';
import { compareModes } from '../stats/index.ts';
import { figureFile, linksText, shapeOf } from './figures.ts';
import { rateText } from './scale.ts';

export interface DataFile {
  readonly name: string;
  readonly text: string;
}

const COLUMNS = [
  'mode',
  'seeders',
  'leechers',
  'rateBytesPerSecond',
  'loads',
  'failed',
  'meanMs',
  'ci95Ms',
  'sdMs',
  'medianMs',
  'p95Ms',
  'minMs',
  'maxMs',
  'originBytes',
  'originCopies',
  'fluidLimitMs',
] as const satisfies readonly (keyof Cell)[];

/** A line for each cell, with the names of `summary.json`; what there was not is empty. */
export function cellsCsv({ scenario, verdict, cells }: Summary): string {
  const lines = cells.map((cell) => [scenario, verdict, ...COLUMNS.map((key) => cell[key] ?? '')]);
  return `${[['scenario', 'verdict', ...COLUMNS], ...lines].map((line) => line.join(',')).join('\n')}\n`;
}

/**
 * For each rate of the origin mean times in columns, as the paper's figures were drawn from: seeders,
 * leechers and a mode each; or where they are as many, n and a mode each. What there was not is NaN,
 * which gnuplot and NumPy leave out. Then come, in the order of the modes, the confidence intervals.
 */
export function datFiles(summary: Summary): DataFile[] {
  const { scenario, verdict, why, cells, conditions } = summary;
  return [...Map.groupBy(cells, (cell) => cell.rateBytesPerSecond)].map(([rate, own]) => {
    const modes = [...new Set(own.map(({ mode }) => mode))].sort(compareModes);
    const shape = shapeOf(own);
    const equal = shape === 'equal';
    const places = Map.groupBy(own, ({ seeders, leechers }) =>
      equal ? `${leechers}` : `${seeders}\t${leechers}`,
    );
    const columns = [
      ...(equal ? ['n'] : ['seeders', 'leechers']),
      ...modes,
      ...modes.map((mode) => `${mode}-ci95`),
    ];
    let leechers = own[0]?.leechers;
    const lines = [...places].map(([place, there]) => {
      const of = (key: 'meanMs' | 'ci95Ms'): string[] =>
        modes.map((name) => {
          const value = there.find(({ mode }) => mode === name)?.[key];
          return value === undefined || value === null ? 'NaN' : value.toFixed(3);
        });
      // gnuplot's splot takes a row of the grid up to an empty line.
      const gap = shape === 'grid' && there[0]?.leechers !== leechers ? '\n' : '';
      leechers = there[0]?.leechers;
      return gap + [place, ...of('meanMs'), ...of('ci95Ms')].join('\t');
    });
    const head = [
      `${scenario}, ${conditions.date}, commit ${conditions.commit.slice(0, 12)}`,
      `settings: origin ${rate === 0 ? 'not limited' : rateText(rate)}.${linksText(conditions)}`,
      `verdict: ${[verdict, ...why].join('; ').replace(/\s+/g, ' ')}`,
      'mean load times in ms over all loads that succeeded; ci95: half of the 95 % confidence interval',
      columns.join('\t'),
    ];
    return {
      name: `${figureFile(scenario, 'means', rate)}.dat`,
      text: `${[...head.map((line) => `# ${line}`), ...lines].join('\n')}\n`,
    };
  });
}
