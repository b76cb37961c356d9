import { parseArgs } from 'node:util';
import { MAX_PEERS } from '@zauberflote/tracker';
import { parseCount, parseMs, parseRate } from '../runner/units.ts';
import type { Scenario } from './scenario.ts';
import { DEFAULTS } from './scenario.ts';

export const USAGE = `Usage: npm run sim -- [options]

Simulates a swarm: the client's engine and the tracker's registry as they are, over modelled links.
The same options give the same result.

Options (a rate is as 64KB, of 1000 bytes, or 2Mbit, of 1,000,000 bits, a second; 0: not limited):
  --peers N           visitors who come for the content (default 1000)
  --seeders N         visitors who hold it from the start (default 0)
  --arrival TIME      in which the peers come, at random moments (default 10s)
  --origin-rate RATE  of the origin, for all together (default 64KB)
  --script-rate RATE  of the client's script, where a cache gives it and not the origin: visitors
                      take the origin for that fast (default 0: the origin gives it)
  --no-ranges         the origin answers every range with the whole, as of what it compresses
  --peer-up RATE      of each visitor (default 2Mbit)
  --peer-down RATE    of each visitor (default 8Mbit)
  --rtt TIME          between any two of visitors, tracker and origin (default 50ms)
  --churn SHARE       of the peers who leave without notice, 0 to 1: half of them while they
                      download, half after it (default 0.1)
  --crash SHARE       of the seeders who vanish without a word, as a process that is killed
                      (default 0)
  --crash-at TIME     when they do (default 1.5s)
  --bytes N           size of the content (default 786432)
  --play RATE         they play it at this rate while it comes (default 0: they want all of it)
  --seed N            whole number from which all chance comes (default 1)
  --beside N          more swarms like it that run in the same process, each by itself: what a larger
                      swarm costs is seen against as many peers in smaller ones, which share memory
                      and caches as its peers do (default 0)
  --out FILE          writes the result as JSON too
  --help              print this and exit
`;

/** Largest content, in bytes: the engine's own limit for what it takes from peers. */
const MAX_BYTES = 256 * 1024 * 1024;

export type Command =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'run';
      readonly scenario: Scenario;
      readonly beside: number;
      readonly out: string | undefined;
    };

/** @throws {Error} for people, if the arguments make no sense */
export function parse(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      peers: { type: 'string' },
      seeders: { type: 'string' },
      arrival: { type: 'string' },
      'origin-rate': { type: 'string' },
      'script-rate': { type: 'string' },
      'no-ranges': { type: 'boolean', default: false },
      'peer-up': { type: 'string' },
      'peer-down': { type: 'string' },
      rtt: { type: 'string' },
      churn: { type: 'string' },
      crash: { type: 'string' },
      'crash-at': { type: 'string' },
      bytes: { type: 'string' },
      play: { type: 'string' },
      seed: { type: 'string' },
      beside: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  const given = (
    option: keyof typeof values,
    read: (text: string) => number,
    otherwise: number,
  ) => {
    const text = values[option];
    if (typeof text !== 'string') return otherwise;
    try {
      return read(text);
    } catch (error) {
      throw new Error(`--${option}: ${(error as Error).message}`);
    }
  };
  const count = (least: number, most: number) => (text: string) => parseCount(text, least, most);
  const scenario: Scenario = {
    ...DEFAULTS,
    peers: given('peers', count(1, MAX_PEERS), DEFAULTS.peers),
    seeders: given('seeders', count(0, MAX_PEERS), DEFAULTS.seeders),
    arrivalMs: given('arrival', parseMs, DEFAULTS.arrivalMs),
    originBytesPerSecond: given('origin-rate', rate, DEFAULTS.originBytesPerSecond),
    scriptBytesPerSecond: given('script-rate', rate, DEFAULTS.scriptBytesPerSecond),
    ranges: !values['no-ranges'],
    peerUpBytesPerSecond: given('peer-up', rate, DEFAULTS.peerUpBytesPerSecond),
    peerDownBytesPerSecond: given('peer-down', rate, DEFAULTS.peerDownBytesPerSecond),
    rttMs: given('rtt', parseMs, DEFAULTS.rttMs),
    churn: given('churn', share, DEFAULTS.churn),
    crash: given('crash', share, DEFAULTS.crash),
    crashAtMs: given('crash-at', parseMs, DEFAULTS.crashAtMs),
    bytes: given('bytes', count(1, MAX_BYTES), DEFAULTS.bytes),
    playBytesPerSecond: given('play', rate, DEFAULTS.playBytesPerSecond),
    seed: given('seed', count(0, 2 ** 32 - 1), DEFAULTS.seed),
  };
  if (scenario.crash > 0 && scenario.seeders === 0)
    throw new Error('--crash is a share of the seeders, and there are none: add --seeders');
  return { kind: 'run', scenario, beside: given('beside', count(0, 1_000), 0), out: values.out };
}

/** A rate in bytes, as everywhere in the lab, or in bits, as lines are sold. */
function rate(text: string): number {
  const bits = /^(\d+(?:\.\d+)?)\s*([kM])bit(?:\/s)?$/.exec(text);
  if (!bits) return parseRate(text);
  const bytes = (Number(bits[1]) * (bits[2] === 'M' ? 1e6 : 1e3)) / 8;
  // What is out of the limits of the one is so in the other; it need not be a whole number of bytes.
  try {
    parseRate(`${bytes}B`);
  } catch {
    throw new Error(`'${text}' is out of range: give 8kbit to 8000Mbit, or 0 for no limit`);
  }
  return bytes;
}

function share(text: string): number {
  const value = Number(text);
  if (!/^[\d.]+$/.test(text) || !(value <= 1)) throw new Error(`'${text}' is not from 0 to 1`);
  return value;
}
