import { allShown, fromPeers, nothingFromPeers, wasLiedTo } from './checks.ts';
import { grid, KB, SETUP } from './paper.ts';
import type { Scenario } from './types.ts';

/** Slow enough that what happens after half a second happens in the middle of a load. */
const SLOW_PEERS = 128 * KB;

const TROUBLED = ['http', 'zauberflote', 'zauberflote-undisturbed', 'webtorrent'];

export const churn: Scenario = {
  name: 'churn',
  about: 'half of the seeders die in the middle of the load',
  site: 'photo',
  setup: {
    ...SETUP,
    modes: ['zauberflote', 'zauberflote-undisturbed', 'webtorrent'],
    cells: grid([4], [4]),
    peerUp: SLOW_PEERS,
  },
  quick: { runs: 1 },
  breaks: [{ at: 1_500, what: 'kill seeders', share: 0.5 }],
  // With the origin's 512 KB/s spent in full and no leecher sending, seeders still give 0.41.
  checks: [allShown(), fromPeers('zauberflote', 0.3)],
};

export const poison: Scenario = {
  name: 'poison',
  about: 'three of ten seeders lie: every larger message of them has a flipped bit',
  site: 'photo',
  setup: {
    ...SETUP,
    modes: ['zauberflote', 'zauberflote-undisturbed', 'webtorrent'],
    cells: grid([1, 4], [4]),
  },
  quick: { cells: grid([1, 3], [2]), runs: 1 },
  liars: 0.3,
  checks: [allShown(), wasLiedTo],
};

export const slowPeer: Scenario = {
  name: 'slow-peer',
  about: 'one seeder has an uplink of 16 KB/s, the others 1 MB/s',
  site: 'photo',
  setup: {
    ...SETUP,
    modes: ['zauberflote', 'zauberflote-undisturbed', 'webtorrent'],
    cells: grid([4], [2, 4]),
    peerUp: 1000 * KB,
  },
  quick: { cells: grid([3], [2]), runs: 1 },
  slowSeeder: 16 * KB,
  checks: [allShown(), fromPeers('zauberflote', 0.5)],
};

export const originDown: Scenario = {
  name: 'origin-down',
  about: 'the origin stops before the leechers come; the page itself comes from elsewhere',
  site: 'photo',
  setup: { ...SETUP, modes: TROUBLED, cells: grid([1, 4], [1, 4]) },
  quick: { cells: grid([2], [2]), runs: 1 },
  breaks: [{ at: 'before', what: 'stop origin' }],
  checks: [allShown('http'), fromPeers('zauberflote', 1)],
};

export const trackerDown: Scenario = {
  name: 'tracker-down',
  about: 'the tracker stops before the leechers come',
  site: 'photo',
  setup: { ...SETUP, modes: TROUBLED, cells: grid([2], [1, 4]) },
  quick: { cells: grid([2], [2]), runs: 1 },
  breaks: [{ at: 'before', what: 'stop tracker' }],
  checks: [allShown(), nothingFromPeers('zauberflote')],
};

export const rangeless: Scenario = {
  name: 'rangeless',
  about: 'a flash crowd at an origin that answers each range with the whole file',
  site: 'photo',
  setup: {
    ...SETUP,
    modes: ['http', 'zauberflote', 'webtorrent'],
    cells: grid([0], [4, 10]),
    rates: [64 * KB],
  },
  quick: { cells: grid([0], [4]), runs: 1 },
  ranges: false,
  checks: [allShown(), fromPeers('zauberflote', 0.5)],
};

export const nat: Scenario = {
  name: 'nat',
  about: 'every visitor is behind a router that lets nobody in; coturn relays',
  site: 'photo',
  setup: { ...SETUP, cells: grid([1, 4], [1, 4]) },
  quick: { cells: grid([2], [2]), runs: 1 },
  behindNat: true,
  checks: [allShown(), fromPeers('zauberflote', 0.5)],
};
