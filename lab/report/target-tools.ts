/** How targets look for what was measured, and say how it compares. */
import type { Cell, Summary } from '../results.ts';
import type { Committed } from './committed.ts';
import { busyShare, byKind } from './cpu.ts';
import { percent } from './scale.ts';

/** One measured figure beside what it is to be. */
export interface Outcome {
  /** Where, such as "n = 5". */
  readonly where: string;
  /** The figure, and the bound it is to keep, in words. */
  readonly measured: string;
  /** How far beyond the bound, as a share of it; 0 or less: reached. */
  readonly over: number;
  /** What the machine did meanwhile. */
  readonly cell?: Cell | undefined;
}

export interface Target {
  /** In `lab/results/why.json`, which says why it was missed. */
  readonly id: string;
  readonly scenario: string;
  readonly reach: string;
  /** Figures there are when all was measured. @default 1 */
  readonly parts?: number;
  /** None where nothing was measured. */
  readonly outcomes: (results: readonly Committed[]) => readonly Outcome[];
}

export const number = (value: unknown): number | undefined =>
  typeof value === 'number' ? value : undefined;

/** What is at a path of names in an object, if anything. */
export const inside = (value: unknown, ...keys: string[]): unknown =>
  keys.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], value);

/** The one furthest beyond its bound. */
export function worstOf(outcomes: readonly Outcome[]): Outcome[] {
  const [first, ...rest] = outcomes;
  return first ? [rest.reduce((worst, one) => (one.over > worst.over ? one : worst), first)] : [];
}

/** What a result has to be of, to be looked at. Undefined: whatever it is. */
export interface Wanted {
  readonly scenario: string;
  readonly rate?: number;
  readonly seeders?: number;
  readonly leechers?: number;
  /** As conditions.options have them. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** What the links of a scenario are, unless it says otherwise. */
const PLAIN = { peerUp: 0, peerDown: 0, rttMs: 0, loss: 0, scriptFrom: 'fast' };

/** One place of one result, by mode. */
export interface Place {
  readonly summary: Summary;
  readonly seeders: number;
  readonly leechers: number;
  readonly rate: number;
  readonly of: (mode: string) => Cell | undefined;
}

/** The places that were asked for, each from the newest result that has it and is not void. */
export function placesOf(results: readonly Committed[], wanted: Wanted): Place[] {
  const found = new Map<string, Place>();
  const options: Readonly<Record<string, unknown>> = { ...PLAIN, ...wanted.options };
  const fitting = results
    .flatMap(({ summary }) => summary ?? [])
    .filter(
      ({ scenario, verdict, conditions }) =>
        scenario === wanted.scenario &&
        verdict !== 'void' &&
        Object.entries(options).every(
          ([name, value]) => value === undefined || conditions.options[name] === value,
        ),
    )
    .sort((a, b) => (a.conditions.date < b.conditions.date ? -1 : 1));
  for (const summary of fitting)
    for (const { seeders, leechers, rateBytesPerSecond: rate } of summary.cells) {
      const asked = { rate, seeders, leechers };
      if (Object.entries(asked).some(([key, is]) => (wanted[key as 'rate'] ?? is) !== is)) continue;
      const same = (cell: Cell) =>
        cell.seeders === seeders && cell.leechers === leechers && cell.rateBytesPerSecond === rate;
      const of = (mode: string) => summary.cells.find((cell) => cell.mode === mode && same(cell));
      if (of('zauberflote')) found.set([rate, seeders, leechers].join(), { summary, ...asked, of });
    }
  return [...found.values()].sort((a, b) => a.leechers - b.leechers || a.seeders - b.seeders);
}

/** A figure that is to be at most so much. */
export function atMost(
  where: string,
  value: number,
  bound: number,
  measured: string,
  cell?: Cell,
): Outcome {
  return { where, measured, over: value / bound - 1, cell };
}

/** A figure that is to be at least so much. */
export function atLeast(where: string, value: number, bound: number, measured: string): Outcome {
  return { where, measured, over: 1 - value / bound };
}

/** Our mean against so many times another, where both were measured; a load that failed is a miss. */
export function against(
  where: string,
  ours: Cell | undefined,
  times: number,
  theirs: number | null | undefined,
  name: string,
): Outcome[] {
  if (!ours || typeof theirs !== 'number') return [];
  const mean = ours.meanMs;
  const failed = ours.failed > 0 ? `, ${ours.failed} of ${ours.loads} loads failed` : '';
  if (mean === null || ours.failed > 0)
    return [{ where, measured: `failed${failed}`, over: Number.POSITIVE_INFINITY, cell: ours }];
  const measured = `${Math.round(mean)} ms, ${(mean / theirs).toFixed(2)} × ${name} (${Math.round(theirs)} ms)`;
  return [atMost(where, mean, times * theirs, measured, ours)];
}

/** A small share is not told as none. */
const precise = (share: number): string =>
  share < 0.1 ? `${(share * 100).toFixed(1)} %` : percent(share);

/** "by 12 %", "by 0.4 %" */
export function beyond({ over }: Outcome): string {
  return Number.isFinite(over) ? `by ${precise(over)}` : 'as loads failed';
}

/** What the machine did while a figure was measured: the profile of a miss. */
export function profileOf({ cell }: Outcome): string | null {
  if (!cell?.cpu) return null;
  const { machine } = cell.cpu;
  const all = machine.busy + machine.idle;
  const kinds = byKind(cell.cpu)
    .slice(0, 4)
    .map(([name, seconds]) => `${name} ${percent(seconds / all)}`);
  return `processors ${percent(busyShare(cell.cpu))} busy: ${kinds.join(', ')}`;
}
