import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { seeded } from '../../demo/random.ts';
import type { Sample } from './soak.ts';
import { soak } from './soak.ts';

const MAIN = fileURLToPath(new URL('soak-main.ts', import.meta.url));

describe('lab/load: soak', () => {
  it('keeps a tracker under churn, and its memory where it was', async () => {
    const heard: Sample[] = [];
    const sizes = {
      seconds: 15,
      clients: 150,
      churnPerSecond: 120,
      introductionsPerSecond: 60,
      swarmSize: 30,
      sampleSeconds: 5,
      settledAfterSeconds: 5,
    };
    const result = await soak(sizes, undefined, seeded(1), (sample) => heard.push(sample));
    assert.deepEqual(
      heard.map(({ atSeconds }) => atSeconds),
      [5, 10, 15],
    );
    assert.deepEqual(result.samples, heard);
    // Who is busy is spared, so a few fewer than could come.
    assert.ok(
      result.arrivals > 900 && result.arrivals <= 150 + 15 * 240,
      `${result.arrivals} came`,
    );
    assert.ok(result.introductions > 100, `${result.introductions} introductions`);
    assert.ok(result.cutShort < result.introductions / 4, `${result.cutShort} cut short`);
    // Were each that left kept, with its socket, it would be some 15 % more.
    assert.ok(result.growth < 1.12, `memory grew to ${result.growth} times`);
  });

  const refused: readonly (readonly [string, string[], RegExp])[] = [
    ['no file', [], /--out FILE .* required/],
    ['too short a time', ['--out', 'x', '--minutes', '5'], /from 6 to 1440, not '5'/],
    ['an unknown option', ['--fast'], /--fast/],
  ];
  for (const [what, args, message] of refused)
    it(`refuses ${what}`, (done) => {
      execFile(process.execPath, [MAIN, ...args], (error, _stdout, stderr) => {
        assert.equal(error?.code, 2);
        assert.match(stderr, message);
        done();
      });
    });
});
