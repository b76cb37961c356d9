import { LIMIT, TRACKERS } from './protocol.ts';
import type { Figures, Results, Speed } from './run.ts';

/** The figures of both trackers beside each other, and of what limits them, for people. */
export function table({ trackers: figures, limits }: Results): string {
  const rows: [string, (of: Figures) => string][] = [
    ['introductions per CPU second', (of) => whole(of.introductionsPerCpuSecond)],
    [
      '  CPU µs in the program, kernel',
      ({ cpuMicroseconds: { user, system } }) => `${whole(user)}, ${whole(system)}`,
    ],
    ['bytes per introduction', (of) => whole(of.bytesPerIntroduction)],
    [
      '  as its client asks',
      (of) => `${inOne(of)}, ${whole(of.asItsClientAsks.bytesPerIntroduction)} B`,
    ],
    ['bytes per idle connection', (of) => whole(of.idleBytesPerConnection)],
    ['bytes per active connection', (of) => whole(of.activeBytesPerConnection)],
    [
      '  idle, active before collection',
      ({ beforeCollection: of }) =>
        `${whole(of.idleBytesPerConnection)}, ${whole(of.activeBytesPerConnection)}`,
    ],
    ['latency p50', (of) => `${of.p50Ms.toFixed(2)} ms`],
    ['latency p99', (of) => `${of.p99Ms.toFixed(2)} ms`],
    ['  its share of a core', ({ latency: of }) => `${(of.trackerCpuShare * 100).toFixed(0)} %`],
    ['  generator late, p99', ({ latency: of }) => `${of.generatorLagP99Ms.toFixed(2)} ms`],
    ...figures.zauberflote.scaling.map(({ probe, of }, i): [string, (of: Figures) => string] => [
      `CPU µs, ${probe} = ${of}`,
      ({ scaling }) => (scaling[i]?.cpuMicrosecondsPerIntroduction ?? Number.NaN).toFixed(1),
    ]),
  ];
  const cells = rows.map(([name, cell]) => [name, ...TRACKERS.map((of) => cell(figures[of]))]);
  const all = [['', ...TRACKERS], ...cells];
  const widths = [0, 1, 2].map((i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ');
  const limit = limits[LIMIT];
  const last = `${LIMIT}, on the same sockets: ${whole(limit.introductionsPerCpuSecond)}; as its client asks ${inOne(limit)}`;
  return [...all.map(line), last].join('\n');
}

/** Introductions per CPU second, several after one ask. */
function inOne({ asItsClientAsks: of }: Speed): string {
  return `${whole(of.introductionsPerCpuSecond)} (${of.offersPerAsk} at once)`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
