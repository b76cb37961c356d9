import { modeOf } from '../modes/index.ts';
import type { Asset } from '../origin/assets.ts';
import { pageBytes, scriptBytes, sentBytes } from '../origin/scripts.ts';
import { liarsOf } from '../scenarios/index.ts';
import { type CellKey, fluidLimitMs } from '../stats/index.ts';
import type { BenchOptions } from './options.ts';

/** What every leecher gets of page and script, by mode. */
export type FromOrigin = Readonly<
  Record<string, { readonly pageBytes: number; readonly scriptBytes: number }>
>;

/** Page and script of each mode, where the limited origin sends them; else none. */
export async function fromOrigin(
  { setup, scriptFrom }: BenchOptions,
  assets: readonly Asset[],
): Promise<FromOrigin> {
  const found: Record<string, FromOrigin[string]> = {};
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
      found[name] = { pageBytes: pageBytes(page), scriptBytes: await scriptBytes(page) };
    }
  return found;
}

/**
 * The fluid limit of each cell in ms. Where the limited origin sends page and script too, their
 * bytes are part of it. Assets count as the origin sends them whole, some of them compressed. Liars are no seeders: what they hold and send helps nobody; a slow one is as much of a
 * seeder as its uplink is of the others'.
 * @param extra as of {@link fromOrigin}
 */
export function fluidLimits(
  { scenario, setup }: BenchOptions,
  assets: readonly Asset[],
  extra: FromOrigin,
): (cell: CellKey) => number | null {
  const bytes = assets.reduce((sum, asset) => sum + sentBytes(asset), 0);
  const { slowSeeder, site } = scenario;
  const lacking = slowSeeder && setup.peerUp ? Math.max(0, 1 - slowSeeder / setup.peerUp) : 0;
  return ({ mode, seeders, leechers, rateBytesPerSecond }) => {
    // How long it takes is not what is measured.
    if (site === 'film') return null;
    const { undisturbed, unlimited } = modeOf(mode);
    const { pageBytes, scriptBytes } = extra[mode] ?? { pageBytes: 0, scriptBytes: 0 };
    return fluidLimitMs({
      bytes,
      seeders: undisturbed ? seeders : Math.max(0, seeders - liarsOf(scenario, seeders) - lacking),
      leechers,
      originBytesPerSecond: unlimited ? 0 : rateBytesPerSecond,
      peerUpBytesPerSecond: setup.peerUp,
      peerDownBytesPerSecond: setup.peerDown,
      extraOriginBytesPerLeecher: pageBytes + scriptBytes,
    });
  };
}
