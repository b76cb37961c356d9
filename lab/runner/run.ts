import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserPrograms } from '../browsers/programs.ts';
import { modeOf } from '../modes/index.ts';
import { otherOwners } from '../net/namespaces.ts';
import type { LinkMeasurement, Net } from '../net/types.ts';
import { Unsupported } from '../net/unsupported.ts';
import { type Asset, siteOf, totalBytes } from '../origin/assets.ts';
import { writeReport } from '../report/index.ts';
import type { ResultRow, Summary, TrialRow } from '../results.ts';
import type { Trial } from '../scenarios/index.ts';
import { summarize } from '../stats/index.ts';
import { checkout, loadAverage, machine } from './conditions.ts';
import { guarded } from './guarded.ts';
import { judge } from './judge.ts';
import { type Lab, openLab } from './lab.ts';
import { fluidLimits, fromOrigin } from './limits.ts';
import { type BenchOptions, needsTc } from './options.ts';
import { guessMs, plan, type Step } from './plan.ts';
import { Progress } from './progress.ts';
import { runTrial, SEEDED_MS } from './trial.ts';
import { showRate } from './units.ts';

export interface Surroundings {
  readonly createNet: (options: { shaper: 'auto' | 'tc' | 'proxy'; seed: number }) => Promise<Net>;
  readonly programs: BrowserPrograms;
  /** Temporary folder; the caller removes it. */
  readonly dir: string;
  /** For the results. */
  readonly out: string;
  readonly log: (line: string) => void;
  /** Ends it: nothing is started any more, and what runs is the caller's to end. */
  readonly signal: AbortSignal;
}

/** True of every run. */
const NOTES: readonly string[] = [
  'warm-up: every browser loads the page once by HTTP from the unlimited server when it starts; ' +
    'no measured load is discarded',
  'every load has a window with a profile of its own (a browser context of its own), so nothing ' +
    'is cached; the browser process is warm',
  `seeders load from the unlimited server, at least ${SEEDED_MS / 1000} s before; leechers set out at one instant, ` +
    'when what opened their windows is done: processors at most 25 % busy for 0.4 s',
  'the order of the modes is drawn anew for every cell and run',
  'http needs no seeders: none are opened for it',
  'pages are plain http and count as secure by a flag of the browser, as those of a site with TLS',
  'pages, client scripts, and stylesheets, scripts and SVGs of a site are compressed with gzip; ' +
    'ranges of those and all other files are not, and copies are of all as it is on disk',
  'trackers start anew for every trial',
];

/**
 * Runs an experiment and writes its results. What cannot be run here is a verdict, not an error, and
 * so is what fails on the way, or is ended by its signal: what was measured until then is written.
 */
