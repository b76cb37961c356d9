/** Reads what is committed in `lab/results`. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cell, Summary } from '../results.ts';

/** `load.json`, as far as it is told (DESIGN section 7). */
export interface LoadResult {
  readonly conditions: Readonly<Record<string, unknown>>;
  readonly trackers: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** What none of them can be better than. */
  readonly limits?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** As `npm run size` prints it. */
export type SizeResult = readonly { readonly file: string; readonly gzip: number }[];

/** One folder of `lab/results`. */
export interface Committed {
  readonly name: string;
  readonly summary: Summary | null;
  readonly load: LoadResult | null;
  readonly sim: Readonly<Record<string, unknown>> | null;
  /** As `npm run soak` and `npm run hostile` write them. */
  readonly soak: Readonly<Record<string, unknown>> | null;
  readonly hostile: Readonly<Record<string, unknown>> | null;
  readonly size: SizeResult | null;
  /** Names of the SVG files in its `figures`. */
  readonly figures: readonly string[];
}

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(path: string): unknown {
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path} is not JSON (${(error as Error).message}): write it again`);
  }
}

function read(path: string): Json | null {
  const value = parse(path);
  if (value === null) return null;
  if (!isObject(value)) throw new Error(`${path} holds no object: write it again`);
  return value;
}

const NUMBERS = [
  'seeders',
  'leechers',
  'rateBytesPerSecond',
  'loads',
  'failed',
  'originCopies',
] as const;

function isCell(value: unknown): value is Cell {
  return (
    isObject(value) &&
    typeof value.mode === 'string' &&
    NUMBERS.every((key) => Number.isFinite(value[key])) &&
    ['meanMs', 'minMs', 'maxMs', 'medianMs', 'p95Ms', 'fluidLimitMs'].every(
      (key) => value[key] === null || Number.isFinite(value[key]),
    )
  );
}

/** @throws {Error} if it lacks what `lab/results.ts` promises */
function asSummary(path: string, value: Json): Summary {
  const { scenario, verdict, why, conditions, cells } = value;
  const wrong =
    typeof scenario !== 'string'
      ? 'scenario'
      : !['ok', 'failed', 'void', 'unsupported'].includes(verdict as string)
        ? 'verdict'
        : !Array.isArray(why)
          ? 'why'
          : !isObject(conditions) ||
              !Array.isArray(conditions.links) ||
              !isObject(conditions.options)
            ? 'conditions'
            : !Array.isArray(cells) || !cells.every(isCell)
              ? 'cells'
              : null;
  if (wrong !== null)
    throw new Error(`${path}: ${wrong} is missing or malformed: run its scenario again`);
  return value as unknown as Summary;
}

function asLoad(path: string, value: Json): LoadResult {
  const { conditions, trackers } = value;
  if (!isObject(conditions) || !isObject(trackers) || !Object.values(trackers).every(isObject))
    throw new Error(`${path}: conditions or trackers are missing: run npm run load again`);
  return value as unknown as LoadResult;
}

function asSize(path: string): SizeResult | null {
  const value = parse(path);
  if (value === null) return null;
  const fits = (one: unknown) =>
    isObject(one) && typeof one.file === 'string' && Number.isFinite(one.gzip);
  if (!Array.isArray(value) || !value.every(fits))
    throw new Error(`${path} is no list of sizes: run npm run size again`);
  return value as SizeResult;
}

/** Why a target was missed in certain results. Of others it says nothing. */
export interface Reason {
  /** Those results: folder, and the date in its conditions; of sizes the bytes, as in "36044 bytes". */
  readonly of: Readonly<Record<string, string>>;
  readonly why: string;
}

/** By names of targets. */
export type Reasons = Readonly<Record<string, Reason>>;

/** `why.json` beside the results. @throws {Error} naming what is no reason in it */
export function readReasons(folder: string): Reasons {
  const path = join(folder, 'why.json');
  const reasons = read(path) ?? {};
  for (const [id, reason] of Object.entries(reasons)) {
    const { of, why } = isObject(reason) ? reason : {};
    const isTied = isObject(of) && Object.values(of).every((one) => typeof one === 'string');
    if (!isTied || Object.keys(of).length === 0 || typeof why !== 'string')
      throw new Error(
        `${path}: ${id} is to be {"of": {FOLDER: DATE OF ITS RESULT}, "why": TEXT}, so that it is told of that result alone`,
      );
  }
  return reasons as unknown as Reasons;
}

/** All results by name of their folder. @throws {Error} naming the file that cannot be used */
export function readCommitted(folder: string): Committed[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
    .map((name): Committed => {
      const path = (file: string): string => join(folder, name, file);
      const [summary, load, sim, soak, hostile] = [
        'summary.json',
        'load.json',
        'sim.json',
        'soak.json',
        'hostile.json',
      ].map((file) => read(path(file)));
      return {
        name,
        summary: summary ? asSummary(path('summary.json'), summary) : null,
        load: load ? asLoad(path('load.json'), load) : null,
        sim: sim ?? null,
        soak: soak ?? null,
        hostile: hostile ?? null,
        size: asSize(path('size.json')),
        figures: existsSync(path('figures'))
          ? readdirSync(path('figures'))
              .filter((file) => file.endsWith('.svg'))
              .sort()
          : [],
      };
    })
    .filter(
      ({ summary, load, sim, soak, hostile, size }) =>
        summary ?? load ?? sim ?? soak ?? hostile ?? size,
    );
}
