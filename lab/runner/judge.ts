import { type LinkMeasurement, MAX_LINK_ERROR } from '../net/types.ts';
import type { Summary } from '../results.ts';
import { isRival } from '../scenarios/checks.ts';
import type { Check, Trial } from '../scenarios/index.ts';
import { showRate } from './units.ts';

export interface Evidence {
  readonly trials: readonly Trial[];
  readonly links: readonly LinkMeasurement[];
  /** Why links could not be measured. */
  readonly unmeasured: readonly string[];
  readonly checks: readonly Check[];
  /** Why it could not be run, if so. */
  readonly unsupported: string | undefined;
}

/** What a run is worth, and why: every reason, also those that do not decide. */
export function judge({
  trials,
  links,
  unmeasured,
  checks,
  unsupported,
}: Evidence): Pick<Summary, 'verdict' | 'why'> {
  // Written so that a measurement that is no number counts as off.
  const off = links.filter(({ error }) => !(Math.abs(error) <= MAX_LINK_ERROR));
  const why = [
    ...(unsupported === undefined ? [] : [unsupported]),
    ...unmeasured,
    ...off.map(
      (link) =>
        `the link of ${link.host} (${link.direction}, measured ${link.when}) carried ` +
        `${showRate(link.measuredBytesPerSecond)}, not ${showRate(link.setBytesPerSecond)}`,
    ),
  ];
  let failed = false;
  for (const trial of trials)
    for (const complaint of checks.flatMap((check) => check(trial))) {
      const { mode, grid, rateBytesPerSecond, run } = trial;
      const rival = isRival(mode);
      failed ||= !rival;
      why.push(
        `${mode} ${grid.seeders}:${grid.leechers} at ${showRate(rateBytesPerSecond)}, run ${run}: ` +
          `${complaint}${rival ? ' (a rival: told, not judged)' : ''}`,
      );
    }
  // A run of rivals alone in which nothing was shown: there is nothing to be satisfied with.
  failed ||= trials.every(({ mode, rows }) => isRival(mode) && rows.every(({ ok }) => !ok));
  const verdict =
    unsupported !== undefined
      ? 'unsupported'
      : off.length + unmeasured.length > 0
        ? 'void'
        : failed || trials.length === 0
          ? 'failed'
          : 'ok';
  return { verdict, why };
}
