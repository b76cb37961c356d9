import { FILM_SECONDS } from '../origin/assets.ts';
import { allShown, fromPeers, nothingFromPeers } from './checks.ts';
import type { Grid, Scenario, Setup } from './types.ts';

/** Bytes in the KB of a rate, as tc counts them. */
export const KB = 1000;

/** The paper's origin: its recipe says 512 KB/s, its text 64 (DESIGN section 7). */
const RECIPE = 512 * KB;

export const SETUP: Setup = {
  modes: ['http', 'zauberflote', 'webtorrent'],
  cells: [],
  rates: [RECIPE],
  peerUp: 0,
  peerDown: 0,
  rttMs: 0,
  loss: 0,
  runs: 3,
};

export function diagonal(...sizes: number[]): Grid[] {
  return sizes.map((n) => ({ seeders: n, leechers: n }));
}

export function grid(seeders: readonly number[], leechers: readonly number[]): Grid[] {
  return seeders.flatMap((s) => leechers.map((l) => ({ seeders: s, leechers: l })));
}

export const fig2: Scenario = {
  name: 'fig2',
  about: "the paper's figure 2: every number of seeders with every number of leechers",
  site: 'photo',
  setup: {
    ...SETUP,
    modes: ['http-unlimited', 'zauberflote', 'webtorrent'],
    cells: grid([1, 2, 5, 10], [1, 2, 5, 10]),
  },
  quick: { modes: ['http-unlimited', 'zauberflote'], cells: grid([1, 4], [1, 4]), runs: 1 },
  full: { cells: grid([1, 2, 5, 10, 15, 20], [1, 2, 5, 10, 15, 20]), runs: 5 },
  checks: [allShown(), fromPeers('zauberflote', 0.5), nothingFromPeers('control-no-peers')],
};

export const fig3: Scenario = {
  name: 'fig3',
  about: "the paper's figure 3: n seeders and n leechers, beside plain HTTP",
  site: 'photo',
  shape: 'diagonal',
  setup: { ...SETUP, cells: diagonal(1, 2, 5, 10) },
  quick: { cells: diagonal(1, 3, 6), runs: 1 },
  full: { cells: diagonal(1, 2, 5, 10, 15, 20, 25, 33) },
  checks: [
    allShown(),
    fromPeers('zauberflote', 0.5),
    nothingFromPeers('control-no-peers'),
    nothingFromPeers('http'),
  ],
};

export const flash: Scenario = {
  name: 'flash',
  about: 'a flash crowd: nobody has it, all come at once',
  site: 'photo',
  setup: {
    ...SETUP,
    modes: ['http', 'zauberflote', 'webtorrent', 'webtorrent-rarest'],
    cells: grid([0], [2, 5, 10]),
  },
  quick: { cells: grid([0], [2, 6]), runs: 1 },
  full: { cells: grid([0], [2, 5, 10, 20, 33]), rates: [RECIPE, 64 * KB] },
  checks: [allShown()],
};

export const twoTrackers: Scenario = {
  name: 'two-trackers',
  about: 'a flash crowd whose visitors are at two trackers, beside one at a single one',
  site: 'photo',
  setup: {
    ...SETUP,
    modes: ['zauberflote', 'zauberflote-two-trackers'],
    cells: grid([0], [10]),
    rates: [64 * KB],
  },
  quick: { cells: grid([0], [4]), runs: 1 },
  checks: [allShown(), fromPeers('zauberflote', 0.5), fromPeers('zauberflote-two-trackers', 0.5)],
};

export const lone: Scenario = {
  name: 'lone',
  about: 'one visitor and nobody else: what having the client costs',
  site: 'photo',
  setup: { ...SETUP, cells: grid([0], [1]), runs: 10 },
  quick: { runs: 4 },
  full: { runs: 30, rates: [RECIPE, 64 * KB, 0] },
  checks: [allShown(), nothingFromPeers('zauberflote')],
};

export const site: Scenario = {
  name: 'site',
  about: 'a page of 30 files as many pages are: stylesheets, scripts, icons, pictures',
  site: 'page',
  setup: { ...SETUP, modes: ['http', 'zauberflote'], cells: grid([2], [1, 5]) },
  quick: { cells: grid([2], [3]), runs: 1 },
  checks: [allShown(), fromPeers('zauberflote', 0.5)],
};

export const bulk: Scenario = {
  name: 'bulk',
  about: 'one visitor gets 100 MiB from another; beside a bare data channel between the same two',
  site: 'bulk',
  setup: {
    ...SETUP,
    modes: ['zauberflote', 'bare-channel'],
    cells: grid([1], [1]),
    // Slow: what comes from the origin is not what is measured.
    rates: [64 * KB],
    runs: 5,
  },
  quick: { runs: 1 },
  patienceMs: 120_000,
  checks: [allShown(), fromPeers('zauberflote', 0.9)],
};

export const firstByte: Scenario = {
  name: 'first-byte',
  about: 'one visitor far away from three others: when the first content comes from a peer',
  site: 'photo',
  setup: {
    ...SETUP,
    modes: ['zauberflote', 'webtorrent'],
    cells: grid([3], [1]),
    rttMs: 50,
    runs: 10,
  },
  quick: { runs: 2 },
  checks: [allShown(), fromPeers('zauberflote', 0.3)],
};

export const media: Scenario = {
  name: 'media',
  about: `all play a film of ${FILM_SECONDS} s and 1 Mbit/s while it comes: how long they wait for it, before and in it`,
  site: 'film',
  setup: { ...SETUP, cells: grid([0], [1, 5, 10]) },
  quick: { cells: grid([0], [4]), runs: 1 },
  checks: [allShown(), nothingFromPeers('http')],
};
