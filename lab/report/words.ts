/** What a reader is told about a scenario, its verdict and how to run it again. */
import type { Mark } from '../modes/marks.ts';
import type { Conditions, Summary } from '../results.ts';
import { SCENARIOS as SETUPS } from '../scenarios/index.ts';

const SCENARIOS: Readonly<Record<string, string>> = {
  fig2: 'Figure 2 of the paper: load time over the numbers of seeders and leechers.',
  fig3: 'Figure 3 of the paper, the “reddit effect”: n visitors hold the image, n more come for it, and the origin is slow.',
  flash:
    'Flash crowd: everybody comes at once, and where there are no seeders, nobody holds the image.',
  'two-trackers':
    'The same where every other visitor is at another tracker, which a Redis joins to the first.',
  'first-byte':
    'Far away: when the first content comes from a peer, and what takes the time until then.',
  bulk: '100 MiB from one visitor to another, beside a bare data channel between the same two.',
  lone: 'A lone visitor without any peer: what the library costs.',
  churn: 'Churn: seeders vanish in the middle of a transfer.',
  poison: 'Poison: some of the seeders send wrong bytes.',
  'slow-peer': 'Slow peer: one of the seeders hardly sends.',
  'origin-down': 'The origin is down: peers are all there is.',
  'tracker-down': 'The tracker is down: the origin must do.',
  rangeless: 'A flash crowd whose origin answers each range with the whole file.',
  nat: 'Every peer behind a network address translator.',
  site: 'A whole converted page of about 30 assets.',
  media:
    'Media: all play a film of 1 Mbit/s while it comes. Times are what a viewer waits, before it begins and in the midst of it.',
};

/** The order in which they are told. */
export const SCENARIO_ORDER: readonly string[] = Object.keys(SCENARIOS);

export function aboutScenario(scenario: string): string {
  return Object.hasOwn(SCENARIOS, scenario) ? SCENARIOS[scenario]! : `Scenario ${scenario}.`;
}

export const VERDICTS: Readonly<Record<Summary['verdict'], { mark: string; words: string }>> = {
  ok: { mark: '✓', words: 'Every check of this scenario held; rivals are told, not judged.' },
  failed: {
    mark: '✕',
    words:
      'No link was found to be off, but a check of this scenario did not hold, or it ended early.',
  },
  void: {
    mark: '⊘',
    words:
      'A link was off or could not be measured, or a break never happened: figures of this run mean nothing.',
  },
  unsupported: { mark: '–', words: 'This could not be run here.' },
};

function quoted(word: string): string {
  return /^[\w.,:/=%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Flags of the bench by the names under which it records its options, and how they are written. */
const FLAGS: Readonly<Record<string, readonly [flag: string, write: (value: unknown) => string]>> =
  {
    rates: ['--rate', String],
    peerUp: ['--peer-up', String],
    peerDown: ['--peer-down', String],
    rttMs: ['--rtt', (ms) => `${ms}ms`],
    loss: ['--loss', (share) => `${Number((Number(share) * 100).toPrecision(6))}%`],
    modes: ['--modes', String],
    runs: ['--runs', String],
    scriptFrom: ['--script-from', String],
    timeoutMs: ['--timeout', (ms) => `${ms}ms`],
  };

/** 0 stands for none of them, and is written only where the scenario has some by itself. */
const ZERO_IS_NONE = ['peerUp', 'peerDown', 'rttMs', 'loss'] as const;

/** Those of a scenario that 0 takes away. */
function nonZero(scenario: string): Set<string> {
  const setup = SETUPS.find(({ name }) => name === scenario)?.setup;
  return new Set(ZERO_IS_NONE.filter((name) => setup && setup[name] !== 0));
}

function gridFlags(cells: unknown): string[] {
  if (!Array.isArray(cells) || cells.length === 0) return [];
  const pairs = cells as readonly { seeders: number; leechers: number }[];
  const list = (values: number[]): string => [...new Set(values)].join(',');
  if (pairs.every(({ seeders, leechers }) => seeders === leechers))
    return ['--n', list(pairs.map(({ seeders }) => seeders))];
  return [
    '--seeders',
    list(pairs.map(({ seeders }) => seeders)),
    '--leechers',
    list(pairs.map(({ leechers }) => leechers)),
  ];
}

/**
 * The command line that runs a scenario again. Everything that shapes the run is spelled out, so
 * that it means the same when defaults have changed.
 */
export function commandOf({ scenario, conditions }: Summary): string {
  const { options, shaper, seed } = conditions;
  const words = ['npm run bench --', quoted(scenario), ...gridFlags(options.cells)];
  const limited = nonZero(scenario);
  for (const [name, [flag, write]] of Object.entries(FLAGS)) {
    const value = options[name];
    if (value === undefined || value === null) continue;
    if (value === 0 && ZERO_IS_NONE.some((none) => none === name) && !limited.has(name)) continue;
    words.push(flag, quoted(write(value)));
  }
  return [...words, '--shaper', quoted(shaper), '--seed', String(seed)].join(' ');
}

/** How the bytes that left the origin were counted, which depends on who shaped its link. */
export function countedBy({ shaper }: Conditions): string {
  if (shaper === 'tc') return 'by kernel counters';
  if (shaper === 'proxy')
    return 'by the lab’s proxy in front of it, which sees what packets hold, not their headers';
  return `by shaper ${shaper}`;
}

/** "2 cores, 24.0 GiB, Linux 6.1, links shaped by tc" */
export function machineOf({ cores, memoryBytes, kernel, shaper }: Conditions): string {
  return `${cores} cores, ${(memoryBytes / 2 ** 30).toFixed(1)} GiB, ${kernel}, shaper ${shaper}`;
}

export function commitOf({ commit, dirty }: Conditions): string {
  const state =
    dirty === null ? ' (changed or not: unknown)' : dirty ? ' with uncommitted changes' : '';
  return `${commit.slice(0, 12)}${state}`;
}

/**
 * Load averages of one minute in words; null where none was recorded. More runnable processes than
 * cores before anything has begun means that the machine had other work.
 */
export function loadAverageOf(before: unknown, after: unknown, cores: unknown): string | null {
  const said = [
    ...(typeof before === 'number' ? [`${before.toFixed(2)} before`] : []),
    ...(typeof after === 'number' ? [`${after.toFixed(2)} after`] : []),
  ];
  if (said.length === 0) return null;
  const busy = typeof before === 'number' && typeof cores === 'number' && before > cores;
  return `load average of one minute ${said.join(', ')}${busy ? ': the machine had just had other work' : ''}`;
}

/** What each step to a peer's first byte is called. */
export const MARK_WORDS: Readonly<Record<Mark, string>> = {
  page: 'Page there',
  script: 'Script there',
  socket: 'Socket asked for',
  socketOpen: 'Socket open',
  tracker: 'Tracker spoke',
  connection: 'Connection made',
  local: 'Own description',
  remote: 'Peer’s description',
  channel: 'Channel open',
  firstByte: 'First content',
};
