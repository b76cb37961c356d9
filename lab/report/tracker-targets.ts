/** The figures that the tracker is to reach. */
import type { Committed, LoadResult } from './committed.ts';
import { plural } from './compare.ts';
import { grouped } from './scale.ts';
import {
  atLeast,
  atMost,
  inside,
  type Judged,
  number,
  type Outcome,
  restingOn,
  sourceOf,
  type Target,
  worstOf,
} from './target-tools.ts';

const RIVAL = 'bittorrent-tracker';
const LIMIT = 'bare-relay';

/** Our figure at a path, of the newest full run under load. */
function own(results: readonly Committed[], ...path: string[]): number | undefined {
  return number(inside(loadOf(results), 'trackers', 'zauberflote', ...path));
}

/** The same beside those of another and of what limits both. */
function pair(
  results: readonly Committed[],
  ...path: string[]
): { ours: number; theirs: number; limit: number | undefined } | undefined {
  const load = loadOf(results);
  const at = (group: string, name: string) => number(inside(load, group, name, ...path));
  const [ours, theirs] = [own(results, ...path), at('trackers', RIVAL)];
  if (ours === undefined || theirs === undefined) return undefined;
  return { ours, theirs, limit: at('limits', LIMIT) };
}

/** The newest that was not a quick run. */
function newestOf(results: readonly Committed[]): { name: string; load: LoadResult } | undefined {
  return results
    .flatMap(({ name, load }) => (load ? [{ name, load }] : []))
    .filter(({ load }) => inside(load, 'conditions', 'options', 'quick') !== true)
    .sort((a, b) => (String(a.load.conditions.date) < String(b.load.conditions.date) ? 1 : -1))[0];
}

const loadOf = (results: readonly Committed[]): LoadResult | undefined => newestOf(results)?.load;

/** What is judged of the newest full run under load. @param how full load comes in rounds, all else once */
const underLoad =
  (how: 'in rounds' | 'once', judge: (results: readonly Committed[]) => readonly Judged[]) =>
  (results: readonly Committed[]): Outcome[] => {
    const newest = newestOf(results);
    if (!newest) return [];
    const { conditions } = newest.load;
    const rounds = number(inside(conditions, 'options', 'rounds')) ?? 1;
    const often = how === 'once' ? '1 run' : plural(rounds, 'round');
    return restingOn([sourceOf(newest.name, conditions, often)], judge(results));
  };

/** Introductions per CPU second at a path. */
function speed(results: readonly Committed[], where: string, ...path: string[]): Judged[] {
  const found = pair(results, ...path, 'introductionsPerCpuSecond');
  if (!found) return [];
  const { ours, theirs, limit } = found;
  const least = limit === undefined ? '' : `, ${(ours / limit).toFixed(2)} of bare sockets`;
  const measured = `${grouped(ours)}, ${(ours / theirs).toFixed(2)} × ${RIVAL} (${grouped(theirs)})${least}`;
  return [atLeast(where, ours, 3 * theirs, measured)];
}

/** How the cost changes from the least to the most of what a probe varies, with as many connections. */
function growth(results: readonly Committed[], probe: string, where: string): Judged[] {
  const scaling = inside(loadOf(results), 'trackers', 'zauberflote', 'scaling');
  const rows = (Array.isArray(scaling) ? (scaling as readonly Probed[]) : [])
    .filter((row) => row.probe === probe)
    .sort((a, b) => a.of - b.of);
  const last = rows.at(-1);
  const first = rows.find(({ connections }) => connections === last?.connections);
  if (!first || !last || first === last) return [];
  const told = ({ of, cpuMicrosecondsPerIntroduction: cost }: Probed) =>
    `${Math.round(cost)} µs with ${grouped(of)}`;
  const change = last.cpuMicrosecondsPerIntroduction / first.cpuMicrosecondsPerIntroduction - 1;
  return [atMost(where, Math.abs(change), 0.2, `${told(first)}, ${told(last)}`)];
}

/** A row of `scaling` in `load.json`. */
interface Probed {
  readonly probe: string;
  readonly of: number;
  readonly connections: number;
  readonly cpuMicrosecondsPerIntroduction: number;
}

function memory(results: readonly Committed[], where: 'idle' | 'active', most: number): Judged[] {
  const bytes = own(results, `${where}BytesPerConnection`);
  return bytes === undefined ? [] : [atMost(where, bytes, most, `${grouped(bytes)} bytes`)];
}

