import type { Trial } from '../scenarios/index.ts';
import { mean } from '../stats/index.ts';
import { showRate, showTime } from './units.ts';

/** Counts trials and says when the last will be done. */
export class Progress {
  readonly #log: (line: string) => void;
  readonly #total: number;
  readonly #guesses: number[];
  readonly #start = Date.now();
  #done = 0;
  #guessed = 0;

  /** @param guesses of each trial's time in ms, in order */
  constructor(guesses: readonly number[], log: (line: string) => void) {
    this.#guesses = [...guesses];
    this.#total = guesses.length;
    this.#log = log;
  }

  trial({ mode, grid, rateBytesPerSecond, run, rows, originBytes, assetBytes }: Trial): void {
    this.#guessed += this.#guesses.shift() ?? 0;
    this.#done++;
    const times = rows.flatMap(({ ok, loadMs }) => (ok && loadMs !== null ? [loadMs] : []));
    const failed = rows.filter(({ ok }) => !ok);
    // What was guessed is put right by what it took so far.
    const ahead = this.#guesses.reduce((sum, guess) => sum + guess, 0);
    const eta = (ahead * (Date.now() - this.#start)) / this.#guessed;
    this.#log(
      [
        `[${this.#done}/${this.#total}]`,
        `${grid.seeders}:${grid.leechers}`,
        showRate(rateBytesPerSecond),
        `run ${run}`,
        mode.padEnd(16),
        times.length > 0 ? `mean ${Math.round(mean(times))} ms,` : 'no good load,',
        ...(failed.length > 0 ? [`${failed.length} FAILED (${failed[0]?.error}),`] : []),
        `origin ${(originBytes / assetBytes).toFixed(2)} copies`,
        ...(ahead > 0 ? [`(${showTime(eta)} to go)`] : []),
      ].join(' '),
    );
  }
}
