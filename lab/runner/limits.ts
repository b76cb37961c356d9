import { modeOf } from '../modes/index.ts';
import type { Asset } from '../origin/assets.ts';
import { scriptBytes } from '../origin/scripts.ts';
import { liarsOf } from '../scenarios/index.ts';
import { type CellKey, fluidLimitMs } from '../stats/index.ts';
import type { BenchOptions } from './options.ts';

/**
 * The fluid limit of each cell in ms. Where the limited origin sends page and script too, their
 * bytes are part of it. Liars are no seeders: what they hold and send helps nobody.
 */
export async function fluidLimits(
  { scenario, setup, scriptFrom }: BenchOptions,
  assets: readonly Asset[],
): Promise<(cell: CellKey) => number | null> {
  const extra = new Map<string, number>();
  if (scriptFrom === 'origin')
    for (const name of setup.modes) {
      // The addresses have about the length of real ones.
      const page = await modeOf(name).page({
        assets,
        assetBase: 'http://10.77.0.2:40000',
        tracker: 'ws://10.77.0.3:40000/',
        iceServers: [],
        liar: false,
        seeds: false,
      });
      extra.set(name, Buffer.byteLength(page) + scriptBytes(page));
    }
  const bytes = assets.reduce((sum, { body }) => sum + body.length, 0);
  return ({ mode, seeders, leechers, rateBytesPerSecond }) =>
    fluidLimitMs({
      bytes,
      seeders: modeOf(mode).undisturbed ? seeders : seeders - liarsOf(scenario, seeders),
      leechers,
      originBytesPerSecond: rateBytesPerSecond,
      peerUpBytesPerSecond: setup.peerUp,
      peerDownBytesPerSecond: setup.peerDown,
      extraOriginBytesPerLeecher: extra.get(mode) ?? 0,
    });
}
