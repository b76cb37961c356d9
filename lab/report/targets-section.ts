/** What was to be reached, and what the committed results say of it. */
import type { Committed, Reasons } from './committed.ts';
import { md, mdTable } from './markdown.ts';
import { beyond, type Outcome, profileOf, sourcesOf, worstOf } from './target-tools.ts';
import { ENGINE_TARGETS } from './targets.ts';
import { TRACKER_TARGETS } from './tracker-targets.ts';

const TARGETS = [...ENGINE_TARGETS, ...TRACKER_TARGETS];

const isMissed = ({ over }: Outcome): boolean => !(over <= 0);

function verdictOf(outcomes: readonly Outcome[], parts: number): string {
  if (outcomes.length === 0) return '– not measured';
  const missed = outcomes
    .filter(isMissed)
    .map((one) => `${one.where === '' ? '' : `${md(one.where)} `}${beyond(one)}`);
  return (
    (missed.length === 0 ? '✓ reached' : `✕ missed ${missed.join('; ')}`) +
    (outcomes.length < parts ? '; not all was measured' : '')
  );
}

/** The reason that was found for the results in which this was missed, and not for others. */
function reasonOf(reasons: Reasons, id: string, missed: readonly Outcome[]): string | null {
  const reason = Object.hasOwn(reasons, id) ? reasons[id] : undefined;
  const isOfThese = sourcesOf(missed).every(
    ({ name, stamp }) => stamp !== '' && reason?.of[name] === stamp,
  );
  return reason && isOfThese ? reason.why : null;
}

/**
 * @param reasons why targets were missed, by their names
 * @throws {Error} if there is a reason for what is no target
 */
export function targetsSection(results: readonly Committed[], reasons: Reasons): string {
  const unknown = Object.keys(reasons).find((id) => !TARGETS.some((target) => target.id === id));
  if (unknown !== undefined)
    throw new Error(
      `why.json: no target is called '${unknown}'; there are ${TARGETS.map(({ id }) => id).join(', ')}`,
    );
  const judged = TARGETS.map((target) => ({ target, outcomes: target.outcomes(results) }));
  const rows = judged.map(({ target: { scenario, reach, parts = 1 }, outcomes }) => {
    const measured = outcomes.map(({ where, measured }) =>
      md(where === '' ? measured : `${where}: ${measured}`),
    );
    const rest = new Set(sourcesOf(outcomes).map(({ words }) => md(words)));
    return [
      scenario,
      reach,
      measured.join('; ') || '–',
      [...rest].join('; ') || '–',
      verdictOf(outcomes, parts),
    ];
  });
  const lines = judged.flatMap(({ target: { id, scenario }, outcomes }) => {
    const missed = outcomes.filter(isMissed);
    return worstOf(missed).map((one) => {
      const reason = md(reasonOf(reasons, id, missed) ?? 'the reason is still to be found');
      const profile = profileOf(one);
      return `- ${scenario}: ${reason}${profile === null ? '' : `; ${md(profile)}`}.`;
    });
  });
  return [
    '## What was to be reached',
    'S: seeders, L: leechers. In brackets after a mean: the fastest and the slowest load. “Missed by” is how far beyond the bound the figure is, as a share of the bound.',
    mdTable(['Scenario', 'To reach', 'Measured', 'When, how often', 'Verdict'], rows, 'words'),
    ...(lines.length === 0 ? [] : [`**Why those were missed**\n\n${lines.join('\n')}`]),
  ].join('\n\n');
}
