/** How targets look for what was measured, and say how it compares. */
import type { Cell, Summary } from '../results.ts';
import type { Committed } from './committed.ts';
import { plural } from './compare.ts';
import { busyShare, byKind } from './cpu.ts';
import { percent } from './scale.ts';

/** A result that figures rest on. */
export interface Source {
  /** Its folder in `lab/results`. */
  readonly name: string;
  /** Tells it from what the folder held before: its date, or what else it has. */
  readonly stamp: string;
  /** When, and how often: "2026-11-28, 3 runs". */
  readonly words: string;
}

/** One measured figure beside what it is to be. */
export interface Judged {
  /** Where, such as "n = 5". */
  readonly where: string;
  /** The figure, and the bound it is to keep, in words. */
  readonly measured: string;
  /** How far beyond the bound, as a share of it; 0 or less: reached. */
  readonly over: number;
  /** Where it is from: what the machine did meanwhile. */
  readonly cell?: Cell | undefined;
}

export interface Outcome extends Judged {
  readonly from: readonly Source[];
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

/** A source of these conditions. */
export function sourceOf(name: string, conditions: unknown, often: string): Source {
  const date = inside(conditions, 'date');
  const stamp = typeof date === 'string' ? date : '';
  return { name, stamp, words: `${stamp === '' ? 'no date' : stamp.slice(0, 10)}, ${often}` };
}

/** Each of them once. */
export function sourcesOf(outcomes: readonly Outcome[]): Source[] {
  const all = outcomes.flatMap(({ from }) => from);
  return [...new Map(all.map((one) => [`${one.name} ${one.stamp}`, one])).values()];
}

/** What was judged, with what it rests on. */
export function restingOn(from: readonly Source[], judged: readonly Judged[]): Outcome[] {
  return judged.map((one) => ({ ...one, from }));
}

/** The one furthest beyond its bound; that it is the worst rests on all of them. */
export function worstOf(outcomes: readonly Outcome[]): Outcome[] {
  const [first, ...rest] = outcomes;
  if (!first) return [];
  const worst = rest.reduce((worst, one) => (one.over > worst.over ? one : worst), first);
  return [{ ...worst, from: sourcesOf(outcomes) }];
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
  readonly from: Source;
  readonly seeders: number;
  readonly leechers: number;
  readonly rate: number;
  readonly of: (mode: string) => Cell | undefined;
}

/** A bench that broke off: the cells it did measure are not what was asked for. */
const endedEarly = ({ why }: Summary): boolean => why.some((one) => one.startsWith('ended early'));

/**
 * The places that were asked for, each from the newest result that has it, is not void and was not
 * ended early. Results with failed loads are among them: those are judged.
 */
function placesOf(results: readonly Committed[], wanted: Wanted): Place[] {
  const found = new Map<string, Place>();
  const options: Readonly<Record<string, unknown>> = { ...PLAIN, ...wanted.options };
  const fitting = results
    .flatMap(({ name, summary }) => (summary ? [{ name, summary }] : []))
    .filter(
      ({ summary }) =>
        summary.scenario === wanted.scenario &&
        summary.verdict !== 'void' &&
        !endedEarly(summary) &&
        Object.entries(options).every(
          ([key, value]) => value === undefined || summary.conditions.options[key] === value,
        ),
    )
    .sort((a, b) => (a.summary.conditions.date < b.summary.conditions.date ? -1 : 1));
  for (const { name, summary } of fitting)
    for (const { seeders, leechers, rateBytesPerSecond: rate } of summary.cells) {
      const asked = { rate, seeders, leechers };
      if (Object.entries(asked).some(([key, is]) => (wanted[key as 'rate'] ?? is) !== is)) continue;
      const same = (cell: Cell) =>
        cell.seeders === seeders && cell.leechers === leechers && cell.rateBytesPerSecond === rate;
      const of = (mode: string) => summary.cells.find((cell) => cell.mode === mode && same(cell));
      const ours = of('zauberflote');
      if (!ours) continue;
      const from = sourceOf(name, summary.conditions, oftenOf(ours));
      found.set([rate, seeders, leechers].join(), { summary, from, ...asked, of });
    }
  return [...found.values()].sort((a, b) => a.leechers - b.leechers || a.seeders - b.seeders);
}

/** "3 runs" */
function oftenOf({ loads, leechers }: Cell): string {
  return loads % leechers === 0 ? plural(loads / leechers, 'run') : plural(loads, 'load');
}

/** What is judged of each of the places that were asked for. */
export function inPlaces(
  results: readonly Committed[],
  wanted: Wanted,
  judge: (place: Place) => readonly Judged[],
): Outcome[] {
  return placesOf(results, wanted).flatMap((place) => restingOn([place.from], judge(place)));
}

/**
 * Mean over all loads of a mode that succeeded, with as many leechers at the same rate in the same
 * result, whatever the seeders: of a mode that has none, those cells are one measurement repeated.
 */
export function meanOfAll(mode: string, { summary, leechers, rate }: Place): number | null {
  const times = summary.cells
    .filter(
      (cell) =>
        cell.mode === mode && cell.leechers === leechers && cell.rateBytesPerSecond === rate,
    )
    .flatMap(({ meanMs, loads, failed }) =>
      meanMs === null ? [] : [{ meanMs, succeeded: loads - failed }],
    );
  const succeeded = times.reduce((sum, one) => sum + one.succeeded, 0);
  if (succeeded === 0) return null;
  return times.reduce((sum, one) => sum + one.meanMs * one.succeeded, 0) / succeeded;
}

/** ", 1 of 30 loads failed", or nothing. */
const failedText = (cell: Cell | undefined): string =>
  cell && cell.failed > 0 ? `, ${cell.failed} of ${plural(cell.loads, 'load')} failed` : '';

/** "1870 ms (700–2705)": the mean, the fastest and the slowest load. */
export function meanText({ meanMs, minMs, maxMs, loads }: Cell): string {
  if (meanMs === null) return 'no load succeeded';
  const whole = (ms: number | null) => Math.round(ms ?? meanMs);
  return `${whole(meanMs)} ms${loads > 1 ? ` (${whole(minMs)}–${whole(maxMs)})` : ''}`;
}

/** A figure that is to be at most so much. @param cell where a load that failed is a miss, whatever the figure */
export function atMost(
  where: string,
  value: number,
  bound: number,
  measured: string,
  cell?: Cell,
): Judged {
  return judged(where, value / bound - 1, measured, cell);
}

/** A figure that is to be at least so much. */
export function atLeast(
  where: string,
  value: number,
  bound: number,
  measured: string,
  cell?: Cell,
): Judged {
  return judged(where, 1 - value / bound, measured, cell);
}

function judged(where: string, over: number, measured: string, cell: Cell | undefined): Judged {
  const failed = failedText(cell);
  return {
    where,
    measured: measured + failed,
    over: failed === '' ? over : Number.POSITIVE_INFINITY,
    cell,
  };
}

/** Our mean against so many times another, where both were measured; a load that failed is a miss. */
export function against(
  where: string,
  ours: Cell | undefined,
  times: number,
  theirs: number | null | undefined,
  name: string,
): Judged[] {
  if (!ours || typeof theirs !== 'number') return [];
  const mean = ours.meanMs ?? Number.POSITIVE_INFINITY;
  const beside = `${(mean / theirs).toFixed(2)} × ${name} (${Math.round(theirs)} ms)`;
  const measured = ours.meanMs === null ? meanText(ours) : `${meanText(ours)}, ${beside}`;
  return [atMost(where, mean, times * theirs, measured, ours)];
}

/** A small share is not told as none. */
const precise = (share: number): string =>
  share < 0.1 ? `${(share * 100).toFixed(1)} %` : percent(share);

/** "by 12 %", "by 0.4 %" */
export function beyond({ over }: Judged): string {
  return Number.isFinite(over) ? `by ${precise(over)}` : 'as loads failed';
}

/** What the machine did while a figure was measured: the profile of a miss. */
export function profileOf({ cell }: Judged): string | null {
  if (!cell?.cpu) return null;
  const { machine } = cell.cpu;
  const all = machine.busy + machine.idle;
  const kinds = byKind(cell.cpu)
    .slice(0, 4)
    .map(([name, seconds]) => `${name} ${percent(seconds / all)}`);
  return `processors ${percent(busyShare(cell.cpu))} busy: ${kinds.join(', ')}`;
}
