import assert from 'node:assert/strict';
import { pageSite, photoSite, totalBytes } from '../origin/assets.ts';
import { sentBytes } from '../origin/scripts.ts';
import { fluidLimits, fromOrigin } from './limits.ts';
import { parseOptions } from './options.ts';

const RATE = 512_000;

async function limitOf(seeders: number, ...args: string[]): Promise<number | null> {
  const options = parseOptions(args);
  assert.ok(options !== 'help');
  const assets = await photoSite();
  const limit = fluidLimits(options, assets, await fromOrigin(options, assets));
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

  it('takes a slow seeder for as much of one as it can send', async () => {
    const [photo] = await photoSite();
    const up = ['--peer-up', '100KB'];
    const sent = RATE + (3 + 2) * 100_000 + 16_000;
    const limit = await limitOf(4, 'slow-peer', ...up);
    assert.ok(Math.abs((limit as number) - ((2 * photo!.body.length) / sent) * 1000) < 1e-6);
    assert.equal(
      await limitOf(4, 'slow-peer', '--peer-up', '16KB'),
      await limitOf(4, 'fig3', '--peer-up', '16KB'),
    );
  });

  it('counts files of a site as they are sent, some of them compressed', () => {
    const options = parseOptions(['site']);
    assert.ok(options !== 'help');
    const assets = pageSite();
    const sent = assets.reduce((sum, asset) => sum + sentBytes(asset), 0);
    assert.ok(sent < totalBytes(assets), `${sent} bytes`);
    const limit = fluidLimits(options, assets, {});
    for (const mode of ['http', 'zauberflote'])
      assert.equal(
        limit({ mode, seeders: 0, leechers: 1, rateBytesPerSecond: RATE }),
        (sent / RATE) * 1000,
      );
  });

  it('has page and script of each leecher in it where the limited origin sends them', async () => {
    const options = parseOptions(['flash', '--script-from', 'origin', '--modes', 'zauberflote']);
    assert.ok(options !== 'help');
    const assets = await photoSite();
    const extra = await fromOrigin(options, assets);
    const { pageBytes, scriptBytes } = extra.zauberflote!;
    assert.ok(pageBytes > 1000 && scriptBytes > 10_000, JSON.stringify(extra));
    const limit = fluidLimits(options, assets, extra);
    const crowd = { seeders: 0, leechers: 10, rateBytesPerSecond: 64_000 };
    const bytes = assets[0]!.body.length + 10 * (pageBytes + scriptBytes);
    assert.equal(limit({ mode: 'zauberflote', ...crowd }), (bytes / 64_000) * 1000);
  });
});
