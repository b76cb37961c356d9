/** Test fixtures: made-up rows and summaries of the size and kind that real runs give. Never a result. */
import { seeded } from '../../demo/random.ts';
import type { Conditions, ResultRow, Summary } from '../results.ts';
import { fluidLimitMs, summarize } from '../stats/index.ts';

const BYTES = 786_432;

export const CONDITIONS: Conditions = {
  date: '2025-01-01T00:00:00.000Z',
  commit: '0123456789abcdef0123456789abcdef01234567',
  dirty: false,
  versions: { node: '24.0.0', chromium: '156.0.1', nginx: '1.22.1', webtorrent: '3.0.21' },
  kernel: 'Linux 6.1.0 x86_64',
  cores: 2,
  memoryBytes: 24 * 2 ** 30,
  shaper: 'tc',
  options: {
    modes: ['http', 'zauberflote'],
    cells: [1, 2, 5, 10].map((n) => ({ seeders: n, leechers: n })),
    rates: [65_536],
    peerUp: 0,
    peerDown: 0,
    rttMs: 50,
    loss: 0.01,
    runs: 3,
    scriptFrom: 'fast',
    site: 'photo',
  },
  seed: 7,
  links: [
    ['before', 63_700],
    ['after', 64_200],
  ].map(([when, measured]) => ({
    host: 'origin',
    direction: 'up' as const,
    when: when as 'before' | 'after',
    setBytesPerSecond: 64_000,
    measuredBytesPerSecond: measured as number,
    error: (measured as number) / 64_000 - 1,
  })),
  notes: ['Every browser loaded an empty page first.'],
};

/** Where to run what: seeders, leechers and bytes per second of the origin. */
export interface Place {
  readonly seeders: number;
  readonly leechers: number;
  readonly rate: number;
}

/** Time and origin copies that a mode might need there, after DESIGN section 9. */
function model(mode: string, { seeders, leechers, rate }: Place): [ms: number, copies: number] {
  const alone = rate === 0 ? 44 + 5.3 * leechers ** 2 : (BYTES / rate) * 1000 * leechers;
  if (mode === 'http') return [alone, leechers * 1.04];
  if (mode === 'webtorrent')
    return seeders > 0
      ? [500 + 80 * leechers ** 2, 0.04 * leechers]
      : [Math.min(alone * 1.1, 30_000), Math.min(leechers, 2.2)];
  if (seeders > 0) return [180 + 55 * leechers + 900 / seeders, 0.01];
  return [rate === 0 ? alone + 60 : 12_900, 1.05];
}

export interface Wanted {
  readonly scenario: string;
  readonly places: readonly Place[];
  readonly modes?: readonly string[];
  readonly runs?: number;
  /** Share of loads that fail. */
  readonly failing?: number;
  readonly over?: Partial<Summary>;
}

/** Rows of a made-up experiment and their summary. */
export function experiment({
  scenario,
  places,
  modes = ['http', 'zauberflote', 'webtorrent'],
  runs = 3,
  failing = 0,
  over = {},
}: Wanted): { readonly rows: ResultRow[]; readonly summary: Summary } {
  const random = seeded(1);
  const rows: ResultRow[] = [];
  const origins: Parameters<typeof summarize>[1][number][] = [];
  for (let run = 1; run <= runs; run += 1)
    for (const place of places)
      for (const mode of modes) {
        const { seeders, leechers, rate: rateBytesPerSecond } = place;
        const [ms, copies] = model(mode, place);
        const key = { mode, seeders, leechers, rateBytesPerSecond };
        origins.push({ ...key, run, originBytes: copies * BYTES * (0.97 + 0.06 * random()) });
        for (let peer = 1; peer <= leechers; peer += 1) {
          const ok = random() >= failing;
          rows.push({
            scenario,
            ...key,
            run,
            peer,
            loadMs: ok ? ms * (0.85 + 0.3 * random()) : null,
            bytes: mode === 'http' ? null : { peers: 700_000, origin: 86_432, store: 0 },
            ok,
            error: ok ? null : 'no image within 60 s',
          });
        }
      }
  const cells = summarize(rows, origins, { bytes: BYTES }, (cell) =>
    fluidLimitMs({
      ...cell,
      bytes: BYTES,
      originBytesPerSecond: cell.rateBytesPerSecond,
    }),
  );
  const summary: Summary = {
    scenario,
    verdict: 'ok',
    why: [],
    conditions: CONDITIONS,
    cells,
    ...over,
  };
  return { rows, summary };
}

/** All pairs of 1 to `most` seeders and leechers. */
export function grid(most: number, rate: number): Place[] {
  const one = Array.from({ length: most }, (_, index) => index + 1);
  return one.flatMap((leechers) => one.map((seeders) => ({ seeders, leechers, rate })));
}
