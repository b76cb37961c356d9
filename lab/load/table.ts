import type { TrackerName } from './protocol.ts';
import { TRACKERS } from './protocol.ts';
import type { Figures } from './run.ts';

/** The figures of both trackers beside each other, for people. */
export function table(figures: Readonly<Record<TrackerName, Figures>>): string {
  const rows: [string, (of: Figures) => string][] = [
    ['introductions per CPU second', (of) => whole(of.introductionsPerCpuSecond)],
    ['bytes per introduction', (of) => whole(of.bytesPerIntroduction)],
    [
      '  as its client asks',
      ({ asItsClientAsks: of }) =>
        `${whole(of.introductionsPerCpuSecond)}, ${whole(of.bytesPerIntroduction)} B (${of.offersPerAsk} at once)`,
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
  return all.map(line).join('\n');
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
