/** Sections of `docs/results.md` that no browser was needed for: the simulation, and trackers under load, churn and attack. */
import type { LoadResult } from './committed.ts';
import { code, md, mdTable } from './markdown.ts';
import { grouped } from './scale.ts';
import { loadAverageOf } from './words.ts';

/** The figures of DESIGN section 7 and what they are made of, and which way is better. */
const LOAD_FIGURES: readonly (readonly [key: string, words: string, better: 'more' | 'less'])[] = [
  ['introductionsPerCpuSecond', 'Introductions per CPU second', 'more'],
  ['cpuMicroseconds.user', 'CPU time of each in the program, µs', 'less'],
  ['cpuMicroseconds.system', 'CPU time of each in the kernel, µs', 'less'],
  [
    'asItsClientAsks.introductionsPerCpuSecond',
    'Introductions per CPU second, as its client asks',
    'more',
  ],
  ['bytesPerIntroduction', 'Bytes per introduction', 'less'],
  ['idleBytesPerConnection', 'Memory per idle connection, bytes', 'less'],
  ['activeBytesPerConnection', 'Memory per active connection, bytes', 'less'],
  ['p50Ms', 'Latency of an introduction, median, ms', 'less'],
  ['p99Ms', 'Latency of an introduction, 99 %, ms', 'less'],
];

/** A number with three digits at least, all of a whole one. */
function figure(value: unknown): string {
  if (typeof value !== 'number')
    return value === null || value === undefined ? '–' : md(String(value));
  if (!Number.isFinite(value)) return '–';
  return Math.abs(value) >= 1000 ? grouped(value) : String(Number(value.toPrecision(3)));
}

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Anything but a text in one line: what an object holds, by name. */
function inLine(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!isObject(value)) return JSON.stringify(value);
  return flat(value)
    .map((pair) => pair.join(' '))
    .join(', ');
}

function conditionLines(conditions: unknown): string {
  if (!isObject(conditions)) return 'Its conditions were not recorded.';
  return Object.entries(conditions)
    .flatMap(([key, value]) => {
      if (Array.isArray(value)) return value.map((one) => `- ${md(inLine(one))}`);
      const load =
        key === 'loadAverage' && isObject(value)
          ? loadAverageOf(value.before, value.after, conditions.cores)
          : null;
      return [`- ${md(load ?? `${key}: ${inLine(value)}`)}`];
    })
    .join('\n');
}

/** CPU time of an introduction by what was varied, a row for each probe. */
function scalingTable(trackers: LoadResult['trackers']): string[] {
  const probes = new Map<string, string[]>();
  const names = Object.keys(trackers);
  names.forEach((tracker, i) => {
    const scaling = trackers[tracker]?.scaling;
    for (const one of isRecords(scaling) ? (scaling as readonly Json[]) : []) {
      const key = [one.probe, one.of, one.connections].map(figure).join(' | ');
      const row = probes.get(key) ?? [
        ...[one.probe, one.of, one.connections].map(figure),
        ...names.map(() => '–'),
      ];
      row[3 + i] = figure(one.cpuMicrosecondsPerIntroduction);
      probes.set(key, row);
    }
  });
  if (probes.size === 0) return [];
  const heads = ['CPU µs of an introduction by', 'how many', 'connections', ...names.map(code)];
  return [mdTable(heads, [...probes.values()])];
}

export function loadSection(
  name: string,
  { conditions, trackers, limits = {} }: LoadResult,
): string {
  const { options, seed } = conditions;
  const small =
    typeof options === 'object' && options !== null && 'quick' in options && options.quick;
  const quick = `${small === true ? ' --quick' : ''}${typeof seed === 'number' ? ` --seed ${seed}` : ''}`;
  const names = Object.keys(trackers);
  const all = { ...trackers, ...limits };
  const value = (tracker: string, key: string): unknown =>
    key
      .split('.')
      .reduce<unknown>((at, part) => (isObject(at) ? at[part] : undefined), all[tracker]);
  const worse = LOAD_FIGURES.flatMap(([key, words, better]) => {
    const ours = value('zauberflote', key);
    return names
      .filter((tracker) => tracker !== 'zauberflote')
      .flatMap((tracker) => {
        const theirs = value(tracker, key);
        if (typeof ours !== 'number' || typeof theirs !== 'number') return [];
        const isWorse = better === 'more' ? ours < theirs : ours > theirs;
        return isWorse
          ? [`- ${words}: ${figure(ours)} against ${figure(theirs)} of ${md(tracker)}.`]
          : [];
      });
  });
  return [
    `## The tracker under load (${md(name)})`,
    conditionLines(conditions),
    `\`\`\`sh\nnpm run load --${quick} --out load.json\n\`\`\``,
    mdTable(
      ['', ...Object.keys(all).map(code), 'Better is'],
      LOAD_FIGURES.map(([key, words, better]) => [
        words,
        ...Object.keys(all).map((tracker) => figure(value(tracker, key))),
        better,
      ]),
    ),
    ...scalingTable(trackers),
    worse.length === 0
      ? 'In this run no figure of the table is worse than another tracker’s.'
      : `**Where we are worse in this run**\n\n${worse.join('\n')}`,
  ].join('\n\n');
}

