import { execFileSync, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Puts this process on a core of its own and says which is left to the trackers. */
export function pin(): { readonly generator: number; readonly trackers: number } | undefined {
  if (availableParallelism() < 2 || spawnSync('taskset', ['--version']).status !== 0)
    return undefined;
  const list = execFileSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' });
  const allowed = coresOf(list.slice(list.lastIndexOf(':') + 1));
  const [trackers, generator] = allowed as [number, number];
  execFileSync('taskset', ['-acp', String(generator), String(process.pid)]);
  return { generator, trackers };
}

/** The numbers in a list such as `0-3,8`. */
function coresOf(list: string): number[] {
  return list
    .trim()
    .split(',')
    .flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}
