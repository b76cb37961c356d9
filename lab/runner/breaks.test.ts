import assert from 'node:assert/strict';
import type { Break } from '../scenarios/index.ts';
import { Breaks, tooLate } from './breaks.ts';

const STOP: Break = { at: 'before', what: 'stop origin' };

describe('What a scenario breaks', () => {
  const made = async (planned: readonly Break[], start: number, found = true) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done: string[] = [];
    const breaks = new Breaks(planned, async ({ what }) => {
      done.push(what);
      if (done.length === planned.length) resolve();
      return found;
    });
    await breaks.before();
    const before = [...done];
    breaks.from(start);
    return { breaks, before, done, all: promise };
  };

  it('breaks before the leechers come, or at its time', async () => {
    const { breaks, before, done, all } = await made(
      [STOP, { at: 30, what: 'stop tracker' }],
      Date.now(),
    );
    assert.deepEqual(before, ['stop origin']);
    await all;
    assert.deepEqual(await breaks.end(), []);
    assert.deepEqual(done, ['stop origin', 'stop tracker']);
  });

  it('is told when the last load ended before it, and is not done late', async () => {
    const later: Break = { at: 1_500, what: 'kill seeders', share: 0.5 };
    const { breaks, done } = await made([later], Date.now() + 3_600_000);
    const missed = await breaks.end();
    assert.equal(missed.length, 1);
    assert.match(missed[0]!, /'kill seeders' was due 1500 ms .* the last load had ended .*--rate/);
    assert.deepEqual(done, []);
  });

  it('is told when it came after most loads had ended', () => {
    const later: Break = { at: 1_500, what: 'kill seeders', share: 0.5 };
    assert.deepEqual(tooLate([later, STOP], [1_400, 1_600, 1_400, null]), []);
    assert.match(
      tooLate([later, STOP], [1_400, 1_600, 1_400, 1_300]).join(),
      /3 of 4 loads had ended before 'kill seeders', which came after 1500 ms/,
    );
  });

  it('is told when there was nothing to break', async () => {
    const { breaks } = await made([STOP], Date.now(), false);
    assert.match((await breaks.end()).join(), /'stop origin' found nothing to break/);
  });

  it('is an error when it goes wrong', async () => {
    const breaks = new Breaks([{ ...STOP, at: 0 }], async () => {
      throw new Error('no such process');
    });
    breaks.from(Date.now() - 1000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await assert.rejects(breaks.end(), /no such process/);
  });
});
