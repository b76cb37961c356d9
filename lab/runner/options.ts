import { parseArgs } from 'node:util';
import { MODES, modeOf } from '../modes/index.ts';
import { type Grid, SCENARIOS, type Scenario, type Setup } from '../scenarios/index.ts';
import { parseCount, parseCounts, parseList, parseMs, parseRate, parseShare } from './units.ts';

/** What a bench is asked to do. */
export interface BenchOptions {
  readonly scenario: Scenario;
  readonly setup: Setup;
  readonly seed: number;
  readonly shaper: 'auto' | 'tc' | 'proxy';
  readonly scriptFrom: 'fast' | 'origin';
  /** Undefined: a new folder in lab/out. */
  readonly out: string | undefined;
  /** Longest a load may take, in ms; undefined: three times what HTTP would need, and 30 s. */
  readonly timeoutMs: number | undefined;
}

/** Most browsers for seeders, and for leechers; beyond, they get several windows, as the paper's. */
export const MOST_BROWSERS = 12;
/** Of a path: more than to the Moon and back. */
const MOST_RTT_MS = 10_000;
const SITES = {
  photo: 'the picture',
  page: 'the page of many files',
  bulk: 'the large file',
  film: 'the film',
} as const;
/** Most visitors of one kind: with more, a laptop does nothing but swap. */
const MOST_PEERS = 200;

export const USAGE = `Usage: npm run bench -- SCENARIO [options]

Real browsers load a real site over a shaped network, in several modes side by side.

Scenarios:
${SCENARIOS.map(({ name, about }) => `  ${name.padEnd(13)} ${about}`).join('\n')}

Modes: ${MODES.map(({ name }) => name).join(', ')}

Options (lists are parted by commas; 1 KB/s = 1000 bytes/s; without them, what the scenario declares):
  --n LIST           as many seeders as leechers, such as 1,2,5 or 1-10
  --seeders LIST     visitors that have it at the start
  --leechers LIST    visitors that come, all at once
  --rate LIST        of the origin, such as 64KB,512KB; 0 for not limited
  --peer-up RATE     of every visitor
  --peer-down RATE   of every visitor
  --rtt TIME         added to every round trip, such as 50ms
  --loss SHARE       of packets in each direction, such as 1%
  --modes LIST       which to run
  --runs N           of every mode in every cell
  --seed N           of the order of modes (default 1)
  --shaper WHICH     tc (network namespaces; Linux, root), proxy (anybody), auto (default)
  --script-from WHO  where page and client script come from: fast (an unlimited server, the same for
                     every mode; default) or origin (the limited one)
  --out DIR          for what lab/README.md tells of, such as report.html; no two runs in one folder
                     (default: lab/out/SCENARIO-DATE)
  --quick            small: under three minutes
  --full             large: as far as the paper went, or further
  --timeout TIME     longest a load may take, such as 60s
  --help             print this and exit

Exit codes: 0 done, 1 failed or void (a link was off, or what was to
break did not), 2 bad options, 3 cannot be run here.
`;

const OPTIONS = {
  n: { type: 'string' },
  seeders: { type: 'string' },
  leechers: { type: 'string' },
  rate: { type: 'string' },
  'peer-up': { type: 'string' },
  'peer-down': { type: 'string' },
  rtt: { type: 'string' },
  loss: { type: 'string' },
  modes: { type: 'string' },
  runs: { type: 'string' },
  seed: { type: 'string', default: '1' },
  shaper: { type: 'string', default: 'auto' },
  'script-from': { type: 'string', default: 'fast' },
  out: { type: 'string' },
  quick: { type: 'boolean', default: false },
  full: { type: 'boolean', default: false },
  timeout: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

/** As parseArgs, with its complaints in our words: its own tell of things nobody here wants. */
function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    const { message } = error as Error;
    const option = /'(?:-\w, )?(--?[\w-]+)/.exec(message)?.[1];
    if (/^Unknown option/.test(message)) throw new Error(`there is no option ${option}`);
    if (/argument (missing|is ambiguous)/.test(message)) throw new Error(`${option} needs a value`);
    throw error;
  }
}

