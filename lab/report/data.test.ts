import assert from 'node:assert/strict';
import type { Cell, Summary } from '../results.ts';
import { cellsCsv, datFiles } from './data.ts';
import { experiment, grid, type Place } from './fixtures.ts';

const of = (scenario: string, places: readonly Place[], over: Partial<Summary> = {}): Summary =>
  experiment({ scenario, places, modes: ['zauberflote', 'http'], over }).summary;

/** As gnuplot and NumPy read it: without what stands behind #. */
function numbers(text: string): number[][] {
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim());
  return lines.filter((line) => line !== '').map((line) => line.split(/\s+/).map(Number));
}

const DIAGONAL = [1, 2, 5].map((n) => ({ seeders: n, leechers: n, rate: 512_000 }));

describe('numbers for other programs', () => {
  it('stand in columns as behind the paper’s figure 3: n, then a mode each', () => {
    const summary = of('fig3', DIAGONAL);
    const [file, ...more] = datFiles(summary);
    assert.deepEqual([file?.name, more], ['fig3-means-512000.dat', []]);
    assert.match(file!.text, /^# n\thttp\tzauberflote\thttp-ci95\tzauberflote-ci95$/m);
    const at = (mode: string, n: number): Cell =>
      summary.cells.find((cell) => cell.mode === mode && cell.leechers === n) ?? assert.fail();
    const rows = numbers(file!.text);
    assert.deepEqual(
      rows.map(([n]) => n),
      [1, 2, 5],
    );
    for (const [n, http, ours, httpBound, bound] of rows as [
      number,
      number,
      number,
      number,
      number,
    ][])
      assert.deepEqual(
        [http, ours, httpBound, bound].map((ms) => ms.toFixed(3)),
        [
          at('http', n).meanMs,
          at('zauberflote', n).meanMs,
          at('http', n).ci95Ms,
          at('zauberflote', n).ci95Ms,
        ].map((ms) => ms?.toFixed(3)),
      );
  });

  it('stand as behind its figure 2: seeders, leechers, a mode each; rows of the grid apart', () => {
    const [file] = datFiles(of('fig2', grid(3, 512_000)));
    assert.deepEqual(
      numbers(file!.text).map(([seeders, leechers]) => [seeders, leechers]),
      grid(3, 0).map(({ seeders, leechers }) => [seeders, leechers]),
    );
    assert.equal(file!.text.match(/\n\n/g)?.length, 2);
    assert.match(file!.text, /^# seeders\tleechers\thttp\tzauberflote\t/m);
    assert.match(file!.text, /^2\t1\t\d/m);
  });

  it('have a file for each rate, and no gap where a line goes through', () => {
    const places = [64_000, 0].flatMap((rate) =>
      [2, 5].map((leechers) => ({ seeders: 0, leechers, rate })),
    );
    const files = datFiles(of('flash', places));
    assert.deepEqual(
      files.map(({ name }) => name),
      ['flash-means-unlimited.dat', 'flash-means-64000.dat'],
    );
    for (const { text } of files) {
      assert.doesNotMatch(text, /\n\n/);
      assert.match(
        text,
        /^# settings: origin .*\. Links: round trips 50 ms longer, 1 % of packets lost\.$/m,
      );
    }
  });

  it('say NaN, or nothing, where no load succeeded, and a verdict that spoils them', () => {
    const spoilt = { verdict: 'void' as const, why: ['origin:\n9 % off'] };
    const { summary } = experiment({ scenario: 'fig3', places: DIAGONAL, failing: 1.1 });
    const [file] = datFiles({ ...summary, ...spoilt });
    assert.match(file!.text, /^# verdict: void; origin: 9 % off$/m);
    assert.match(file!.text, /^1\tNaN\tNaN/m);
    const [head, line] = cellsCsv({ ...summary, ...spoilt }).split('\n');
    assert.match(head!, /^scenario,verdict,mode,seeders,leechers,.*,meanMs,ci95Ms,/);
    assert.match(line!, /^fig3,void,http,1,1,512000,3,3,,,/);
    assert.equal(line!.split(',').length, head!.split(',').length);
  });
});
