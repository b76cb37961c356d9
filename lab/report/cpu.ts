/** Processor time in words and as a table. */
import type { Cell, CpuUse } from '../results.ts';
import { placeOf } from './compare.ts';
import { percent } from './scale.ts';
import { labelOf } from './theme.ts';

/** Less of all processor time than this is not told. */
const LEAST_SHARE = 0.01;

const all = ({ machine }: CpuUse): number => machine.busy + machine.idle;

/** Largest first. */
function largest(seconds: Readonly<Record<string, number>>): [name: string, seconds: number][] {
  return Object.entries(seconds).sort(([, a], [, b]) => b - a);
}

/** Seconds by role and kind of process, user and system together, largest first. */
export function byKind({ kinds }: CpuUse): [name: string, seconds: number][] {
  return largest(
    Object.fromEntries(Object.entries(kinds).map(([name, of]) => [name, of.user + of.system])),
  );
}

/** Share of all processor time that was used. */
export function busyShare(use: CpuUse): number {
  return use.machine.busy / all(use);
}

/** "busy for 98 % of 2 cores × 2.1 s: leecher renderer 45 %, …" */
export function cpuText(use: CpuUse): string {
  const share = (seconds: number) => percent(seconds / all(use));
  const told = (of: [string, number][]) =>
    of
      .filter(([, seconds]) => seconds >= LEAST_SHARE * all(use))
      .map(([name, seconds]) => `${name} ${share(seconds)}`)
      .join(', ');
  const system = Object.values(use.kinds).reduce((sum, of) => sum + of.system, 0);
  const threads = told(largest(use.threads));
  return (
    `busy for ${percent(busyShare(use))} of ${use.cores} cores × ${(use.wallMs / 1000).toFixed(1)} s: ` +
    `${told(byKind(use))}; of all this ${share(system)} inside the kernel, and ` +
    `${share(use.machine.softirq)} more in its soft interrupts` +
    (threads === '' ? '' : `; renderers by thread: ${threads}`)
  );
}

/** The same of a cell, as a sentence; null where none was recorded. */
export function cpuSentence(cell: Cell): string | null {
  if (!cell.cpu) return null;
  return `Processors while ${labelOf(cell.mode)} loaded, ${placeOf(cell)}: ${cpuText(cell.cpu)}.`;
}
