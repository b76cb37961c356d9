import assert from 'node:assert/strict';
import { photoSite } from '../origin/assets.ts';
import { fluidLimits } from './limits.ts';
import { parseOptions } from './options.ts';

const RATE = 512_000;

async function limitOf(seeders: number, ...args: string[]): Promise<number | null> {
  const options = parseOptions(args);
  assert.ok(options !== 'help');
  const limit = await fluidLimits(options, await photoSite());
  return limit({ mode: 'zauberflote', seeders, leechers: 2, rateBytesPerSecond: RATE });
}

describe('The fluid limit of a cell', () => {
  it('does not take a liar for one who holds it', async () => {
    const [photo] = await photoSite();
    const copyMs = (photo!.body.length / RATE) * 1000;
    assert.equal(await limitOf(1, 'poison'), copyMs);
    assert.equal(await limitOf(2, 'poison'), null);
    assert.equal(await limitOf(1, 'fig3'), null);
  });

  it('does not count what a liar sends', async () => {
    const up = ['--peer-up', '10KB'];
    assert.equal(await limitOf(4, 'poison', ...up), await limitOf(3, 'fig3', ...up));
    assert.notEqual(await limitOf(4, 'poison', ...up), await limitOf(4, 'fig3', ...up));
  });
});