/** @throws {Error} naming the option that is wrong and what it takes */
export function parseOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values, positionals } = read(args);
  if (values.help) return 'help';
  const names = SCENARIOS.map(({ name }) => name).join(', ');
  const [name, ...more] = positionals;
  if (name === undefined || more.length > 0)
    throw new Error(`give one scenario (${names}), not ${positionals.length}`);
  const scenario = SCENARIOS.find((candidate) => candidate.name === name);
  if (!scenario) throw new Error(`no scenario is called '${name}'; there are ${names}`);
  if (values.quick && values.full) throw new Error('--quick and --full exclude each other');
  if (values.full && !scenario.full)
    throw new Error(`${name} has no --full: there is no more to it`);

  const given = <T>(option: keyof typeof values, parse: (text: string) => T, otherwise: T): T => {
    const text = values[option];
    if (typeof text !== 'string') return otherwise;
    try {
      return parse(text);
    } catch (error) {
      throw new Error(`--${option}: ${(error as Error).message}`);
    }
  };
  const size = values.quick ? scenario.quick : values.full ? scenario.full : {};
  const base: Setup = { ...scenario.setup, ...size };
  const counts = (least: number) => (text: string) => parseCounts(text, least, MOST_PEERS);
  const setup: Setup = {
    modes: given('modes', (text) => parseList(text, (item) => modeOf(item).name), base.modes),
    cells: cells(scenario, base.cells, {
      n: given('n', counts(1), undefined),
      seeders: given('seeders', counts(0), undefined),
      leechers: given('leechers', counts(1), undefined),
    }),
    rates: given('rate', (text) => parseList(text, parseRate), base.rates),
    peerUp: given('peer-up', parseRate, base.peerUp),
    peerDown: given('peer-down', parseRate, base.peerDown),
    rttMs: given('rtt', (text) => parseMs(text, MOST_RTT_MS), base.rttMs),
    loss: given('loss', parseShare, base.loss),
    runs: given('runs', (text) => parseCount(text, 1, 1000), base.runs),
  };
  const unfit = setup.modes.find((mode) => !modeOf(mode).sites.includes(scenario.site));
  if (unfit) throw new Error(`--modes: ${unfit} cannot load ${SITES[scenario.site]} of ${name}`);
  const alone = needsOwnLink(scenario, setup);
  const largest = Math.max(...setup.cells.flatMap(({ seeders, leechers }) => [seeders, leechers]));
  if (alone && largest > MOST_BROWSERS)
    throw new Error(
      `${alone} needs a browser and a link for every visitor: give at most ${MOST_BROWSERS} ` +
        `seeders and ${MOST_BROWSERS} leechers, not ${largest} (beyond, visitors share them)`,
    );
  const shaper = oneOf('shaper', values.shaper, ['auto', 'tc', 'proxy']);
  if (shaper === 'proxy' && needsTc(scenario, setup))
    throw new Error(
      `--shaper proxy limits only the origin's rate; ${needsTc(scenario, setup)} needs tc`,
    );
  return {
    scenario,
    setup,
    seed: given('seed', (text) => parseCount(text, 0, 2 ** 32 - 1), 1),
    shaper,
    scriptFrom: oneOf('script-from', values['script-from'], ['fast', 'origin']),
    out: given('out', named, undefined),
    timeoutMs: given(
      'timeout',
      (text) => {
        const ms = parseMs(/^[\d.]+$/.test(text) ? `${text}s` : text);
        if (ms < 1000) throw new Error(`'${text}' is too short: give at least 1s`);
        return ms;
      },
      undefined,
    ),
  };
}

/** What of a setup the proxy cannot do. */
export function needsTc(scenario: Scenario, setup: Setup): string | undefined {
  if (scenario.behindNat) return 'a NAT';
  if (scenario.slowSeeder) return 'a slow seeder';
  if (setup.peerUp || setup.peerDown) return 'a limit of peers (--peer-up, --peer-down)';
  if (setup.rttMs) return '--rtt';
  if (setup.loss) return '--loss';
  return undefined;
}

/** What of a setup would not be so if visitors shared a browser and its link. */
function needsOwnLink(scenario: Scenario, setup: Setup): string | undefined {
  if (scenario.breaks?.some(({ what }) => what === 'kill seeders')) return 'killing some seeders';
  return needsTc(scenario, setup);
}

function cells(
  scenario: Scenario,
  declared: readonly Grid[],
  given: Readonly<Record<'n' | 'seeders' | 'leechers', number[] | undefined>>,
): readonly Grid[] {
  const { n, seeders, leechers } = given;
  if (n && (seeders || leechers)) throw new Error('--n stands for both --seeders and --leechers');
  if (n) return n.map((both) => ({ seeders: both, leechers: both }));
  if (!seeders && !leechers) return declared;
  if (scenario.shape === 'diagonal' && !(seeders && leechers))
    throw new Error(`${scenario.name} has as many seeders as leechers: give --n, or both`);
  const axis = (key: keyof Grid) => [...new Set(declared.map((cell) => cell[key]))];
  return (seeders ?? axis('seeders')).flatMap((s) =>
    (leechers ?? axis('leechers')).map((l) => ({ seeders: s, leechers: l })),
  );
}

function named(text: string): string {
  if (text === '') throw new Error('name a folder');
  return text;
}

function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  if (!allowed.includes(value as T))
    throw new Error(`--${option} takes ${allowed.join(', ')}, not '${value}'`);
  return value as T;
}
