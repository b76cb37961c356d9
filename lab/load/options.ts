import { parseArgs } from 'node:util';
import { MAX_CONNECTIONS } from './protocol.ts';

export const USAGE = `Usage: npm run load -- --out FILE [options]

Measures the tracker of Zauberflöte beside bittorrent-tracker: introductions (ask, offer, answer)
per second of processor time, bytes on the wire, memory per connection, and latency. Linux only;
everything stays on the loopback interface.

Options:
  --out FILE         where the JSON goes (required)
  --quick            small numbers, under a minute
  --connections N    idle connections during the latency measurement, 100 to ${MAX_CONNECTIONS - 1_000}
                     (default 10000; with --quick 1000)
  --seed N           whole number from which all chance comes (default 1)
  --help             print this and exit
`;

/** How much is done; every number is per tracker. */
export interface Sizes {
  /** Idle connections beside those that ask, while latency is measured. */
  readonly connections: number;
  /** Connections that ask and answer. */
  readonly active: number;
  /** Peers in each swarm of those. */
  readonly swarmSize: number;
  /** Connections over which memory is measured. */
  readonly memoryConnections: number;
  /** Introductions in each round at full load; as many go before to warm up, once. */
  readonly introductions: number;
  readonly rounds: number;
  /** Visitors asking at a time at full load. */
  readonly window: number;
  readonly latency: { readonly perSecond: number; readonly count: number };
  /** What changes in turn while all else stays: peers in one swarm, and swarms; empty: not done. */
  readonly scaling: {
    /** Ascending; each divides the last, which is how many are connected. */
    readonly peersInOneSwarm: readonly number[];
    readonly swarms: readonly number[];
    /** While swarms are varied; each is in as many as it takes for two peers in each. */
    readonly connections: number;
    readonly introductions: number;
  };
}

const FULL: Sizes = {
  connections: 10_000,
  active: 1_000,
  swarmSize: 50,
  memoryConnections: 5_000,
  introductions: 20_000,
  rounds: 3,
  window: 64,
  latency: { perSecond: 1_000, count: 10_000 },
  scaling: {
    peersInOneSwarm: [100, 10_000],
    swarms: [10, 10_000],
    connections: 2_000,
    introductions: 10_000,
  },
};

const QUICK: Sizes = {
  connections: 1_000,
  // As many as are timed: a tracker that has to wait for a processor is no failure of one that is not pinned.
  active: 450,
  swarmSize: 50,
  memoryConnections: 1_000,
  introductions: 2_000,
  rounds: 2,
  window: 32,
  latency: { perSecond: 300, count: 450 },
  scaling: { peersInOneSwarm: [], swarms: [], connections: 0, introductions: 0 },
};

export type Command =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'run';
      readonly out: string;
      readonly seed: number;
      readonly quick: boolean;
      readonly sizes: Sizes;
    };

/** @throws {Error} for people, if the arguments make no sense */
export function parse(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      out: { type: 'string' },
      quick: { type: 'boolean', default: false },
      connections: { type: 'string' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  if (!values.out) throw new Error('--out FILE says where the JSON goes, and is required');
  const base = values.quick ? QUICK : FULL;
  const connections =
    values.connections === undefined
      ? base.connections
      : whole('--connections', values.connections, 100, MAX_CONNECTIONS - FULL.active);
  const sizes = {
    ...base,
    connections,
    memoryConnections: Math.min(connections, base.memoryConnections),
  };
  const seed = whole('--seed', values.seed, 0, 2 ** 32 - 1);
  return { kind: 'run', out: values.out, seed, quick: values.quick, sizes };
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new Error(`${name} takes a whole number from ${least} to ${most}, not '${text}'`);
}