export const TRACKER_TARGETS: readonly Target[] = [
  {
    id: 'tracker-speed',
    scenario: 'Tracker: introductions per CPU second',
    reach: `≥ 3 × ${RIVAL}`,
    parts: 2,
    outcomes: underLoad('in rounds', (results) => [
      ...speed(results, 'one after each ask'),
      ...speed(results, 'as each client asks', 'asItsClientAsks'),
    ]),
  },
  {
    id: 'tracker-bytes',
    scenario: 'Tracker: bytes on the wire of an introduction',
    reach: `≤ 1/5 of ${RIVAL}`,
    outcomes: underLoad('in rounds', (results) => {
      const found = pair(results, 'bytesPerIntroduction');
      if (!found) return [];
      const { ours, theirs } = found;
      const measured = `${grouped(ours)}, ${(ours / theirs).toFixed(2)} × ${grouped(theirs)}`;
      return [atMost('', ours, theirs / 5, measured)];
    }),
  },
  {
    id: 'tracker-memory',
    scenario: 'Tracker: resident memory of a connection',
    reach: 'idle ≤ 8 KiB; once it wants and has ≤ 12 KiB',
    parts: 2,
    outcomes: underLoad('once', (results) => [
      ...memory(results, 'idle', 8_192),
      ...memory(results, 'active', 12_288),
    ]),
  },
  {
    id: 'tracker-latency',
    scenario: 'Tracker: 1 000 introductions/s beside 10 000 idle connections, on one core',
    reach: '99 % within 50 ms',
    outcomes: underLoad('once', (results) => {
      const latency = inside(loadOf(results), 'trackers', 'zauberflote', 'latency');
      const p99 = own(results, 'p99Ms');
      const enough =
        Number(inside(latency, 'perSecond')) >= 1_000 &&
        Number(inside(latency, 'idleConnections')) >= 10_000;
      return p99 === undefined || !enough ? [] : [atMost('', p99, 50, `${p99.toFixed(1)} ms`)];
    }),
  },
  {
    id: 'tracker-flat',
    scenario: 'Tracker: cost of an introduction as swarms grow, with as many connections',
    reach: 'flat (± 20 %) from 100 to 10 000 peers in one swarm and from 10 to 10 000 swarms',
    parts: 2,
    outcomes: underLoad('once', (results) => [
      ...growth(results, 'peersInOneSwarm', 'peers'),
      ...growth(results, 'swarms', 'swarms'),
    ]),
  },
  {
    id: 'tracker-soak',
    scenario: 'Tracker: 30 minutes of churn',
    reach: 'memory at the end within 5 % of minute 5',
    outcomes: (results) =>
      results.flatMap(({ name, soak }) => {
        const end = number(inside(soak, 'soak', 'growth'));
        const seconds = Number(inside(soak, 'conditions', 'options', 'seconds'));
        if (end === undefined || !(seconds >= 1_800)) return [];
        return restingOn(
          [sourceOf(name, soak?.conditions, '1 run')],
          [atMost('', Math.abs(end - 1), 0.05, `${end.toFixed(3)} × that`)],
        );
      }),
  },
  {
    id: 'tracker-hostile',
    scenario: 'Tracker: under attack',
    reach: 'well-behaved clients: 99 % within 100 ms, none lost',
    outcomes: (results) =>
      worstOf(
        results.flatMap(({ name, hostile }) =>
          restingOn([sourceOf(name, hostile?.conditions, '1 run')], attacks(hostile)),
        ),
      ),
  },
];

function attacks(hostile: Committed['hostile']): Judged[] {
  const rows = inside(hostile, 'hostile');
  const seconds = Number(inside(hostile, 'conditions', 'options', 'seconds'));
  const due = seconds * Number(inside(hostile, 'conditions', 'options', 'introductionsPerSecond'));
  return (Array.isArray(rows) ? rows : []).map(({ attack, introductions, p99Ms }): Judged => {
    const where = `worst: ${attack}`;
    if (Number(introductions) >= due) return atMost(where, p99Ms, 100, `${p99Ms.toFixed(1)} ms`);
    const measured = `${introductions} of ${due} introductions`;
    return { where, measured, over: Number.POSITIVE_INFINITY };
  });
}
