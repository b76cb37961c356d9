/** What a reader is told about a scenario, its verdict and how to run it again. */
import type { Conditions, Summary } from '../results.ts';

const SCENARIOS: Readonly<Record<string, string>> = {
  fig2: 'Figure 2 of the paper: load time over every number of seeders and leechers.',
  fig3: 'Figure 3 of the paper, the “reddit effect”: n visitors hold the image, n more load it from a slow origin.',
  flash: 'Flash crowd: nobody holds the image and everybody comes at once.',
  lone: 'A lone visitor without any peer: what the library costs.',
  churn: 'Churn: peers vanish in the middle of a transfer.',
  poison: 'Poison: some peers send wrong bytes.',
  'slow-peer': 'Slow peer: one of the peers hardly sends.',
  'origin-down': 'The origin is down: peers are all there is.',
  'tracker-down': 'The tracker is down: the origin must do.',
  nat: 'Every peer behind a network address translator.',
  site: 'A whole converted page of about 30 assets.',
  media: 'Media: a stream played while it loads.',
};

/** The order in which they are told. */
export const SCENARIO_ORDER: readonly string[] = Object.keys(SCENARIOS);

export function aboutScenario(scenario: string): string {
  return Object.hasOwn(SCENARIOS, scenario) ? SCENARIOS[scenario]! : `Scenario ${scenario}.`;
}

export const VERDICTS: Readonly<Record<Summary['verdict'], { mark: string; words: string }>> = {
  ok: { mark: '✓', words: 'Everything asked of this run held.' },
  failed: { mark: '✕', words: 'The run was measured well, but not everything asked of it held.' },
  void: { mark: '⊘', words: 'A link was off: the figures below mean nothing.' },
  unsupported: { mark: '–', words: 'This could not be run here.' },
};

/** Options that say where, not what. */
const NOT_WHAT = new Set(['out', 'help', 'version', 'scenario']);

function quoted(word: string): string {
  return /^[\w.,:/=%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The command line that runs a scenario again, from the options it was run with. */
export function commandOf({ scenario, conditions }: Summary): string {
  const words = ['npm run bench --', quoted(scenario)];
  for (const [name, value] of Object.entries(conditions.options)) {
    if (NOT_WHAT.has(name) || value === undefined || value === null || value === false) continue;
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (value === true) words.push(flag);
    else if (Array.isArray(value)) {
      if (value.length > 0) words.push(flag, quoted(value.join(',')));
    } else words.push(flag, quoted(String(value)));
  }
  if (!('seed' in conditions.options)) words.push('--seed', String(conditions.seed));
  return words.join(' ');
}

/** "2 cores, 24.0 GiB, Linux 6.1, links shaped by tc" */
export function machineOf({ cores, memoryBytes, kernel, shaper }: Conditions): string {
  return `${cores} cores, ${(memoryBytes / 2 ** 30).toFixed(1)} GiB, ${kernel}, shaper ${shaper}`;
}

export function commitOf({ commit, dirty }: Conditions): string {
  return `${commit.slice(0, 12)}${dirty ? ' with uncommitted changes' : ''}`;
}