type Row = ReadonlyMap<string, unknown>;

/** `{a: {b: 1}}` as `a.b → 1`; lists are left whole. */
function flat(value: object, prefix = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([key, inner]): [string, unknown][] =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? flat(inner, `${prefix}${key}.`)
      : [[prefix + key, Array.isArray(inner) ? JSON.stringify(inner) : inner]],
  );
}

const NAMES = ['name', 'scenario', 'scenario.name', 'attack'];

/** A column for each record, headed by its name where it has one, and a row for each figure. */
function recordTable(title: string, records: readonly object[]): string {
  const rows: Row[] = records.map((record) => new Map(flat(record)));
  const keys = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  const heads = rows.map((row, index) => {
    const name = NAMES.map((key) => row.get(key)).find((one) => typeof one === 'string');
    return typeof name === 'string' ? md(name) : rows.length === 1 ? 'value' : String(index + 1);
  });
  return mdTable(
    [md(title), ...heads],
    keys
      .filter((key) => !NAMES.includes(key))
      .map((key) => [md(key), ...rows.map((row) => figure(row.get(key)))]),
  );
}

function isRecords(value: unknown): value is readonly object[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((row) => typeof row === 'object' && row !== null && !Array.isArray(row))
  );
}

/** What the bounds in a simulation's result are bounds of: it depends on how its peers came and went. */
function limitWords(record: Readonly<Record<string, unknown>>): string[] {
  const { scenario, fluidLimitMs, fluidLimitPeers, leastMeanMs, left } = record;
  if (!isObject(scenario) || typeof fluidLimitMs !== 'number') return [];
  const { peers, arrivalMs } = scenario;
  const mean = isObject(record.timeMs) ? record.timeMs.mean : undefined;
  const counted = typeof fluidLimitPeers === 'number' ? fluidLimitPeers : peers;
  const spread = typeof arrivalMs === 'number' && arrivalMs > 0;
  const words = [
    `\`fluidLimitMs\` is the fluid limit of ${figure(counted)} peers${spread ? ', had all come at once' : ''}` +
      (typeof left !== 'number' || left === 0
        ? '.'
        : counted === peers
          ? `; the ${figure(left)} who left before they had the content are counted in.`
          : `; the ${figure(left)} who left before they had the content are left out.`),
    ...(spread
      ? [
          `They came within ${figure(arrivalMs / 1000)} s, so it bounds nobody’s time, and no multiple of it is told.`,
        ]
      : []),
    ...(typeof leastMeanMs === 'number'
      ? [
          '`leastMeanMs` bounds the mean time of peers who come as these did' +
            (typeof mean === 'number'
              ? `: it was ${(mean / leastMeanMs).toFixed(2)} times that.`
              : '.'),
        ]
      : []),
  ];
  return [words.join(' ')];
}

/** Without multiples of a limit that is none for peers who come one after the other. */
function withoutMultiples(
  sim: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { result } = sim;
  if (!isObject(result) || !isObject(result.scenario) || !(Number(result.scenario.arrivalMs) > 0))
    return sim;
  const { ofFluidLimit: _, ...others } = result;
  return { ...sim, result: others };
}

/** Every list of records in the file is a table; without a list, the file is one record. */
export function simSection(name: string, sim: Readonly<Record<string, unknown>>): string {
  const { conditions, ...rest } = sim;
  const told = withoutMultiples(rest);
  const lists = Object.entries(told).filter(([, value]) => isRecords(value));
  const tables =
    lists.length > 0
      ? lists.map(([key, value]) => recordTable(key, value as readonly object[]))
      : [recordTable('', [told])];
  return [
    `## Simulation (${md(name)})`,
    conditionLines(conditions),
    ...(isObject(rest.result) ? limitWords(rest.result) : []),
    ...tables,
  ].join('\n\n');
}

/** The tracker under churn: its memory over time. */
export function soakSection(name: string, { conditions, soak }: Json): string {
  if (!isObject(soak) || !isRecords(soak.samples))
    throw new Error(`${name}/soak.json: soak.samples are missing: run npm run soak again`);
  const { samples, ...figures } = soak;
  const memory = (samples as readonly Json[]).map(
    ({ atSeconds, residentBytes }) =>
      `${Math.round(Number(atSeconds) / 60)}: ${(Number(residentBytes) / 2 ** 20).toFixed(1)}`,
  );
  return [
    `## The tracker under churn (${md(name)})`,
    conditionLines(conditions),
    recordTable('', [figures]),
    `Its memory in MiB, by minute: ${memory.join(', ')}.`,
  ].join('\n\n');
}

/** The tracker under attack: how those fared who behaved. */
export function hostileSection(name: string, { conditions, hostile }: Json): string {
  if (!isRecords(hostile))
    throw new Error(`${name}/hostile.json: hostile is missing: run npm run hostile again`);
  return [
    `## The tracker under attack (${md(name)})`,
    conditionLines(conditions),
    recordTable('', hostile),
  ].join('\n\n');
}