export async function runBench(options: BenchOptions, around: Surroundings): Promise<Summary> {
  const { scenario, setup, seed } = options;
  const { programs } = around;
  const loadBefore = loadAverage();
  mkdirSync(around.out, { recursive: true });
  around.log(`Chromium ${programs.chromeVersion}, chromedriver ${programs.chromedriverVersion}`);
  const assets = await siteOf(scenario.site);
  const { notes: gitNotes, ...commit } = checkout();
  const here = { ...machine(programs), ...commit, loadBefore };
  const bench = new Bench(options, around, programs, assets);
  let unsupported: string | undefined;
  let failure: string | undefined;
  try {
    for (const rate of setup.rates) await bench.network(rate);
  } catch (error) {
    const { message, stack } = error as Error;
    // Everything fails that was under way when it was ended.
    if (around.signal.aborted) failure = `ended early: ${around.signal.reason.message}`;
    else if (error instanceof Unsupported && bench.trials.length === 0) unsupported = message;
    else {
      failure = `ended early: ${message}`;
      around.log(String(stack));
    }
  }
  const { trials, links, shaper, notes } = bench;
  // Figures of something else than the scenario mean as little as those over links that were off.
  const unmeasured = [...bench.unmeasured, ...missedBreaks(trials)];
  const judged = judge({ trials, links, unmeasured, checks: scenario.checks, unsupported });
  const rows = trials.flatMap((trial) => trial.rows);
  const assetBytes = totalBytes(assets);
  const extra = await fromOrigin(options, assets);
  const summary: Summary = {
    scenario: scenario.name,
    ...(failure === undefined ? judged : { verdict: 'failed', why: [failure, ...judged.why] }),
    conditions: {
      ...here,
      loadAfter: loadAverage(),
      shaper,
      options: {
        ...setup,
        scriptFrom: options.scriptFrom,
        ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
        site: scenario.site,
        assetBytes,
        fromOrigin: extra,
      },
      seed,
      links,
      notes: [
        ...gitNotes,
        ...notes,
        ...stillSending(trials),
        ...setOutBusy(trials),
        ...endedBefore(rows),
        ...NOTES,
      ],
    },
    cells: summarize(
      rows,
      countedTrials(trials).map(({ grid, ...trial }) => ({ ...trial, ...grid })),
      { bytes: assetBytes },
      fluidLimits(options, assets, extra),
    ),
  };
  writeFileSync(join(around.out, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  await writeReport(around.out, summary, rows, around.signal);
  return summary;
}

/** Why trials did not show what their scenario is about. */
function missedBreaks(trials: readonly Trial[]): string[] {
  return trials.flatMap(({ mode, grid, rateBytesPerSecond, run, missed = [] }) =>
    missed.map(
      (why) =>
        `${mode} ${grid.seeders}:${grid.leechers} at ${showRate(rateBytesPerSecond)}, run ${run}: ` +
        `what was to break did not, or too late: ${why}`,
    ),
  );
}

/** A note on loads that nothing disturbed, as they had ended before. */
function endedBefore(rows: readonly ResultRow[]): string[] {
  const told = rows.filter(({ broke }) => broke !== undefined);
  const early = told.filter(({ broke }) => !broke).length;
  return early === 0
    ? []
    : [`${early} of ${told.length} loads had ended before what was to break did`];
}

/** A note on trials whose origin counter did not come to rest. */
function stillSending(trials: readonly Trial[]): string[] {
  const some = trials.filter(({ originStillSending }) => originStillSending);
  const modes = [...new Set(some.map(({ mode }) => mode))].join(', ');
  return some.length === 0
    ? []
    : [
        `the origin was still sending seconds after the last load of ${some.length} of ` +
          `${trials.length} trials (${modes}): its bytes are at least what is told`,
      ];
}

/** A note on trials whose preparations, or somebody else, took processors from their loads. */
function setOutBusy(trials: readonly Trial[]): string[] {
  const some = trials.filter(({ busyBefore }) => busyBefore).length;
  return some === 0
    ? []
    : [`processors were not quiet when leechers set out in ${some} of ${trials.length} trials`];
}

/**
 * Those whose origin counters mean something: a trial that showed nothing would bring its cell's
 * mean down, so it counts only where its cell has no other.
 */
function countedTrials(trials: readonly Trial[]): Trial[] {
  const cell = ({ mode, grid, rateBytesPerSecond }: Trial) =>
    [mode, grid.seeders, grid.leechers, rateBytesPerSecond].join();
  const shown = trials.filter(({ rows }) => rows.some(({ ok }) => ok));
  const cells = new Set(shown.map(cell));
  return [...shown, ...trials.filter((trial) => !cells.has(cell(trial)))];
}

/** One experiment under way. */
class Bench {
  readonly trials: Trial[] = [];
  readonly links: LinkMeasurement[] = [];
  /** Why links could not be measured. */
  readonly unmeasured: string[] = [];
  readonly notes = new Set<string>();
  shaper: string;
  readonly #options: BenchOptions;
  readonly #around: Surroundings;
  readonly #programs: BrowserPrograms;
  readonly #assets: readonly Asset[];
  readonly #steps: readonly Step[];
  readonly #progress: Progress;

  constructor(
    options: BenchOptions,
    around: Surroundings,
    programs: BrowserPrograms,
    assets: readonly Asset[],
  ) {
    this.#options = options;
    this.#around = around;
    this.#programs = programs;
    this.#assets = assets;
    this.shaper = options.shaper;
    this.#steps = plan(options.setup, options.seed);
    const bytes = totalBytes(assets);
    this.#progress = new Progress(
      options.setup.rates.flatMap((rate) =>
        this.#steps.map((step) =>
          Math.min(guessMs(step, rate, bytes), options.scenario.patienceMs ?? Infinity),
        ),
      ),
      around.log,
    );
  }

  /** All trials at one rate of the origin. @throws {Unsupported} */
  async network(rate: number): Promise<void> {
    const { scenario, setup, shaper, seed } = this.#options;
    const { createNet, log, signal } = this.#around;
    const net = guarded(await createNet({ shaper, seed }), signal);
    try {
      this.shaper = net.shaper;
      log(`shaper ${net.shaper}: ${net.why}`);
      this.notes.add(`shaper ${net.shaper}: ${net.why}`);
      const lacking = net.shaper === 'proxy' && needsTc(scenario, setup);
      if (lacking) throw new Unsupported(`${lacking} needs the tc shaper, but ${net.why}`);
      const lab = await openLab({
        ...this.#around,
        ...{ net, scenario, setup, rate, programs: this.#programs, assets: this.#assets },
      });
      for (const note of lab.notes) this.notes.add(note);
      await this.#measure(net, 'before');
      await this.#lookAround(net);
      for (const step of this.#steps) await this.#trial(lab, step, rate);
      await this.#lookAround(net);
      await lab.quiet();
      await this.#measure(net, 'after');
    } finally {
      await net.close();
    }
  }

  /** Another lab takes processors in bursts, so that no look at the load has to see it. */
  async #lookAround({ shaper }: Net): Promise<void> {
    if (shaper === 'tc' && (await otherOwners()) > 0)
      this.notes.add(
        'another lab was at work on this machine: what binds to processors took longer',
      );
  }

  async #measure(net: Net, when: 'before' | 'after'): Promise<void> {
    const found = await net.measure(when).catch((error): LinkMeasurement[] => {
      this.#around.signal.throwIfAborted();
      // What was measured between is kept, but nobody knows over which links.
      this.unmeasured.push(`the links could not be measured ${when}: ${(error as Error).message}`);
      return [];
    });
    this.links.push(...found);
    if (found.length === 0) return;
    const worst = Math.max(...found.map(({ error }) => Math.abs(error)));
    this.#around.log(`${when}: limited links are at most ${(worst * 100).toFixed(1)} % off`);
  }

  async #trial(lab: Lab, { mode, grid, run }: Step, rate: number): Promise<void> {
    const { scenario, scriptFrom, timeoutMs } = this.#options;
    const { signal } = this.#around;
    const assetBytes = totalBytes(this.#assets);
    const trial = await runTrial({
      lab,
      scenario,
      mode: modeOf(mode),
      grid,
      rateBytesPerSecond: rate,
      run,
      assets: this.#assets,
      scriptFrom,
      timeoutMs: timeoutMs ?? scenario.patienceMs ?? patience(grid.leechers, assetBytes, rate),
    }).catch((error): Trial => {
      signal.throwIfAborted();
      if (error instanceof Unsupported) throw error;
      // Such as a seeder that never got ready: every load of this trial failed.
      const where = { mode, rateBytesPerSecond: rate, run };
      const rows = Array.from({ length: grid.leechers }, (_, index): ResultRow => {
        const row = { scenario: scenario.name, ...where, ...grid, peer: index + 1 };
        return { ...row, loadMs: null, bytes: null, ok: false, error: (error as Error).message };
      });
      return { ...where, grid, rows, originBytes: 0, assetBytes, lies: false };
    });
    // Its browsers may have been ended, which its rows would tell as failed loads.
    signal.throwIfAborted();
    this.trials.push(trial);
    const lines = trial.rows.map((row) => `${JSON.stringify(row)}\n`);
    appendFileSync(join(this.#around.out, 'results.jsonl'), lines.join(''));
    const { rows, grid: _, ...told } = trial;
    const row: TrialRow = { ...told, ...grid };
    appendFileSync(join(this.#around.out, 'trials.jsonl'), `${JSON.stringify(row)}\n`);
    this.#progress.trial(trial);
  }
}

/** Longest a load may take: three times HTTP's share of the origin, and half a minute. */
function patience(leechers: number, bytes: number, rate: number): number {
  return 30_000 + (rate === 0 ? 30_000 : (3 * leechers * bytes * 1000) / rate);
}
